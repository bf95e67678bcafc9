/** A provider that really writes the simulated zone, and answers like the worst of them: it lies, breaks off, limits, stalls. */

import { KeyturnError } from "../../src/errors.ts";
import type { ChangeResult, DnsProvider, ZoneChange, ZoneFound } from "../../src/ports/dns-provider.ts";
import type { Chance } from "./chance.ts";
import { type DnsHost, type SimDns, type SimZone, versionAt } from "./sim-dns.ts";
import type { SimTime } from "./sim-time.ts";

export const PROVIDER_FAULTS = [
	"success_unwritten",
	"error_written",
	"limited",
	"broken",
	"slow",
	"denied",
	"forgets",
	"repeats",
] as const;

export type ProviderFault = (typeof PROVIDER_FAULTS)[number];

export interface SimAccount {
	readonly name: string;
	/** The zones that this account holds. */
	readonly zones: readonly string[];
	/** Where a zone has two DNS hosts, the one that it writes. */
	readonly dnsHost: DnsHost;
	/** Whether it writes a second record beside one that is there (most APIs do) or says occupied (RFC 2136). */
	readonly careful: boolean;
	/** What goes wrong now, and how often. */
	fault: { readonly kind: ProviderFault; readonly likelihood: number } | null;
	calls: number;
}

/** A TXT value taken out of a zone through a provider. */
export interface Removal {
	readonly atMs: number;
	readonly name: string;
	readonly value: string;
	/** Whose servers no longer serve it. */
	readonly dnsHost: DnsHost;
}

export function createSimProvider(given: {
	readonly account: SimAccount;
	readonly dns: SimDns;
	readonly time: SimTime;
	readonly chance: Chance;
	/** Whether mail was ever signed with the key of this record: such a one is not forgotten. */
	readonly isInUse: (owner: string) => boolean;
	/** With every "name value" that it added. */
	readonly onWrite: (what: string, added: readonly string[]) => void;
	readonly onRemoval: (removal: Removal) => void;
}): DnsProvider {
	const { account, dns, time, chance } = given;

	const strike = (): ProviderFault | null =>
		account.fault !== null && chance.happens(account.fault.likelihood) ? account.fault.kind : null;

	const refuseAtOnce = async (fault: ProviderFault | null, signal: AbortSignal): Promise<void> => {
		account.calls += 1;
		if (fault === "limited") throw failure("429 Too Many Requests", true);
		if (fault === "broken") throw failure("500 Internal Server Error", true);
		if (fault === "denied") throw denial(account.name);
		if (fault === "slow") await stall(time, chance.between(1_000, 120_000), signal, account.name);
	};

	const zoneNamed = (name: string): SimZone => {
		const zone = dns.zones.find((candidate) => candidate.name === name);
		if (zone === undefined || !account.zones.includes(name))
			throw new KeyturnError("provider.zone", `${account.name}: no zone ${name} in this account`);
		return zone;
	};

	const apply = (zone: SimZone, change: ZoneChange): ChangeResult => {
		const set = versionAt(zone, account.dnsHost).txt.get(change.name);
		const values = set?.values ?? [];
		const ttlSeconds = change.kind === "remove" ? (set?.ttlSeconds ?? 3600) : change.ttlSeconds;
		const dnsHost = zone.second === null ? 0 : account.dnsHost;
		const put = (next: readonly string[]) =>
			dns.write(zone, change.name, { values: next, ttlSeconds }, dnsHost);
		const gone = (value: string) =>
			given.onRemoval({ atMs: time.elapsedMs(), name: change.name, value, dnsHost });
		switch (change.kind) {
			case "add":
				if (values.includes(change.value)) return { kind: "done" };
				if (values.length > 0 && account.careful) return { kind: "occupied", values };
				put([...values, change.value]);
				return { kind: "done" };
			case "remove":
				if (!values.includes(change.value)) return { kind: "done" };
				put(values.filter((value) => value !== change.value));
				gone(change.value);
				return { kind: "done" };
			case "replace":
				put([...values.filter((value) => value !== change.from && value !== change.to), change.to]);
				if (values.includes(change.from)) gone(change.from);
				return { kind: "done" };
		}
	};

	return {
		name: account.name,
		account: account.name,
		limits: { valueOctets: 4000, minTtlSeconds: 60, batch: 10 },
		findZone: async (name, signal): Promise<ZoneFound> => {
			await refuseAtOnce(strike(), signal);
			const zone = dns.zoneOf(name);
			return zone !== null && account.zones.includes(zone.name)
				? { kind: "zone", zone: zone.name }
				: { kind: "none", why: `${account.name} holds no zone for ${name}` };
		},
		list: async (zone, name, signal) => {
			await refuseAtOnce(strike(), signal);
			return versionAt(zoneNamed(zone), account.dnsHost).txt.get(name)?.values ?? [];
		},
		change: async (zone, changes, signal) => {
			const fault = strike();
			await refuseAtOnce(fault, signal);
			const target = zoneNamed(zone);
			if (fault === "success_unwritten") return changes.map(() => ({ kind: "done" }) as const);
			const results = changes.map((change) => apply(target, change));
			given.onWrite(
				changes.map((change) => `${change.kind} ${change.name}`).join(", "),
				changes.flatMap(addedBy),
			);
			if (fault === "repeats")
				time.after(chance.between(1_000, 600_000), () => {
					for (const change of changes) if (change.kind === "add") apply(target, change);
				});
			if (fault === "forgets")
				time.after(chance.between(1_000, 3_600_000), () =>
					forget(
						{ dns, zone: target, dnsHost: target.second === null ? 0 : account.dnsHost },
						changes.filter((change) => !given.isInUse(change.name)),
					),
				);
			if (fault !== "error_written") return results;
			if (chance.happens(0.5))
				return changes.map(() => ({ kind: "unknown", why: "connection reset" }) as const);
			throw failure("connection reset after the request was sent", true);
		},
	};
}

function addedBy(change: ZoneChange): readonly string[] {
	if (change.kind === "remove") return [];
	return [`${change.name} ${change.kind === "add" ? change.value : change.to}`];
}

/** The provider loses what it took: a restored database, a zone pushed again from an older file. */
function forget(
	{ dns, zone, dnsHost }: { readonly dns: SimDns; readonly zone: SimZone; readonly dnsHost: DnsHost },
	changes: readonly ZoneChange[],
): void {
	for (const change of changes) if (change.kind === "add") dns.lose(zone, change.name, change.value, dnsHost);
}

function stall(time: SimTime, ms: number, signal: AbortSignal, name: string): Promise<void> {
	if (signal.aborted) return Promise.reject(failure(`${name}: timed out`, true));
	return new Promise((resolve, reject) => {
		const give = () => {
			cancel();
			reject(failure(`${name}: timed out`, true));
		};
		const cancel = time.after(ms, () => {
			signal.removeEventListener("abort", give);
			resolve();
		});
		signal.addEventListener("abort", give, { once: true });
	});
}

function failure(why: string, retry: boolean): KeyturnError {
	return new KeyturnError("provider.unreachable", `provider: ${why}`, { retry });
}

function denial(name: string): KeyturnError {
	return new KeyturnError("provider.denied", `${name}: 403, the token is not allowed to do this`, {
		hint: "give the token the right to edit the zone",
	});
}
