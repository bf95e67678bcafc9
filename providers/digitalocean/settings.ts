/** What keyturn.yaml says about an account of DigitalOcean. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	token: secretReference.describe(
		"A personal access token with the custom scopes domain:read, domain:create, domain:update and domain:delete.",
	),
});

export type DigitalOceanSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "DigitalOcean",
	evidence: "recorded",
	permission:
		"the token needs the scopes domain:read, domain:create, domain:update and domain:delete, and must not have expired",
	credential:
		"cloud.digitalocean.com, API, Generate New Token, Custom Scopes, `domain` with all four. The scopes open every zone of the team: a team of its own for the key records narrows that.",
	remarks: [
		"A record takes 512 characters with its quotes: an RSA key of 2048 bits or Ed25519 fits, one of 4096 bits does not.",
		"5,000 calls an hour for each token.",
	],
};
