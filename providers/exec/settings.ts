/** What keyturn.yaml says about a program that writes records. */

import * as z from "zod";
import type { ProviderAbout } from "../../src/publishing/about.ts";
import { secretReference } from "../../src/settings/secret-reference.ts";

const UNITS = { s: 1_000, m: 60_000 } as const;

export const settingsSchema = z.strictObject({
	run: z
		.tuple([z.string().regex(/^\//, { error: "must be an absolute path" })], z.string())
		.describe(
			"The program and its first arguments; `present` or `cleanup`, the name with its final dot and the value follow. It is run without a shell.",
		),
	env: z
		.record(
			z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "must be the name of a variable" }),
			z.union([z.string(), secretReference]),
		)
		.default({})
		.describe("All that its environment has besides PATH, LANG and DKIM_*: texts, and secrets by reference."),
	timeout: z
		.string()
		.regex(/^[1-9]\d{0,2}[sm]$/, { error: "must be a duration such as 90s or 5m" })
		.default("2m")
		.transform((text) => Number(text.slice(0, -1)) * UNITS[text.endsWith("s") ? "s" : "m"])
		.describe("It is killed with everything it has started after this long."),
});

export type ExecSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "A program of yours, called as lego's exec provider calls it",
	evidence: "documented",
	permission: "look at what the program says when it is run by hand as user keyturn",
	credential:
		"Whatever the program needs, through `env`; nothing secret goes into its arguments, which everybody on the host can read.",
	remarks: [
		"`PROGRAM present NAME. VALUE` makes the record, `PROGRAM cleanup NAME. VALUE` takes it away; both have to be repeatable and to leave other values at the name alone. Status 0 says that it was taken. The zone, TTL and quoted value are in DKIM_ZONE, DKIM_TTL and DKIM_VALUE_QUOTED.",
		"The program's file and every directory above it must belong to root or keyturn's user, and be writable by nobody else.",
		"A program cannot be asked what stands: keyturn asks every name server of the zone, and writes nothing while one of them does not answer.",
	],
};
