/** What keyturn.yaml says about an account of deSEC. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	token: secretReference.describe(
		"A token, best with a policy that lets it write TXT records of the zones that keyturn writes, and nothing else.",
	),
});

export type DesecSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "deSEC",
	evidence: "recorded",
	permission:
		"the token needs a policy with write permission for the TXT records of this zone, and must not have expired",
	credential:
		"desec.io, Token Management, Create Token, without any of the manage and create permissions; then in its policies a default without write permission, and one with it for each zone, type TXT (desec.readthedocs.io, Token Scoping). A token may be limited to the addresses of the mail host.",
	remarks: [
		"15 changes a minute, 100 an hour and 300 a day for a zone, 50 reads a minute: keyturn puts changes together, reads slowly, and waits as long as it is told to.",
		"Most zones take no TTL below 3,600 seconds; a lower one is raised to what the zone takes.",
		"Every zone is signed (DNSSEC).",
	],
};
