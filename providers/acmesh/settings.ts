/** What keyturn.yaml says about the scripts of acme.sh. */

import * as z from "zod";
import type { ProviderAbout } from "../../src/publishing/about.ts";
import { absolutePath, environment, timeout } from "../program-fields.ts";

/** Tried, or read in acme.sh 3.1.4: the value reaches the interface as it is, and is found again when it is taken away. */
const KNOWN = ["dns_pdns", "dns_transip"] as const;
/** Why not, for those that many would try first. */
const UNFIT = {
	dns_cf:
		"it does not find a value with a + again, so that no record would ever be removed: use `cloudflare`",
	dns_desec:
		"it overlooks what stands at the name where deSEC has parted it, and writes over it: use `desec`",
	dns_dgon:
		"it does not find a value with a + again, so that no record would ever be removed: use `digitalocean`",
	dns_nsupdate:
		"it cannot write more than 255 octets, and removes every TXT record at the name: use `rfc2136`",
	dns_vultr:
		"it takes the end of an RSA key for a part of the record's id, so that no such record would ever be removed: use `lexicon`",
	dns_lexicon: "it writes below _acme-challenge only: use `lexicon`",
	dns_namecheap: "it rewrites the whole zone: use `namecheap`",
	dns_freedns:
		"it fills in the pages of a web site, where nobody has seen a long record arrive: use `manual`",
} as const satisfies Readonly<Record<string, string>>;

export const settingsSchema = z.strictObject({
	api: z
		.enum(KNOWN, {
			error: ({ input }) =>
				typeof input === "string" && Object.hasOwn(UNFIT, input)
					? `is no script to write key records with: ${UNFIT[input as keyof typeof UNFIT]}`
					: `must be one whose long values are known to come through: ${KNOWN.join(", ")}; for any other, \`exec\` with a program that you have tried`,
		})
		.describe("The script's name in `dnsapi/`."),
	home: absolutePath.describe("Where acme.sh is: the directory with `acme.sh` and `dnsapi/`."),
	env: environment.describe(
		"The variables that the script asks for: `PDNS_Token: { file: … }`; texts, and secrets by reference.",
	),
	timeout,
});

export type AcmeshSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "A script of acme.sh",
	evidence: "documented",
	permission: "look into the script for the variables that it asks for",
	credential:
		"As the head of the script says; it goes into its environment by reference. Nothing is saved in `account.conf`.",
	remarks: [
		`The last resort, since these scripts were made for values of 43 octets: only ${KNOWN.join(", ")} are taken. Of these dns_pdns was tried with PowerDNS, dns_transip was read.`,
		"They part values at blanks and may take others at the same name away: keyturn gives them no value with a blank, and has them take a record away only where it stands alone.",
		"`acme.sh`, the script and all directories above have to belong to root or keyturn's user, and be writable by nobody else.",
	],
};
