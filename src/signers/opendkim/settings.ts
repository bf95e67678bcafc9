/** What keyturn.yaml says about an OpenDKIM; everything else is read from its own configuration. */

import * as z from "zod";

const absolutePath = z
	.string()
	.regex(/^\/[^\s#%]*[^\s#%/]$/, "expected an absolute path without blanks, # and %, not ending in /");

export const settingsSchema = z.strictObject({
	config: absolutePath
		.default("/etc/opendkim.conf")
		.describe("opendkim.conf: KeyTable, SigningTable, UserID, Socket and the like are read from it"),
	keys: absolutePath.describe(
		"Directory for new key files, which are named <keys>/<domain>/<selector>.private",
	),
	program: absolutePath
		.default("/usr/sbin/opendkim")
		.describe("The program that signs offline and checks its configuration"),
});

export type OpenDkimSettings = Readonly<z.infer<typeof settingsSchema>>;
