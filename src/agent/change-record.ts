/** Changes a record that stands: at every provider of its domain, and where it was published before. */

import { isBelow } from "../dkim/names.ts";
import { isRecordOf } from "../dkim/key-material.ts";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { DnsProvider, ZoneChange } from "../ports/dns-provider.ts";
import type { KeyEntry } from "../rotation/domain-state.ts";
import { changeFailure } from "./change-code.ts";
import { unchecked } from "./fitness.ts";
import type { Doc, Run } from "./run.ts";
import { writersOf } from "./writers.ts";
import { zoneHolding } from "./zone-holding.ts";

/** Where a record was published before, and may still stand. */
export interface Leftover {
	readonly provider: string;
	/** Null: it is not configured any more, so that nobody can ask it. */
	readonly error: KeyturnError | null;
}

/** A provider of the domain that did not do it. */
export interface Unchanged {
	readonly provider: string;
	readonly error: KeyturnError;
}

export interface Changed {
	/** The providers of the domain that were asked. */
	readonly asked: readonly string[];
	/** The first of these that did not do it, or the first that is only late with it; null if all did. */
	readonly failed: Unchanged | null;
	readonly left: readonly Leftover[];
}

interface Wanted {
	readonly key: KeyEntry;
	readonly change: (ttlSeconds: number) => ZoneChange;
}

/**
 * Changes the record of a key at every provider of its domain; each is asked, whether one before it did it or not. Where it
 * was published and is not any more, since the zone has moved and the record with it, it is taken away as well: those that
 * did not do that are given back. May be repeated.
 */
export async function changeRecord(
	run: Run,
	doc: Doc,
	key: KeyEntry,
	change: (ttlSeconds: number) => ZoneChange,
): Promise<Changed> {
	const wanted = { key, change };
	const writers = await writersOf(run, doc.policy, key.record);
	const failures: Unchanged[] = [];
	const isAdded = change(0).kind === "add";
	for (const writer of writers)
		for (const error of await attempt(run, async () => {
			const zone = await zoneNow(run, writer, key, doc.policy.zone);
			await changeAt(run, writer, zone, wanted);
			if (!isAdded) await changeAtWritten(run, writer, zone, wanted);
		}))
			failures.push({ provider: writer.name, error });
	const left = isAdded ? [] : await changeAtFormer(run, writers, wanted);
	const failed = failures.find(({ error }) => error.code !== "provider.late") ?? failures[0] ?? null;
	return { asked: writers.map(({ name }) => name), failed, left };
}

/** What a provider that answers says of a zone that it does not find; of others the zone is not known. */
const SAYING_NO: ReadonlySet<string> = new Set(["provider.zone", "provider.ambiguous", "provider.denied"]);

/** The zone as configured, or as the provider has it now, which another may have been cut out of; else the one written into. */
async function zoneNow(
	run: Run,
	provider: DnsProvider,
	{ record }: KeyEntry,
	configured: string | null,
): Promise<string> {
	try {
		return await zoneHolding(provider, record.owner, [configured], run.signal);
	} catch (thrown) {
		if (record.zone === null || !SAYING_NO.has(asKeyturnError(thrown).code)) throw thrown;
		return zoneHolding(provider, record.owner, [record.zone], run.signal);
	}
}

/** Where the zone that it was written into is another, and the provider has that still, it may stand there as well. */
async function changeAtWritten(run: Run, provider: DnsProvider, zone: string, wanted: Wanted): Promise<void> {
	const { record, publicKey } = wanted.key;
	const { owner, zone: written, providers } = record;
	if (written === null || written === zone || !isBelow(owner, written) || !providers.includes(provider.name))
		return;
	const values = await provider.list(written, owner, run.signal).catch((thrown: unknown) => {
		if (asKeyturnError(thrown).code === "provider.zone") return [];
		throw thrown;
	});
	const isThere = values.some((value) => value === record.value || isRecordOf(value, publicKey));
	if (isThere) await changeAt(run, provider, written, wanted);
}

async function changeAtFormer(
	run: Run,
	writers: readonly DnsProvider[],
	wanted: Wanted,
): Promise<readonly Leftover[]> {
	const { providers, owner } = wanted.key.record;
	const left: Leftover[] = [];
	for (const name of providers.filter((one) => !writers.some((writer) => writer.name === one))) {
		const provider = run.ports.providers.get(name);
		if (provider === undefined) left.push({ provider: name, error: null });
		else
			for (const error of await attempt(run, async () => {
				const found = await provider.findZone(owner, run.signal);
				// What has not the zone any more has not the record either.
				if (found.kind === "none") return;
				const zone = found.kind === "zone" ? found.zone : await zoneNow(run, provider, wanted.key, null);
				await changeAt(run, provider, zone, wanted);
				await changeAtWritten(run, provider, zone, wanted);
			}))
				left.push({ provider: name, error });
	}
	return left;
}

/** Why it failed; empty if it did not. */
async function attempt(run: Run, act: () => Promise<void>): Promise<readonly KeyturnError[]> {
	try {
		await act();
		return [];
	} catch (thrown) {
		if (run.signal.aborted) throw thrown;
		return [asKeyturnError(thrown)];
	}
}

async function changeAt(
	run: Run,
	provider: DnsProvider,
	zone: string,
	{ key, change }: Wanted,
): Promise<void> {
	const asked = change(Math.max(key.record.ttlSeconds, provider.limits.minTtlSeconds));
	const wanted = key.origin === "adopted" ? await asItStands(run, { provider, zone, key }, asked) : asked;
	const uncheckedYet = wanted.kind === "remove" ? null : unchecked(run, provider);
	if (uncheckedYet !== null) throw uncheckedYet;
	const [result] = await provider.change(zone, [wanted], run.signal);
	if (result?.kind === "done") return;
	const why =
		result === undefined
			? "no result"
			: result.kind === "occupied"
				? "another value stands there"
				: result.why;
	throw changeFailure(result, `${provider.name}: the record at ${key.record.owner} was not changed: ${why}`);
}

/**
 * Of a key that keyturn did not make the record is what holds the key: whoever made it may have written it anew since it was
 * adopted, and where no server answered then, nobody has seen how it reads.
 */
async function asItStands(
	run: Run,
	{
		provider,
		zone,
		key: { publicKey, record },
	}: { readonly provider: DnsProvider; readonly zone: string; readonly key: KeyEntry },
	change: ZoneChange,
): Promise<ZoneChange> {
	if (change.kind === "add") return change;
	const values = await provider.list(zone, record.owner, run.signal);
	const found = values.find((value) => isRecordOf(value, publicKey));
	if (found === undefined) return change;
	return change.kind === "remove" ? { ...change, value: found } : { ...change, from: found };
}

/** What an operator has to know of it, a sentence each. */
export function leftSentences({ record }: KeyEntry, left: readonly Leftover[]): readonly string[] {
	return left.map(({ provider, error }) => {
		const where = `${record.owner} may stand at ${provider} still, where it was published before`;
		return error === null
			? `${where}: ${provider} is not configured any more, so that it cannot be asked`
			: `${where}: ${error.message}`;
	});
}
