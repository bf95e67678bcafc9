/** What keyturn.yaml says about an account of INWX. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	user: z
		.string()
		.min(1)
		.describe("The name of an account, best of a sub-account that may edit name servers only."),
	password: secretReference.describe("Its password."),
	totp: secretReference
		.optional()
		.describe("The secret (base32) of its second factor, if it has one; a sub-account without needs none."),
});

export type InwxSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "INWX",
	evidence: "recorded",
	permission:
		"the account needs the role to edit name servers, and its password and second factor must be right",
	credential:
		"inwx.com, Account, Sub-accounts: one with the role for DNS alone, and without a second factor. The secret of the main account's second factor beside its password would be no second factor any more.",
	remarks: [
		"A code of the second factor is good for one login: keyturn waits for the next one, thirty seconds at most.",
		"What was recorded is the older XML form of the interface; keyturn speaks its JSON form, with the same methods and fields.",
	],
};
