/** What keyturn.yaml says about an account of OVHcloud. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	application_key: secretReference.describe("The application key."),
	application_secret: secretReference.describe("The application secret."),
	consumer_key: secretReference.describe(
		"The consumer key, limited to the calls that keyturn makes on the zones that it writes.",
	),
	endpoint: z
		.enum(["eu", "ca", "us"])
		.default("eu")
		.describe("Which of OVHcloud's interfaces the account is at: `eu`, `ca` or `us`."),
});

export type OvhSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "OVHcloud",
	evidence: "recorded",
	permission:
		"the consumer key needs GET, POST, PUT and DELETE on /domain/zone/ZONE and on /domain/zone/ZONE/*, must be validated, and must not have expired",
	credential:
		"eu.api.ovh.com/createToken (ca.api.ovh.com, api.us.ovhcloud.com): unlimited validity, and for each zone GET on `/domain/zone/ZONE` and GET, POST, PUT, DELETE on `/domain/zone/ZONE/*`. A list of addresses narrows it to the mail host.",
	remarks: [
		"OVH serves a change only after its zone was refreshed: keyturn does so after each change, and once for each zone when it starts, so that what a run that died left there is served too.",
		"Requests are signed with the time of OVH's clock.",
	],
};
