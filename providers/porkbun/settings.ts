/** What keyturn.yaml says about an account of Porkbun. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	api_key: secretReference.describe("The API key, which begins with pk1_."),
	secret_api_key: secretReference.describe("Its secret, which begins with sk1_."),
});

export type PorkbunSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "Porkbun",
	evidence: "documented",
	permission: "the API key has to be valid, and the domain needs *API Access* switched on in its details",
	credential:
		"porkbun.com, Account, API Access, Create API Key; then in Domain Management, Details of each domain, *API Access* on. A key opens every domain that is switched on: let the key's own settings allow only the addresses of this host, and delegate `_domainkey` to another provider if that is still too much.",
	remarks: [
		"TTLs from 600 seconds.",
		"Calls go to api.porkbun.com; the old address porkbun.com refuses them.",
	],
};
