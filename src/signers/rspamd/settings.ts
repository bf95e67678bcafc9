/** What keyturn.yaml says about an rspamd; everything else is read from its own configuration. */

import * as z from "zod";

const absolutePath = z
	.string()
	.regex(
		/^\/[^\s#%$"'\\]*[^\s#%$"'\\/]$/,
		"expected an absolute path without blanks, #, %, $, \\ and quotes",
	);

export const settingsSchema = z.strictObject({
	config: absolutePath
		.default("/etc/rspamd/local.d/dkim_signing.conf")
		.describe("The file with the `domain { }` section"),
	keys: absolutePath
		.default("/var/lib/rspamd/dkim")
		.describe("Directory for new key files, which are named <keys>/<domain>/<selector>.private"),
	user: z.string().min(1).default("_rspamd").describe("Who rspamd runs as"),
	listen: z
		.string()
		.regex(/^[^\s:]+:\d{1,5}$/, "expected HOST:PORT")
		.default("127.0.0.1:11333")
		.describe("Where its normal worker answers HTTP"),
	main: absolutePath
		.default("/etc/rspamd/rspamd.conf")
		.describe("Its main configuration, which is checked before a switch"),
	program: absolutePath
		.default("/usr/bin/rspamadm")
		.describe("The program that signs offline and checks the configuration"),
});

export type RspamdSettings = Readonly<z.infer<typeof settingsSchema>>;
