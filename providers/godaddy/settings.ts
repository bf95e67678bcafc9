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
		"the key must be one for production, and the account be one that GoDaddy lets use its interface for zones: ten domains or more, or a paid plan",
	credential:
		"developer.godaddy.com/keys, environment Production. A key opens every domain of the account: there is no narrower one, so delegating `_domainkey` to another provider is safer.",
	remarks: [
		"A value takes 512 characters: an RSA key of 2048 bits or Ed25519 fits, one of 4096 bits may not.",
		"Only the TXT records of the one name are written, never those of the whole zone; what stood there before is kept in `zone-copies` of the state directory.",
		"60 calls a minute.",
	],
};
