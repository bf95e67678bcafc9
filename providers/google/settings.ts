/** What keyturn.yaml says about a project of Google Cloud. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	project: z
		.string()
		.regex(/^[a-z0-9][a-z0-9.:-]*$/, { error: "must be a project's id, such as mail-zones-123456" })
		.describe("The id of the project that holds the zones."),
	key: secretReference.describe("The key of a service account, as the JSON file that Google made."),
});

export type GoogleSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "Google Cloud DNS",
	evidence: "recorded",
	permission:
		"the service account needs dns.managedZones.list in the project, and dns.changes.create, dns.changes.get, dns.resourceRecordSets.list, .create, .update and .delete for this zone",
	credential:
		"IAM & Admin, Service Accounts, an account of its own; Keys, Add key, JSON. Give it the role *DNS Administrator*, or a custom role with dns.managedZones.list, dns.changes.create, dns.changes.get and dns.resourceRecordSets.list, .create, .update, .delete; on one managed zone instead of the project where its IAM policy is used for the rest.",
	remarks: [
		"A change takes away the set that was read and brings the new one, in one step: one that somebody else changed meanwhile is left as it is.",
		"Private zones are never written. A record with a routing policy is left alone.",
	],
};
