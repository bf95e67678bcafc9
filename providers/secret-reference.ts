/** How an adapter's settings name a secret: by where it lies. */

import { z } from "zod";

export const secretReference = z.union(
	[
		z.strictObject({ file: z.string().regex(/^\//, { error: "must be an absolute path" }) }),
		z.strictObject({ env: z.string().min(1) }),
		z.strictObject({ credential: z.string().min(1) }),
	],
	{ error: "must be { file: PATH }, { env: NAME } or { credential: NAME }, never the secret itself" },
);
