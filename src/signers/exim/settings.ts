/** What keyturn.yaml says about an Exim; how its transports use the table is read from Exim itself. */

import * as z from "zod";

const absolutePath = z
	.string()
	.regex(
		/^\/[^\s#%:"{}$\\]*[^\s#%:"{}$\\/]$/,
		"expected an absolute path of plain characters, not ending in /",
	);

export const settingsSchema = z.strictObject({
	table: absolutePath.describe(
		"File in which dkim_selector and dkim_private_key look up their values (lsearch): a line each, domain: selector=NAME key=PATH",
	),
	keys: absolutePath.describe(
		"Directory for new key files, which are named <keys>/<domain>/<selector>.private",
	),
	program: absolutePath
		.default("/usr/sbin/exim4")
		.describe("Exim itself, asked what its transports would sign with"),
	config: absolutePath
		.nullable()
		.default(null)
		.describe("Its configuration, where that is not the one it was built with"),
	user: z
		.string()
		.regex(/^[A-Za-z0-9_.:-]+$/, "expected a user, or user:group")
		.default("Debian-exim")
		.describe("Who Exim delivers as, and who owns new key files"),
});

export type EximSettings = Readonly<z.infer<typeof settingsSchema>>;
