/** Finds out, by asking DNS and whoever is there, through which providers `keyturn init` has the zones written. */

import { each } from "../agent/run.ts";
import { parseDomain } from "../dkim/names.ts";
import type { FoundKey, FoundSigner } from "../ports/found-signer.ts";
import type { FoundZone } from "../ports/found-zone.ts";
import type { StarterDomain, StarterProvider } from "../settings/starter.ts";
import type { InitHost } from "./init-host.ts";
import { list, type Talk } from "./init-talk.ts";

/** Where keyturn has its copy of a TSIG key. */
export const TSIG_KEY = "/etc/keyturn/tsig.key";

export interface Chosen {
	readonly providers: readonly StarterProvider[];
	readonly domains: readonly {
		readonly domain: string;
		readonly provider: string;
		readonly signer: StarterDomain["signer"];
		readonly keys: readonly FoundKey[];
	}[];
	/** The file of the TSIG key that is to be copied. */
	readonly keyFrom: string | null;
}

/** With its name in keyturn.yaml. */
export type NamedSigner = FoundSigner & { readonly name: string };

/** A resolver that is down costs each domain many seconds. */
const ASKED_AT_ONCE = 16;

/** Domains that the same hosts serve are told and asked for together. Fails once `signal` aborts. */
export async function chooseProviders(
	talk: Talk,
	host: InitHost,
	found: readonly NamedSigner[],
	signal: AbortSignal,
): Promise<Chosen> {
	const groups = new Map<string, { readonly zone: FoundZone | null; readonly members: SignedDomain[] }>();
	for (const [signed, zone] of await withZones(host, domainsOf(found), signal)) {
		const key = hostOf(host, zone);
		const group = groups.get(key) ?? { zone, members: [] };
		groups.set(key, group);
		group.members.push(signed);
	}
	const providers = new Map<string, StarterProvider>();
	const domains: Chosen["domains"][number][] = [];
	for (const { zone, members } of groups.values()) {
		const provider = await providerFor(talk, host, { domains: members.map(({ domain }) => domain), zone });
		const name = freeName(provider.name, providers);
		providers.set(name, { ...provider, name });
		domains.push(...members.map((member) => ({ ...member, provider: name })));
	}
	const isUpdated = [...providers.values()].some(({ type }) => type === "rfc2136");
	const keyFrom = isUpdated ? ((await host.tsigKeys())[0] ?? null) : null;
	return { providers: [...providers.values()], domains, keyFrom };
}

/** A question that was interrupted ends as one that nobody answered: what follows from it would be wrong. */
async function withZones(
	host: InitHost,
	domains: readonly SignedDomain[],
	signal: AbortSignal,
): Promise<ReadonlyMap<SignedDomain, FoundZone | null>> {
	// In the order of the domains, whichever is answered first.
	const found = new Map<SignedDomain, FoundZone | null>(domains.map((signed) => [signed, null]));
	await each(domains, ASKED_AT_ONCE, async (signed) => {
		found.set(signed, await host.zoneOf(signed.domain));
		signal.throwIfAborted();
	});
	return found;
}

/** The same for zones that one provider writes. */
function hostOf(host: InitHost, zone: FoundZone | null): string {
	if (zone === null) return "unknown";
	if (zone.localPrimary !== null) return `local ${zone.localPrimary}`;
	return host.guess(zone.servers)?.type ?? `by hand ${zone.servers[0] ?? ""}`;
}

function freeName(wanted: string, taken: ReadonlyMap<string, unknown>): string {
	for (let count = 2, name = wanted; ; count += 1) {
		if (!taken.has(name)) return name;
		name = `${wanted}${count}`;
	}
}

interface SignedDomain {
	readonly domain: string;
	readonly signer: StarterDomain["signer"];
	readonly keys: readonly FoundKey[];
}

/** The keys of one domain that one signer has. */
interface Signing {
	readonly signer: string;
	readonly keys: FoundKey[];
}

function domainsOf(found: readonly NamedSigner[]): readonly SignedDomain[] {
	const domains = new Map<string, Signing[]>();
	for (const { name: signer, keys } of found)
		for (const key of keys) {
			const domain = parseDomain(key.domain);
			if (domain === null) continue;
			const signings = domains.get(domain) ?? [];
			domains.set(domain, signings);
			const known = signings.find((one) => one.signer === signer);
			if (known === undefined) signings.push({ signer, keys: [key] });
			else known.keys.push(key);
		}
	return [...domains].map(([domain, signings]) => ({ domain, ...signedBy(signings) }));
}

/** A domain belongs to the first signer that was found for it; to two where one has its RSA keys and the other its Ed25519 keys. */
function signedBy(signings: readonly Signing[]): Omit<SignedDomain, "domain"> {
	const only = (algorithm: FoundKey["algorithm"]) =>
		signings.find(({ keys }) => keys.every((key) => key.algorithm === algorithm));
	const [rsa, ed25519, [first]] = [only("rsa"), only("ed25519"), signings];
	if (rsa !== undefined && ed25519 !== undefined && (first === rsa || first === ed25519))
		return { signer: [rsa.signer, ed25519.signer], keys: [...rsa.keys, ...ed25519.keys] };
	return first ?? { signer: "", keys: [] };
}

async function providerFor(
	talk: Talk,
	host: InitHost,
	{ domains, zone }: { readonly domains: readonly string[]; readonly zone: FoundZone | null },
): Promise<StarterProvider> {
	const served = zone === null ? "DNS does not say who serves it" : `served by ${list(zone.servers)}`;
	const names = list(domains);
	if (zone?.localPrimary != null) {
		talk.say(`${names}: ${served}; the primary is on this host: dynamic updates (rfc2136)`);
		return {
			name: "home",
			type: "rfc2136",
			settings: [
				["server", { text: zone.localPrimary }],
				["keyfile", { text: TSIG_KEY }],
			],
			remarks: ["dynamic updates with a TSIG key; the zone has to allow it: docs/providers.md"],
		};
	}
	const guess = zone === null ? null : host.guess(zone.servers);
	if (guess === null) {
		talk.say(`${names}: ${served}; nobody that is known: records are told to be made by hand (manual)`);
		return byHand(zone);
	}
	talk.say(`${names}: ${served}: ${guess.type}`);
	return (await talk.isYes(`Write the zone through ${guess.type}`))
		? { ...guess, name: guess.type, remarks: ["the least rights that it needs: docs/providers.md"] }
		: byHand(zone);
}

function byHand(zone: FoundZone | null): StarterProvider {
	return {
		name: "manual",
		type: "manual",
		settings:
			zone?.servers[0] === undefined ? [] : [["where", { text: `the DNS host of ${zone.servers[0]}` }]],
		remarks: [
			"each record is told to whoever gets the alerts, and made by hand;",
			"docs/providers.md has providers that do it by themselves",
		],
	};
}
