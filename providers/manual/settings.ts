/** What keyturn.yaml says about records that somebody makes by hand. */

import * as z from "zod";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	where: z
		.string()
		.min(1)
		.optional()
		.describe("Where the record is to be made, told with it: `freedns.afraid.org, account jo`."),
});

export type ManualSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "Nobody but you",
	evidence: "hand",
	permission: "make the record where the zone is kept",
	credential: "None.",
	remarks: [
		"For providers without an interface, such as FreeDNS (freedns.afraid.org). `action_needed` tells the record in the forms of a web page, in quotes, and of a zone file; keyturn then asks the name servers until all serve it, and goes on by itself. It is told again once a day with what is still missing, and after `verify.timeout` as `verification_failed`.",
		"Set `publish_ahead` to as many days as you may take. An old record is named by `retire_failed` until it is gone; of a revoked key that tells the empty record (`p=`) to set in its place.",
	],
};
