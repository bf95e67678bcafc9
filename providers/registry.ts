/** Which types of DNS provider there are; each is loaded when one is configured, so that `status` starts fast. */

import type { z } from "zod";
import type { Clock } from "../src/ports/clock.ts";
import type { DnsProvider } from "../src/ports/dns-provider.ts";
import type { Http } from "../src/ports/http.ts";
import type { Log } from "../src/ports/log.ts";
import type { Programs } from "../src/ports/programs.ts";
import type { Random } from "../src/ports/random.ts";
import type { Secrets } from "../src/ports/secrets.ts";
import type { Wire } from "../src/ports/wire.ts";

/** Everything that any provider needs; each takes its part. */
export interface ProviderTools {
	readonly secrets: Secrets;
	readonly wire: Wire;
	readonly http: Http;
	readonly programs: Programs;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
}

export interface ProviderType {
	/** Strict; every field described. */
	readonly settingsSchema: z.ZodType;
	/** `settings` are what `settingsSchema` made of the file. */
	create(options: ProviderTools & { readonly name: string; readonly settings: unknown }): DnsProvider;
}

/** One line a provider, by `type` in keyturn.yaml. */
export const PROVIDER_TYPES: Readonly<Record<string, () => Promise<ProviderType>>> = {
	rfc2136: async () => {
		const { settingsSchema, createRfc2136Provider } = await import("./rfc2136/provider.ts");
		return typed(settingsSchema, createRfc2136Provider);
	},
};

function typed<Settings>(
	settingsSchema: z.ZodType<Settings>,
	create: (options: ProviderTools & { readonly name: string; readonly settings: Settings }) => DnsProvider,
): ProviderType {
	return {
		settingsSchema,
		create: (options) => create({ ...options, settings: options.settings as Settings }),
	};
}
