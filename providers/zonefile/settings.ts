/** What keyturn.yaml says about zones that are files. */

import * as z from "zod";
import type { ProviderAbout } from "../../src/publishing/about.ts";
import { absolutePath } from "../program-fields.ts";

const argv = z.tuple([absolutePath], z.string());

export const settingsSchema = z.strictObject({
	zones: z
		.record(
			z
				.string()
				.regex(/^[a-z0-9_-]+(\.[a-z0-9_-]+)+$/, { error: "must be a zone in lower case, without final dot" }),
			absolutePath,
		)
		.refine((zones) => Object.keys(zones).length > 0, { error: "must name a zone at least" })
		.describe("The zones and their files: `example.com: /var/lib/bind/example.com.zone`."),
	reload: argv
		.default(["/usr/sbin/rndc", "reload", "{zone}"])
		.describe(
			"The program that has the server read the zone anew, and its arguments. It is run without a shell.",
		),
	check: argv
		.default(["/usr/bin/named-checkzone", "-i", "local", "-w", "{directory}", "{zone}", "{file}"])
		.describe(
			"The program that judges the file to come, named by `{file}`, before it takes the place of the old one.",
		),
	directory: absolutePath
		.default("/var/cache/bind")
		.describe("From where the server takes relative paths of `$INCLUDE`: `directory` in named.conf."),
});

export type ZonefileSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "Zone files of a name server on this host (BIND, Knot, NSD)",
	evidence: "server",
	permission:
		"the zone file and its directory have to belong to keyturn's user, and that user has to be allowed the reload command",
	credential:
		"None. The file has to belong to user keyturn and its directory to be writable by it; the server only reads them.",
	remarks: [
		"Only the lines of key records and the serial change: comments, `$ORIGIN`, `$TTL`, `$INCLUDE` and every other line stay byte for byte. A serial such as 2026113001 goes on with today's date, any other by one.",
		"Left alone, since an edit would be lost or break it: a zone with a journal beside its file (dynamic updates: use `rfc2136`), one signed in the file itself, a raw or compressed file, one with `$GENERATE` of TXT or CNAME records, a file that is a hard link, records to be removed that stand in an included file.",
		"The new file is checked before it takes the old one's place in one step, and the server told afterwards; until a reload has succeeded it is told again.",
	],
};
