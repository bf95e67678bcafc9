/** Which types of DNS provider there are; of what is configured `status` loads the schema, and the agent the rest. */

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
	create(
		options: ProviderTools & { readonly name: string; readonly settings: unknown },
	): Promise<DnsProvider>;
}

/** One line a provider, by `type` in keyturn.yaml. */
export const PROVIDER_TYPES: Readonly<Record<string, () => Promise<ProviderType>>> = {
	rfc2136: async () => {
		const { settingsSchema } = await import("./rfc2136/settings.ts");
		return typed(settingsSchema, async (options) =>
			(await import("./rfc2136/provider.ts")).createRfc2136Provider(options),
		);
	},
};

function typed<Settings>(
	settingsSchema: z.ZodType<Settings>,
	create: (
		options: ProviderTools & { readonly name: string; readonly settings: Settings },
	) => Promise<DnsProvider>,
): ProviderType {
	return {
		settingsSchema,
		create: (options) => create({ ...options, settings: options.settings as Settings }),
	};
}
