/** What keyturn.yaml says about a project of Scaleway. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	key: secretReference.describe(
		"The secret key of an API key whose application has the permission set DomainsDNSFullAccess.",
	),
});

export type ScalewaySettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "Scaleway",
	evidence: "recorded",
	permission:
		"the API key's application needs the permission set DomainsDNSFullAccess in the project of this zone, and the key must not have expired",
	credential:
		"console.scaleway.com, IAM: an application, a policy that gives it DomainsDNSFullAccess in the one project that holds the zone, and an API key for it. The secret key is what keyturn needs; the access key is not used.",
	remarks: ["The zones have to be served by Scaleway's name servers: its interface writes no others."],
};
