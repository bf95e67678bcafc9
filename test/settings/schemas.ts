/** The schemas of the adapters that the example and the manual are made with. */

import * as z from "zod";
import { settingsSchema as rfc2136 } from "../../providers/rfc2136/settings.ts";
import { secretReference } from "../../src/settings/secret-reference.ts";
import { settingsSchema as opendkim } from "../../src/signers/opendkim/settings.ts";

export const schemas = {
	signers: { opendkim },
	providers: { rfc2136 },
	alerts: {
		webhook: z.strictObject({
			url: z.union([z.url(), secretReference]).describe("Where events are posted."),
			format: z.literal("json").prefault("json").describe("How they are written."),
			hmac: secretReference.optional(),
		}),
		command: z.strictObject({ run: z.array(z.string()).min(1).describe("Program and arguments.") }),
	},
};
