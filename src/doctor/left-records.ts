/** Looks for key records that nobody uses: those retired, those that stay for good, and those named as the guides name them. */

import { isRevokedRecord, parseKeyRecord } from "../dkim/key-record.ts";
import { keyRecordName } from "../dkim/names.ts";
import type { InspectAnswer } from "../ports/door.ts";
import type { Propagation } from "../ports/propagation.ts";
import type { DomainState } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import { staysForGood } from "../rotation/retiring.ts";
import { graceEnds } from "../rotation/timing.ts";
import type { LeftRecord } from "./facts.ts";
import type { Lookup } from "./lookup.ts";

/** A zone cannot be listed everywhere: names are tried. */
const MONTHS = 12;
/** What was retired long ago was looked for often enough. */
const RETIRED = 12;

export interface LeftGiven {
	readonly policy: Policy;
	readonly state: DomainState | null;
	readonly inspection: InspectAnswer;
	readonly now: Date;
	readonly lookup: Lookup;
	readonly propagation: Propagation;
	readonly signal: AbortSignal;
}

export async function findLeft(given: LeftGiven): Promise<readonly LeftRecord[]> {
	const left = await Promise.all(
		candidates(given).map(async ({ selector, ...whose }): Promise<readonly LeftRecord[]> => {
			const name = keyRecordName(selector, given.policy.domain);
			if (!hasKey(await valuesSeen(given, name))) return [];
			const value = (await valuesServed(given, selector)).find(isKey);
			return value === undefined ? [] : [{ selector, name, value, ...whose }];
		}),
	);
	return left.flat();
}

interface Candidate {
	readonly selector: string;
	readonly isOurs: boolean;
	readonly isAdopted: boolean;
}

const FOREIGN = { isOurs: false, isAdopted: false } as const;

function candidates({ policy, state, inspection, now }: LeftGiven): readonly Candidate[] {
	const keys = state?.keys ?? [];
	const gone = keys.filter((key) => key.state === "retired").slice(-RETIRED);
	const kept = keys.filter(
		(key) =>
			state !== null &&
			key.state === "retiring" &&
			staysForGood(key, state, policy) &&
			(graceEnds(key, policy, now) ?? now) < now,
	);
	const lines = inspection.signers.flatMap((signer) => signer.lines);
	const own = lines.filter((line) => line.domain === policy.domain && line.selector !== "");
	const used = new Set([
		...own.filter((line) => line.signs).map(({ selector }) => selector),
		...inspection.otherReaders.flatMap(({ domain, selector }) =>
			selector !== null && (domain === null || domain === policy.domain) ? [selector] : [],
		),
		...keys.filter((key) => !gone.includes(key) && !kept.includes(key)).map(({ selector }) => selector),
	]);
	const named = [
		...gone.map(({ selector }) => ({ selector, isOurs: true, isAdopted: false })),
		...kept.map(({ selector }) => ({ selector, isOurs: false, isAdopted: true })),
		...own.filter((line) => !line.signs).map(({ selector }) => ({ selector, ...FOREIGN })),
		...months(now).map((selector) => ({ selector, ...FOREIGN })),
	];
	const seen = new Set<string>();
	return named.filter(({ selector }) => !used.has(selector) && !seen.has(selector) && seen.add(selector));
}

/** YYYYMM, of this month and those before it. */
function months(now: Date): readonly string[] {
	return Array.from({ length: MONTHS }, (_, back) => {
		const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1));
		return month.toISOString().slice(0, 7).replace("-", "");
	});
}

async function valuesSeen({ lookup }: LeftGiven, name: string): Promise<readonly string[]> {
	const texts = await lookup.texts(name);
	return texts.kind === "texts" ? texts.values : [];
}

/** A resolver may remember what is gone, and a wildcard answers for every name. */
async function valuesServed(
	{ policy, propagation, signal }: LeftGiven,
	selector: string,
): Promise<readonly string[]> {
	const { kind, values } = await propagation.vacancy(policy.domain, selector, policy.verify, signal);
	return kind === "taken" ? values : [];
}

function hasKey(values: readonly string[]): boolean {
	return values.some(isKey);
}

/** An empty `p=` says that a key is revoked, and may stand for ever. */
function isKey(value: string): boolean {
	return parseKeyRecord(value).kind === "record" && !isRevokedRecord(value);
}
