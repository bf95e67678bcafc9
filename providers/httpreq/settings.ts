/** What keyturn.yaml says about a server that writes records when it is asked to. */

import * as z from "zod";
import type { ProviderAbout } from "../../src/publishing/about.ts";
import { secretReference } from "../../src/settings/secret-reference.ts";

export const settingsSchema = z.strictObject({
	endpoint: z
		.string()
		.regex(/^https?:\/\/[^\s?#@]+[^\s?#@/]$/, {
			error: 'must be an address without a final slash, such as "https://dns.example.com/hook"',
		})
		.describe("`/present` and `/cleanup` are put behind it."),
	username: z
		.string()
		.regex(/^[^:]+$/, { error: "must have no colon" })
		.optional()
		.describe("For HTTP Basic."),
	password: secretReference.optional().describe("For HTTP Basic, by reference."),
});

export type HttpreqSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "A server of yours, called as lego's httpreq provider calls it",
	evidence: "documented",
	permission: "compare `username` and `password` with what the server expects",
	credential: "Whatever the server wants for HTTP Basic; give it an address that has TLS.",
	remarks: [
		'`POST …/present` and `POST …/cleanup` with `{"fqdn": "NAME.", "value": "VALUE"}` (lego\'s mode without RAW); both have to be repeatable and to leave other values at the name alone. A status from 200 to 299 says that it was taken.',
		"A server like that cannot be asked what stands: keyturn asks every name server of the zone, and writes nothing while one that `verify.quorum` asks for does not answer.",
	],
};
