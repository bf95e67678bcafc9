/** What keyturn.yaml says about lexicon. */

import * as z from "zod";
import type { ProviderAbout } from "../../src/publishing/about.ts";
import { absolutePath, environment, timeout } from "../program-fields.ts";
import { KNOWN, UNFIT } from "./known.ts";

const names = Object.keys(KNOWN) as (keyof typeof KNOWN)[];

export const settingsSchema = z.strictObject({
	provider: z
		.enum(names, {
			error: ({ input }) =>
				typeof input === "string" && Object.hasOwn(UNFIT, input)
					? `is no adapter to write key records with: ${UNFIT[input as keyof typeof UNFIT]}`
					: `must be one whose long values are known to come through: ${names.join(", ")}; for any other, \`exec\` with a program that you have tried`,
		})
		.describe("lexicon's name of the DNS host."),
	program: absolutePath.default("/usr/bin/lexicon").describe("lexicon itself."),
	env: environment
		.refine((env) => Object.keys(env).every((name) => name.startsWith("LEXICON_")), {
			error: "must be variables of lexicon: LEXICON_<PROVIDER>_<OPTION>",
		})
		.describe(
			"Its options, in capitals: `LEXICON_POWERDNS_AUTH_TOKEN: { file: … }`; texts, and secrets by reference.",
		),
	timeout,
});

export type LexiconSettings = z.infer<typeof settingsSchema>;

const since = Object.entries(KNOWN).flatMap(([name, known]) => ("since" in known ? [name] : []));

export const about: ProviderAbout = {
	title: "lexicon (dns-lexicon), a program for many DNS hosts",
	evidence: "documented",
	permission:
		"run `lexicon PROVIDER list ZONE TXT` by hand as user keyturn, with the same variables, and see what it says",
	credential:
		"As lexicon's documentation says for the host; it goes into its environment by reference, never into its arguments.",
	remarks: [
		`Only adapters whose long values are known to come through: ${names.join(", ")}. Of these powerdns was tried on a real server, with Debian's lexicon 3.11.7; the others were read. ${since.join(", ")} need lexicon 3.25.1 or newer: the one of Debian 12 has no such adapter, or speaks to an interface that is no more.`,
		"What it answers is not believed: it says success where a record was cut or not written at all (its `ddns` did both). keyturn asks every name server of the zone, and writes nothing while one that `verify.quorum` asks for does not answer.",
		"It takes the zone from keyturn (`--delegated`), since it would guess the wrong one for a delegated subdomain.",
	],
};
