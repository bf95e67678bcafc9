/** What keyturn.yaml says about a PowerDNS server with its HTTP interface. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	url: z
		.string()
		.regex(/^https?:\/\/[^\s/?#@]+$/, {
			error: 'must be the server\'s address without a path, such as "http://127.0.0.1:8081"',
		})
		.describe("Where the interface listens (`webserver-address`, `webserver-port`), without a path."),
	key: secretReference.describe("The server's `api-key`."),
	server: z
		.string()
		.regex(/^[\w.-]+$/, { error: "must be a server's id" })
		.default("localhost")
		.describe("The server's id in the interface."),
});

export type PowerDnsSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "PowerDNS",
	evidence: "server",
	permission:
		"compare the key with `api-key` of pdns.conf, and this host's address with `webserver-allow-from`",
	credential:
		"In pdns.conf: `api=yes`, `api-key=…`, `webserver-address` and `webserver-allow-from` as narrow as they can be. The key opens every zone of the server: if that is too much, use `rfc2136` with a key for one zone.",
	remarks: [
		"The interface has no TLS of its own: let it listen on loopback, or behind a proxy that has.",
		"A zone of kind Primary tells its secondaries at once, and once for each zone when keyturn starts, in case a run that died did not. They take it only with a new serial, which PowerDNS gives to zones that were made through its interface; to any other once it is told: `pdnsutil set-meta ZONE SOA-EDIT-API DEFAULT`.",
		"Servers before 4.7 answer with the whole zone where one record is asked for, and those with LMDB before 5.0 once for a change: a zone of several thousand records is then more than is read. Use `rfc2136` for it.",
		"A zone that the server has from another one (kind Secondary) is not written: `url` has to be that of the zone's primary.",
	],
};
