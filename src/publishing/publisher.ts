/** Makes any provider adapter safe to repeat: looks before it writes, and believes only what it reads back. */

import { asKeyturnError } from "../errors.ts";
import type { Authorities } from "../ports/authorities.ts";
import type { Clock } from "../ports/clock.ts";
import type { ChangeResult, DnsProvider, ZoneChange } from "../ports/dns-provider.ts";
import type { Log } from "../ports/log.ts";
import type { Random } from "../ports/random.ts";
import { intoBatches } from "./batches.ts";
import { canonicalTxt } from "./compare.ts";
import { isLasting, type Refusal, refusalBy } from "./api/outcome.ts";
import { createPatience } from "./patience.ts";
import type { Turns } from "./turns.ts";
import {
	asStillNeeded,
	besideAlias,
	broughtValue,
	isOccupied,
	isReached,
	leftMangled,
	mangled,
	racers,
	tooLong,
} from "./wanted.ts";

/** How long after a write the provider's own list may lag: the waits before each look. */
const LOOK_GAPS_MS = [0, 500, 1_500, 4_000, 9_000] as const;
/** For the name servers of a zone to say whether an alias stands at a name. */
const ALIAS_MS = 3_000;
/** What was refused without a reason that lasts, and removals that left a twin, are tried again. */
const TRIES = 3;

/** One change on its way: what stood at the name before anything was written, and what is known of it now. */
interface Item {
	readonly change: ZoneChange;
	before: readonly string[];
	result: ChangeResult | null;
	/** Another try would only meet what this one left there. */
	isFinal: boolean;
}

