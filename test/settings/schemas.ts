/** The schemas of the adapters that the example and the manual are made with. */

import type * as z from "zod";
import { PROVIDER_TYPES } from "../../providers/registry.ts";
import { ALERT_TYPES } from "../../src/alerts/registry.ts";
import { settingsSchema as command } from "../../src/signers/command/settings.ts";
import { settingsSchema as dkimpy } from "../../src/signers/dkimpy/settings.ts";
import { settingsSchema as dkimproxy } from "../../src/signers/dkimproxy/settings.ts";
import { settingsSchema as dockerMailserver } from "../../src/signers/docker-mailserver/settings.ts";
import { settingsSchema as exim } from "../../src/signers/exim/settings.ts";
import { settingsSchema as opendkim } from "../../src/signers/opendkim/settings.ts";
import { settingsSchema as rspamd } from "../../src/signers/rspamd/settings.ts";

const types = await Promise.all(
	Object.entries(PROVIDER_TYPES).map(async ([type, load]) => [type, await load()] as const),
);

export const providerTypes = Object.fromEntries(types);

export const schemas = {
	signers: { opendkim, rspamd, exim, dkimpy, dkimproxy, "docker-mailserver": dockerMailserver, command },
	providers: Object.fromEntries(
		types.map(([type, { settingsSchema }]) => [type, settingsSchema]),
	) as Readonly<Record<string, z.ZodType> & { rfc2136: z.ZodType }>,
	alerts: Object.fromEntries(
		await Promise.all(
			Object.entries(ALERT_TYPES).map(async ([type, load]) => [type, (await load()).settingsSchema] as const),
		),
	),
};
