/** What keyturn.yaml says about an account of Linode (Akamai). */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	token: secretReference.describe("A personal access token with read and write access to Domains only."),
});

export type LinodeSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "Linode (Akamai)",
	evidence: "recorded",
	permission:
		"the token needs Domains: Read/Write, its user a grant to write this domain, and it must not have expired",
	credential:
		"cloud.linode.com, My Profile, API Tokens, Create, *Domains* Read/Write and no access to all else. A restricted user with a grant for the one domain narrows it further.",
	remarks: [
		"Name servers get changes every quarter of an hour; keyturn waits until they all answer.",
		"A TTL is rounded up to one that Linode knows: 300, 3600, 7200, 14400, 28800, 57600, 86400 seconds and more.",
	],
};
