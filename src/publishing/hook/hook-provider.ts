/**
 * A DNS provider behind something that can only be told to make a record and to take it away, in the way of lego's hooks
 * (go-acme.github.io/lego/dns/exec, …/httpreq). What stands is seen in DNS itself.
 */

import { KeyturnError } from "../../errors.ts";
import type { Authorities, Served } from "../../ports/authorities.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ChangeResult, DnsProvider, ZoneChange } from "../../ports/dns-provider.ts";
import { equalTxt } from "../compare.ts";
import { oneByOne } from "../api/outcome.ts";
import { besideAlias, broughtValue, goneValue, isOccupied, isReached } from "../wanted.ts";

export interface HookCall {
	readonly act: "present" | "cleanup";
	readonly zone: string;
	/** Absolute, without the final dot. */
	readonly name: string;
	readonly value: string;
	readonly ttlSeconds: number;
}

/** Told once, DNS may take this long to show it; before that nothing is told again. */
const PATIENCE_MS = 10 * 60_000;
const LIMITS = { valueOctets: 60_000, minTtlSeconds: 1, batch: 20 } as const;

export function createHookProvider(options: {
	readonly name: string;
	readonly account: string;
	readonly authorities: Authorities;
	readonly clock: Clock;
	/** Taking a value away may take others at the name with it: then it is asked for only where there is none. */
	readonly takesSiblings?: boolean;
	/** Resolves when it was taken; fails with `provider.*` otherwise. */
	readonly tell: (call: HookCall, signal: AbortSignal) => Promise<void>;
}): DnsProvider {
	const { name, account, authorities, clock, takesSiblings = false, tell } = options;
	/** When each thing was told, on the clock that never goes back. */
	const told = new Map<string, number>();

	async function seen(at: string, signal: AbortSignal): Promise<Extract<Served, { kind: "served" }>> {
		const served = await authorities.served(at, signal);
		if (served.kind === "served") return served;
		throw new KeyturnError(
			"provider.unreachable",
			`${name}: what stands at ${at} is seen in DNS only, and not every name server answers: ${served.why}`,
			{ retry: true },
		);
	}

	async function tellOnce(call: HookCall, signal: AbortSignal): Promise<void> {
		const key = `${call.act} ${call.name} ${call.value}`;
		const before = told.get(key);
		if (before !== undefined && clock.uptimeMs() - before < PATIENCE_MS) return;
		await tell(call, signal);
		told.set(key, clock.uptimeMs());
		told.delete(`${call.act === "present" ? "cleanup" : "present"} ${call.name} ${call.value}`);
	}

	async function make(change: ZoneChange, signal: AbortSignal): Promise<ChangeResult> {
		const { values, isAlias, zone } = await seen(change.name, signal);
		if (isReached(change, values)) return { kind: "done" };
		if (isOccupied(change, values)) return { kind: "occupied", values };
		if (isAlias) return besideAlias(change.name);
		const gone = goneValue(change);
		if (takesSiblings && gone !== null && values.length > 1) return besideOthers(change.name);
		const brought = broughtValue(change);
		const ttlSeconds = change.kind === "remove" ? LIMITS.minTtlSeconds : change.ttlSeconds;
		const call = { zone, name: change.name, ttlSeconds };
		if (gone !== null && values.some((value) => equalTxt(value, gone)))
			await tellOnce({ ...call, act: "cleanup", value: gone }, signal);
		if (brought !== null) await tellOnce({ ...call, act: "present", value: brought }, signal);
		return { kind: "done" };
	}

	return {
		name,
		account,
		limits: LIMITS,
		readsBack: "dns",
		async findZone(at, signal) {
			const served = await authorities.served(at, signal);
			if (served.zone !== null) return { kind: "zone", zone: served.zone };
			return { kind: "none", why: served.kind === "unknown" ? served.why : `no zone holds ${at}` };
		},
		list: async (_zone, at, signal) => (await seen(at, signal)).values,
		change: async (_zone, changes, signal) => oneByOne(name, changes, async (change) => make(change, signal)),
	};
}

function besideOthers(name: string): ChangeResult {
	return {
		kind: "refused",
		denied: false,
		why: `other values stand at ${name} too, and the program would take them away as well`,
		hint: "take the one record away by hand, or the others if they are not needed",
	};
}
