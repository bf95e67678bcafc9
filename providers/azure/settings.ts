/** What keyturn.yaml says about a resource group of Microsoft Azure. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

const guid = z.guid({ error: "must be an id such as 72f988bf-86f1-41af-91ab-2d7cd011db47" });

export const settingsSchema = z.strictObject({
	tenant: guid.describe("The id of the Microsoft Entra tenant (directory) that has the application."),
	subscription: guid.describe("The id of the subscription that has the resource group."),
	resource_group: z
		.string()
		.regex(/^[\w().-]{1,90}$/, { error: "must be a resource group's name" })
		.describe("The resource group that holds the DNS zones."),
	client_id: guid.describe("The id of the application (client) that keyturn signs in as."),
	client_secret: secretReference.describe("The value (not the id) of a client secret of that application."),
});

export type AzureSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "Azure DNS",
	evidence: "recorded",
	permission:
		"the application needs the role DNS Zone Contributor on the resource group, or a custom role with Microsoft.Network/dnsZones/read and Microsoft.Network/dnsZones/TXT/read, /write and /delete",
	credential:
		"Microsoft Entra ID, App registrations, New registration; Certificates & secrets, New client secret (it ends after two years at most: make the next one in time). Then on the resource group, Access control (IAM), the role *DNS Zone Contributor*, or a custom role with Microsoft.Network/dnsZones/read and Microsoft.Network/dnsZones/TXT/read, /write and /delete.",
	remarks: [
		"The public cloud only; private zones are never written.",
		"A change carries the ETag of what was read: one that somebody else changed meanwhile is left as it is.",
	],
};
