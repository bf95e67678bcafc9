/** What keyturn.yaml says about an account of Cloudflare. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	token: secretReference.describe(
		"An API token (not the global key) with Zone:Read and DNS:Edit, limited to the zones that keyturn writes.",
	),
});

export type CloudflareSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "Cloudflare",
	evidence: "recorded",
	permission:
		"the API token needs the permissions Zone:Read and DNS:Edit for this zone, and must not have expired",
	credential:
		"dash.cloudflare.com, My Profile, API Tokens, Create Token, template *Edit zone DNS*; under Zone Resources name the zones that hold key records. A token may be limited to the addresses of the mail host. The global API key is not taken.",
	remarks: [
		"1,200 calls in five minutes for all tokens of a user; keyturn makes four a second at most.",
		"Internal zones are never written; of two zones of one name the active one is.",
	],
};
