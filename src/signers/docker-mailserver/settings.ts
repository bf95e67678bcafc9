/** What keyturn.yaml says about a docker-mailserver; the rest is read from its volume. */

import * as z from "zod";

const absolutePath = z
	.string()
	.regex(
		/^\/[^\s#%$:"'\\]*[^\s#%$:"'\\/]$/,
		"expected an absolute path of plain characters, not ending in /",
	);

export const settingsSchema = z.strictObject({
	volume: absolutePath.describe(
		"The directory of this host that the container has as /tmp/docker-mailserver (docker-data/dms/config)",
	),
	signs: z
		.enum(["opendkim", "rspamd"])
		.default("opendkim")
		.describe("Which of the two signs in it: `rspamd` with ENABLE_RSPAMD=1"),
	inside: absolutePath.default("/tmp/docker-mailserver").describe("Where the container has the volume"),
	exec: z
		.tuple([absolutePath], z.string())
		.default(["/usr/bin/docker", "exec", "-i", "mailserver"])
		.describe("What runs a program inside the running container, with its standard input"),
	smtp: z
		.string()
		.regex(/^[^\s:]+:\d{1,5}$/, "expected HOST:PORT")
		.default("127.0.0.1:25")
		.describe("Where it greets once it is up"),
});

export type DockerMailserverSettings = Readonly<z.infer<typeof settingsSchema>>;
