/** How an adapter's settings name a secret: by where it lies, since keyturn.yaml is read, copied and backed up by many. */

import * as z from "zod";

const RULE =
	"must be { file: PATH }, { env: NAME } or { credential: NAME }, never the secret itself: this file gets into backups, versions and support mails";

/** Every place where an adapter takes a secret; main resolves it when the adapter is made. */
export const secretReference = z
	.union(
		[
			z.strictObject({
				file: z
					.string()
					.regex(/^\/[^\0]+$/, { error: "must be an absolute path" })
					.describe("File that holds the secret; only its owner may read it."),
			}),
			z.strictObject({
				env: z
					.string()
					.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "must be the name of an environment variable" })
					.describe("Environment variable that holds the secret."),
			}),
			z.strictObject({
				credential: z
					.string()
					.regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, { error: "must be the name of a credential of the unit" })
					.describe("Name of a systemd credential (LoadCredential=) that holds the secret."),
			}),
		],
		{ error: RULE },
	)
	.describe("A secret by reference: `{ file: PATH }`, `{ env: NAME }` or `{ credential: NAME }`.");
