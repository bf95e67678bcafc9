/** What keyturn.yaml says about a project of Hetzner's cloud. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	token: secretReference.describe("An API token with Read & Write of the project that holds the zones."),
});

export type HetznerSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "Hetzner",
	evidence: "recorded",
	permission: "the API token needs Read & Write in the project of this zone",
	credential:
		"console.hetzner.com, the project that holds the zones, Security, API tokens, Generate API token, Read & Write. Such a token opens the whole project: keep the zones, or a delegated `_domainkey` zone, in a project without servers.",
	remarks: [
		"Zones in the Cloud Console only: the old DNS Console (dns.hetzner.com) ended in May 2026.",
		"A change is carried out seconds after it was taken on; keyturn waits for that.",
		"3,600 calls an hour for a project.",
	],
};
