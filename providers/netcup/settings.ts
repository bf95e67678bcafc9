/** What keyturn.yaml says about an account of netcup. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	customer: z
		.string()
		.regex(/^\d+$/, { error: "must be the customer number, in quotes" })
		.describe("The customer number."),
	api_key: secretReference.describe("An API key of the customer control panel."),
	api_password: secretReference.describe("The API password, which is not the one of the control panel."),
});

export type NetcupSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "netcup",
	evidence: "recorded",
	permission: "compare the customer number, the API key and the API password with the customer control panel",
	credential:
		"customercontrolpanel.de, Master Data, API: create a key and set an API password. They open all that the customer has: there is no narrower key, so delegating `_domainkey` to another provider is safer.",
	remarks: [
		"Domains on CloudDNS, as new ones have been since the summer of 2026, are out of reach of the CCP API, which keyturn speaks: netcup says that there is no such zone. Delegate `_domainkey` of such a domain to another provider.",
		"Records have no TTL of their own: they get that of the zone, which is set in the control panel.",
		"Name servers take a quarter of an hour and more to get a change; keyturn waits until they all answer.",
		"180 calls a minute; after many failed ones netcup refuses all for a while.",
	],
};
