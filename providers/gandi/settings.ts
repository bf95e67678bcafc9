/** What keyturn.yaml says about an account of Gandi. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	token: secretReference.describe(
		"A personal access token (not the old API key) that may manage the technical configuration of the domains.",
	),
	sharing_id: z
		.guid({ error: "must be an organization's id, such as 17672a84-e05e-11e7-b536-00163e6dc886" })
		.optional()
		.describe(
			"The id of the organization that has the domains, where that is not the one of the token's user by default, as of a reseller's customers.",
		),
});

export type GandiSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "Gandi",
	evidence: "recorded",
	permission:
		"the personal access token needs *See and renew domain names* and *Manage domain name technical configurations* for this domain, and must not have expired",
	credential:
		"admin.gandi.net, Organizations, the organization, Manage, Personal Access Token: restricted to the domains that hold key records, with the permissions *See and renew domain names* and *Manage domain name technical configurations*. It ends after a year at most: make the next one in time. API keys are deprecated and not taken.",
	remarks: [
		"LiveDNS only; TTLs from 300 seconds.",
		"Records are told as missing where another organization has the domain and `sharing_id` does not name it. The id is the last in the address of the organization's page at admin.gandi.net.",
		"Servers may show a change minutes later; 20 were seen. keyturn asks them until all do.",
	],
};
