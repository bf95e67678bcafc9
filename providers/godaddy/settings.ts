/** What keyturn.yaml says about an account of GoDaddy. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	key: secretReference.describe("The key of a production API key."),
	secret: secretReference.describe("Its secret."),
});

export type GoDaddySettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "GoDaddy",
	evidence: "recorded",
	permission:
		"the key must be one for production, of the account that has the domain. GoDaddy closes its interface to some accounts with few domains (ACCESS_DENIED): ask its support to open the calls on DNS records",
	credential:
		"developer.godaddy.com/keys, environment Production. A key opens every domain of the account: there is no narrower one, so delegating `_domainkey` to another provider is safer.",
	remarks: [
		"keyturn calls nothing but the TXT records of one name. Since 2024 GoDaddy has kept accounts with fewer than ten domains from the other calls, and some from all; since 2026 one domain is said to be enough.",
		"A value takes 512 characters: an RSA key of 2048 bits or Ed25519 fits, one of 4096 bits may not.",
		"Only the TXT records of the one name are written, never those of the whole zone; what stood there before is kept in `zone-copies` of the state directory.",
		"60 calls a minute.",
	],
};
