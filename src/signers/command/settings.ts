/** What keyturn.yaml says about a signer that programs of the administrator's stand for. */

import * as z from "zod";

const absolutePath = z
	.string()
	.regex(/^\/[^\s#%]*[^\s#%/]$/, "expected an absolute path without blanks, # and %, not ending in /");
const argv = z.tuple([absolutePath], z.string());

export const settingsSchema = z.strictObject({
	table: absolutePath.describe(
		"The keys in use, a line each: domain, selector and key file. keyturn changes it, and its programs read it",
	),
	keys: absolutePath.describe(
		"Directory for new key files, which are named <keys>/<domain>/<selector>.private",
	),
	apply: argv.describe(
		"Program and arguments that have the signer use exactly the keys that it gets as JSON on standard input; any status but 0 rolls the switch back",
	),
	prove: argv
		.nullable()
		.default(null)
		.describe(
			"Program and arguments that get a message on standard input and print it as the running signer signs it; `null`: nothing is proven",
		),
	user: z
		.string()
		.regex(/^[A-Za-z0-9_.:-]+$/, "expected a user, or user:group")
		.default("root")
		.describe("Who runs these programs, and owns new key files"),
	timeout: z
		.string()
		.regex(/^[1-9]\d{0,2}s$/, "expected seconds, such as 60s")
		.default("60s")
		.describe("After this long a program is killed, and has failed"),
});

export type CommandSettings = Readonly<z.infer<typeof settingsSchema>>;
