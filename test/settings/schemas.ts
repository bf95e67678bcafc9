/** The schemas of the adapters that the example and the manual are made with. */

import { z } from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import { settingsSchema as opendkim } from "../../src/signers/opendkim/settings.ts";

const path = z.string().regex(/^\//, { error: "must be an absolute path" });

export const schemas = {
	signers: { opendkim },
	providers: {
		rfc2136: z.union([
			z.strictObject({
				server: z.string().describe("Address of the primary server."),
				keyfile: path.describe("File with the TSIG key, as `tsig-keygen` writes it."),
			}),
			z.strictObject({
				server: z.string().describe("Address of the primary server."),
				name: z.string().describe("Name of the TSIG key."),
				algorithm: z.enum(["hmac-sha256", "hmac-sha512"]).describe("Its algorithm."),
				secret: secretReference,
			}),
		]),
	},
	alerts: {
		webhook: z.strictObject({
			url: z.union([z.url(), secretReference]).describe("Where events are posted."),
			format: z.literal("json").prefault("json").describe("How they are written."),
			hmac: secretReference.optional(),
		}),
		command: z.strictObject({ run: z.array(z.string()).min(1).describe("Program and arguments.") }),
	},
};
