/** What keyturn.yaml says about an account of Amazon Route 53. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	access_key_id: z
		.string()
		.regex(/^[A-Z0-9]{16,128}$/, { error: "must be an access key id, such as AKIAIOSFODNN7EXAMPLE" })
		.describe("The id of an access key of an IAM user that may do nothing but write the key records."),
	secret_access_key: secretReference.describe("The secret of that access key."),
});

export type Route53Settings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "Amazon Route 53",
	evidence: "recorded",
	permission:
		"the IAM user needs route53:ListHostedZonesByName and route53:GetChange, and for this zone route53:ListResourceRecordSets and route53:ChangeResourceRecordSets",
	credential:
		"IAM, Users, a user without console access and with one policy: `route53:ListHostedZonesByName` and `route53:GetChange` on `*`; `route53:ListResourceRecordSets` and `route53:ChangeResourceRecordSets` on `arn:aws:route53:::hostedzone/<id>`. The condition `route53:ChangeResourceRecordSetsNormalizedRecordNames` with `*._domainkey.example.com`, and `…RecordTypes` with `TXT`, narrow it to key records.",
	remarks: [
		"A change is waited for until all of its servers have it, a minute as a rule.",
		"Private hosted zones are never written. A record with a routing policy is left alone.",
		"Five calls a second for an account, whoever makes them.",
	],
};
