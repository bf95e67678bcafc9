/** What keyturn.yaml says about a program that writes records. */

import * as z from "zod";
import type { ProviderAbout } from "../../src/publishing/about.ts";
import { absolutePath, environment, timeout } from "../program-fields.ts";

export const settingsSchema = z.strictObject({
	run: z
		.tuple([absolutePath], z.string())
		.describe(
			"The program and its first arguments; `present` or `cleanup`, the name with its final dot and the value follow. It is run without a shell.",
		),
	env: environment.describe(
		"All that its environment has besides PATH, LANG and DKIM_*: texts, and secrets by reference.",
	),
	timeout,
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
		"A program cannot be asked what stands: keyturn asks every name server of the zone, and writes nothing while one that `verify.quorum` asks for does not answer.",
	],
};
