/** The schemas of the adapters that the example and the manual are made with. */

import * as z from "zod";
import { PROVIDER_TYPES } from "../../providers/registry.ts";
import { secretReference } from "../../src/settings/secret-reference.ts";
import { settingsSchema as opendkim } from "../../src/signers/opendkim/settings.ts";

const types = await Promise.all(
	Object.entries(PROVIDER_TYPES).map(async ([type, load]) => [type, await load()] as const),
);

export const providerTypes = Object.fromEntries(types);

export const schemas = {
	signers: { opendkim },
	providers: Object.fromEntries(
		types.map(([type, { settingsSchema }]) => [type, settingsSchema]),
	) as Readonly<Record<string, z.ZodType> & { rfc2136: z.ZodType }>,
	alerts: {
		webhook: z.strictObject({
			url: z.union([z.url(), secretReference]).describe("Where events are posted."),
			format: z.literal("json").prefault("json").describe("How they are written."),
			hmac: secretReference.optional(),
		}),
		command: z.strictObject({ run: z.array(z.string()).min(1).describe("Program and arguments.") }),
	},
};
