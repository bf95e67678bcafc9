/** What keyturn.yaml says about an account of Gandi. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	token: secretReference.describe(
		"A personal access token (not the old API key) that may manage the technical configuration of the domains.",
	),
});

export type GandiSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "Gandi",
	evidence: "recorded",
	permission:
		"the personal access token needs *See and renew domain names* and *Manage domain name technical configurations* for this domain",
	credential:
		"admin.gandi.net, Organizations, the organization, Manage, Personal Access Token: restricted to the domains that hold key records, with the permissions *See and renew domain names* and *Manage domain name technical configurations*. It ends after a year at most: make the next one in time. API keys are deprecated and not taken.",
	remarks: [
		"LiveDNS only; TTLs from 300 seconds.",
		"Servers may show a change minutes later; 20 were seen. keyturn asks them until all do.",
	],
};
