/** Which types of DNS provider there are; of what is configured `status` loads the schema, and the agent the rest. */

import type { z } from "zod";
import type { Authorities } from "../src/ports/authorities.ts";
import type { Clock } from "../src/ports/clock.ts";
import type { Disk } from "../src/ports/disk.ts";
import type { DnsProvider } from "../src/ports/dns-provider.ts";
import type { Http } from "../src/ports/http.ts";
import type { Log } from "../src/ports/log.ts";
import type { ProgramTrust } from "../src/ports/program-trust.ts";
import type { Programs } from "../src/ports/programs.ts";
import type { Random } from "../src/ports/random.ts";
import type { Secrets } from "../src/ports/secrets.ts";
import type { Wire } from "../src/ports/wire.ts";
import type { ZoneCopies } from "../src/ports/zone-copies.ts";
import type { ProviderAbout } from "../src/publishing/about.ts";

/** Everything that any provider needs; each takes its part. */
export interface ProviderTools {
	readonly secrets: Secrets;
	readonly wire: Wire;
	readonly disk: Disk;
	readonly copies: ZoneCopies;
	readonly http: Http;
	readonly programs: Programs;
	readonly programTrust: ProgramTrust;
	readonly authorities: Authorities;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
}

export interface ProviderType {
	/** Strict; every field described. */
	readonly settingsSchema: z.ZodType;
	readonly about: ProviderAbout;
	/** `settings` are what `settingsSchema` made of the file. */
	create(
		options: ProviderTools & { readonly name: string; readonly settings: unknown },
	): Promise<DnsProvider>;
}

/** One line a provider, by `type` in keyturn.yaml; each part is loaded when it is first needed. */
export const PROVIDER_TYPES: Readonly<Record<string, () => Promise<ProviderType>>> = {
	acmesh: async () => typed(await import("./acmesh/settings.ts"), () => import("./acmesh/provider.ts")),
	azure: async () => typed(await import("./azure/settings.ts"), () => import("./azure/provider.ts")),
	cloudflare: async () =>
		typed(await import("./cloudflare/settings.ts"), () => import("./cloudflare/provider.ts")),
	digitalocean: async () =>
		typed(await import("./digitalocean/settings.ts"), () => import("./digitalocean/provider.ts")),
	desec: async () => typed(await import("./desec/settings.ts"), () => import("./desec/provider.ts")),
	exec: async () => typed(await import("./exec/settings.ts"), () => import("./exec/provider.ts")),
	gandi: async () => typed(await import("./gandi/settings.ts"), () => import("./gandi/provider.ts")),
	google: async () => typed(await import("./google/settings.ts"), () => import("./google/provider.ts")),
	godaddy: async () => typed(await import("./godaddy/settings.ts"), () => import("./godaddy/provider.ts")),
	hetzner: async () => typed(await import("./hetzner/settings.ts"), () => import("./hetzner/provider.ts")),
	httpreq: async () => typed(await import("./httpreq/settings.ts"), () => import("./httpreq/provider.ts")),
	inwx: async () => typed(await import("./inwx/settings.ts"), () => import("./inwx/provider.ts")),
	lexicon: async () => typed(await import("./lexicon/settings.ts"), () => import("./lexicon/provider.ts")),
	linode: async () => typed(await import("./linode/settings.ts"), () => import("./linode/provider.ts")),
	namecheap: async () =>
		typed(await import("./namecheap/settings.ts"), () => import("./namecheap/provider.ts")),
	manual: async () => typed(await import("./manual/settings.ts"), () => import("./manual/provider.ts")),
	netcup: async () => typed(await import("./netcup/settings.ts"), () => import("./netcup/provider.ts")),
	ovh: async () => typed(await import("./ovh/settings.ts"), () => import("./ovh/provider.ts")),
	porkbun: async () => typed(await import("./porkbun/settings.ts"), () => import("./porkbun/provider.ts")),
	powerdns: async () => typed(await import("./powerdns/settings.ts"), () => import("./powerdns/provider.ts")),
	rfc2136: async () => typed(await import("./rfc2136/settings.ts"), () => import("./rfc2136/provider.ts")),
	route53: async () => typed(await import("./route53/settings.ts"), () => import("./route53/provider.ts")),
	scaleway: async () => typed(await import("./scaleway/settings.ts"), () => import("./scaleway/provider.ts")),
	zonefile: async () => typed(await import("./zonefile/settings.ts"), () => import("./zonefile/provider.ts")),
};

/** What a provider's folder exports: from settings.ts, and from provider.ts. */
interface SettingsModule<Settings> {
	readonly settingsSchema: z.ZodType<Settings>;
	readonly about: ProviderAbout;
}

interface ProviderModule<Settings> {
	createProvider(
		options: ProviderTools & { readonly name: string; readonly settings: Settings },
	): DnsProvider;
}

function typed<Settings>(
	{ settingsSchema, about }: SettingsModule<Settings>,
	load: () => Promise<ProviderModule<Settings>>,
): ProviderType {
	return {
		settingsSchema,
		about,
		create: async (options) =>
			(await load()).createProvider({ ...options, settings: options.settings as Settings }),
	};
}