export function createPublisher(options: {
	readonly provider: DnsProvider;
	/** Shared by all publishers, so that those of one account take turns. */
	readonly turns: Turns;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	/** Asked whether an alias stands where a record is to be added; left out, nobody is. */
	readonly authorities?: Authorities;
}): DnsProvider {
	const { provider, turns, clock, random, log, authorities } = options;
	const { name, account, limits, forms, readsBack, byHand } = provider;
	const patience = createPatience({ clock, random });

	async function list(zone: string, at: string, signal: AbortSignal): Promise<readonly string[]> {
		const values = await patience.retry(() => provider.list(zone, at, signal), signal);
		return values.map(canonicalTxt);
	}

	/** Fills `before`, and settles what needs no write or must have none. */
	async function look(zone: string, items: readonly Item[], signal: AbortSignal): Promise<void> {
		let silent: ChangeResult | null = null;
		for (const item of items) {
			const earlier = item.result;
			item.result = silent ?? tooLong(item.change, name, limits.valueOctets);
			if (item.result !== null) continue;
			try {
				item.before = await list(zone, item.change.name, signal);
				item.result = settled(item.change, item.before);
			} catch (thrown) {
				const failed = refusalOf(thrown);
				item.result = earlier?.kind === "unknown" ? earlier : failed;
				// Whoever does not answer for one name would be waited for at each of the others.
				if (isLasting(thrown)) silent = failed;
			}
		}
	}

	/**
	 * No other record stands beside a CNAME (RFC 1034 section 3.6.2), and some servers drop such a change without a word (RFC
	 * 2136 section 3.4.2.2). Where that cannot be seen in time, it is left to the provider.
	 */
	async function refuseBesideAlias(items: readonly Item[], signal: AbortSignal): Promise<void> {
		if (authorities === undefined) return;
		const within = clock.deadline(ALIAS_MS, signal);
		await Promise.all(
			items.map(async (item) => {
				if (broughtValue(item.change) === null || item.before.length > 0) return;
				const served = await authorities.served(item.change.name, within);
				if (served.kind === "served" && served.isAlias) item.result = besideAlias(item.change.name);
			}),
		);
	}

	async function write(zone: string, items: readonly Item[], signal: AbortSignal): Promise<void> {
		const changes = items.map((item) => withinLimits(asStillNeeded(item.change, item.before)));
		try {
			const results = await provider.change(zone, changes, signal);
			for (const [index, item] of items.entries())
				item.result = results[index] ?? { kind: "unknown", why: `${name} did not say what became of it` };
		} catch (thrown) {
			const failed = refusalOf(thrown);
			const why = asKeyturnError(thrown).message;
			for (const item of items)
				item.result = failed.denied || isLoss(failed) ? failed : { kind: "unknown", why };
			log.debug("provider failed in the middle of a change", { provider: name, zone, why });
		}
	}

	/** Looks again and again while the provider claims what cannot be seen; everything else is looked at once. */
	async function confirm(zone: string, items: readonly Item[], signal: AbortSignal): Promise<void> {
		let open = items;
		for (const gapMs of LOOK_GAPS_MS) {
			if (gapMs > 0) await clock.sleep(gapMs, signal);
			const claimed: Item[] = [];
			for (const item of open) if (!(await lookBack(zone, item, signal))) claimed.push(item);
			open = claimed;
			if (open.length === 0 || signal.aborted) break;
		}
		for (const item of open) item.result = unseen(zone, item.change);
	}

	/** Of what the provider claims, and what cannot be seen. */
	function unseen(zone: string, { name: at }: ZoneChange): ChangeResult {
		if (readsBack === "dns")
			return {
				kind: "unknown",
				why: `${name} said done, and DNS does not show it at ${at} yet`,
				isAwaited: true,
			};
		log.warn("provider said done, but it is not", { provider: name, zone, name: at });
		return { kind: "unknown", why: `${name} said done, but its own list does not show it at ${at}` };
	}

	/** Whether the read-back settles the item. */
	async function lookBack(zone: string, item: Item, signal: AbortSignal): Promise<boolean> {
		const said = item.result;
		let after: readonly string[];
		try {
			after = await list(zone, item.change.name, signal);
		} catch (thrown) {
			const why = `${name} took the change, but it could not be read back: ${asKeyturnError(thrown).message}`;
			if (said?.kind !== "refused") item.result = { kind: "unknown", why };
			return true;
		}
		if (isReached(item.change, after)) {
			const others = racers(item.change, item.before, after);
			item.result = others.length === 0 ? { kind: "done" } : await yieldTo(others, zone, item.change, signal);
			return true;
		}
		const stray = said?.kind === "done" ? mangled(item.change, item.before, after) : null;
		if (stray !== null) {
			item.result = stray;
			item.isFinal = true;
		}
		if (said?.kind === "unknown")
			item.result = { kind: "unknown", why: `${said.why}; it cannot be seen at ${item.change.name}` };
		return stray !== null || said?.kind !== "done";
	}

	/** Two wrote at one moment: each takes its own away, so that no name ever keeps two key records. */
	async function yieldTo(
		others: readonly string[],
		zone: string,
		change: ZoneChange,
		signal: AbortSignal,
	): Promise<ChangeResult> {
		if (change.kind !== "add") return { kind: "done" };
		log.warn("somebody else wrote at the same name", { provider: name, zone, name: change.name });
		const item: Item = {
			change: { kind: "remove", name: change.name, value: change.value },
			before: [],
			result: null,
			isFinal: false,
		};
		await write(zone, [item], signal);
		if (isLoss(item.result)) return item.result;
		return item.result?.kind === "done"
			? { kind: "occupied", values: others }
			: {
					kind: "unknown",
					why: `somebody else wrote at ${change.name} too, and ours could not be taken back`,
				};
	}

	function withinLimits(change: ZoneChange): ZoneChange {
		if (change.kind === "remove") return change;
		return { ...change, ttlSeconds: Math.max(change.ttlSeconds, limits.minTtlSeconds) };
	}

	/**
	 * What only DNS can show is looked for there afterwards, as every record is before a key may sign; what others have lost no
	 * look at our name shows.
	 */
	function mayBeSeen({ change, result }: Item): boolean {
		if (isLoss(result)) return false;
		return readsBack !== "dns" || change.kind !== "add" || result?.kind !== "done";
	}

	async function changeOnce(zone: string, items: readonly Item[], signal: AbortSignal): Promise<void> {
		for (let tries = 1; ; tries++) {
			await look(zone, items, signal);
			await refuseBesideAlias(items.filter(isOpen), signal);
			const open = items.filter(isOpen);
			if (open.length === 0) return;
			await write(zone, open, signal);
			await confirm(zone, open.filter(mayBeSeen), signal);
			const again = open.filter(mayBeTriedAgain);
			if (again.length === 0 || tries === TRIES || signal.aborted) return;
			await patience.pause(tries, signal);
			if (signal.aborted) return;
			items = again;
		}
	}

	return {
		name,
		account,
		limits,
		...(readsBack === undefined ? {} : { readsBack }),
		...(byHand === undefined ? {} : { byHand }),
		findZone: async (at, signal) =>
			turns.take(account, signal, async () => patience.retry(() => provider.findZone(at, signal), signal)),
		list: async (zone, at, signal) => turns.take(account, signal, async () => list(zone, at, signal)),
		change: async (zone, changes, signal) =>
			turns.take(account, signal, async () => {
				const items = changes.map((change): Item => ({ change, before: [], result: null, isFinal: false }));
				for (const batch of intoBatches(items, limits.batch, ({ change }) => change.name)) {
					await changeOnce(zone, batch, signal);
					const lost = batch.map(({ result }) => result).find(isLoss);
					if (lost === undefined) continue;
					for (const item of items) item.result ??= lost;
					break;
				}
				return items.map((item) => item.result ?? { kind: "unknown", why: `${name} was not asked` });
			}),
		...(forms === undefined
			? {}
			: {
					forms: async (zone: string, at: string, signal: AbortSignal) =>
						turns.take(account, signal, async () => patience.retry(() => forms(zone, at, signal), signal)),
				}),
	};
}

/** What comes of a change that needs no write or must have none; null of one that is to be written. */
function settled(change: ZoneChange, values: readonly string[]): ChangeResult | null {
	const left = leftMangled(change, values);
	if (left !== null) return left;
	if (isReached(change, values)) return { kind: "done" };
	return isOccupied(change, values) ? { kind: "occupied", values } : null;
}

function isOpen({ result }: Item): boolean {
	return result === null;
}

/** Never an addition whose fate is unknown: a provider that is only slow would end up with two. */
function mayBeTriedAgain({ change, result, isFinal }: Item): boolean {
	if (isFinal || isLoss(result)) return false;
	if (result?.kind === "unknown") return change.kind === "remove" && result.isAwaited !== true;
	return result?.kind === "refused" && !result.denied;
}

/** Whether records of others went with it. */
function isLoss(result: ChangeResult | null): result is Refusal & { readonly isFinal: true } {
	return result?.kind === "refused" && result.isFinal === true;
}

/** Of a call that failed; a fault of our own goes on up. */
function refusalOf(thrown: unknown): Refusal {
	const error = asKeyturnError(thrown);
	if (error.code === "bug") throw error;
	return refusalBy(error);
}
