/** What keyturn.yaml says about a DKIMproxy; everything else is read from its own configuration. */

import * as z from "zod";

const absolutePath = z
	.string()
	.regex(
		/^\/[^\s#%:,;()\\$]*[^\s#%:,;()\\$/]$/,
		"expected an absolute path of plain characters, not ending in /",
	);

export const settingsSchema = z.strictObject({
	config: absolutePath
		.default("/etc/dkimproxy/dkimproxy_out.conf")
		.describe("dkimproxy_out.conf: the key, or the sender_map with the keys, and where it listens"),
	keys: absolutePath.describe(
		"Directory for new key files, which are named <keys>/<domain>/<selector>.private",
	),
	user: z
		.string()
		.regex(/^[A-Za-z0-9_.:-]+$/, "expected a user, or user:group")
		.default("dkimproxy")
		.describe("Who it runs as (`--user` of its start script), and who owns new key files"),
	perl: absolutePath.default("/usr/bin/perl").describe("The Perl that has its Mail::DKIM, to sign offline"),
});

export type DkimproxySettings = Readonly<z.infer<typeof settingsSchema>>;
