/** What keyturn.yaml says about a dkimpy-milter; everything else is read from its own configuration. */

import * as z from "zod";

const absolutePath = z
	.string()
	.regex(/^\/[^\s#%:]*[^\s#%:/]$/, "expected an absolute path without blanks, #, % and :, not ending in /");

export const settingsSchema = z.strictObject({
	config: absolutePath
		.default("/etc/dkimpy-milter/dkimpy-milter.conf")
		.describe("dkimpy-milter.conf: KeyTable, SigningTable, UserID and Socket are read from it"),
	keys: absolutePath.describe(
		"Directory for new key files, which are named <keys>/<domain>/<selector>.private",
	),
});

export type DkimpySettings = Readonly<z.infer<typeof settingsSchema>>;
