/** What a call that failed says about the change that it was part of. */

import { asKeyturnError, type KeyturnError } from "../../errors.ts";
import type { ChangeResult, ZoneChange } from "../../ports/dns-provider.ts";
import { intoBatches } from "../batches.ts";

export type Refusal = Extract<ChangeResult, { readonly kind: "refused" }>;

/** What a failure says of a change that it kept from being made. */
export function refusalBy({ code, message, hint }: KeyturnError): Refusal {
	const isFinal = code === "provider.loss" ? ({ isFinal: true } as const) : {};
	return { kind: "refused", denied: code === "provider.denied", why: message, hint, ...isFinal };
}

/** A fault of our own goes on up. */
export function outcomeOf(thrown: unknown): Refusal | Extract<ChangeResult, { kind: "unknown" }> {
	const error = asKeyturnError(thrown);
	switch (error.code) {
		case "provider.unreachable":
			return { kind: "unknown", why: error.message };
		case "provider.denied":
		case "provider.limited":
		case "provider.loss":
		case "provider.refused":
		case "provider.zone":
			return refusalBy(error);
		default:
			throw error;
	}
}

/** Whether the next change would meet the same, or must not be made before people have looked. */
export function isLasting(thrown: unknown): boolean {
	return ["provider.denied", "provider.limited", "provider.loss", "provider.unreachable"].includes(
		asKeyturnError(thrown).code,
	);
}

type Make = (batch: readonly ZoneChange[]) => Promise<readonly ChangeResult[]>;

/**
 * Carries out changes batch by batch, no name twice in one, until one meets what lasts; one result per change, in order. Of a
 * batch that was not carried out, each change is made alone: one that is refused, or whose name the credential may not
 * write, is no trouble of the others.
 */
export async function inBatches(
	provider: string,
	changes: readonly ZoneChange[],
	limit: number,
	make: Make,
): Promise<readonly ChangeResult[]> {
	const results: ChangeResult[] = [];
	for (const batch of intoBatches(changes, limit, ({ name }) => name)) {
		const outcome = await carryOut(batch, make);
		results.push(...outcome.results);
		if (outcome.isLasting) break;
	}
	return changes.map((_, index) => results[index] ?? notTried(provider, results.at(-1)));
}

interface Outcome {
	/** In order; where it is lasting there may be fewer than changes. */
	readonly results: readonly ChangeResult[];
	readonly isLasting: boolean;
}

async function carryOut(batch: readonly ZoneChange[], make: Make): Promise<Outcome> {
	try {
		return { results: await make(batch), isLasting: false };
	} catch (thrown) {
		if (batch.length > 1 && mayBeOfOne(thrown)) return eachAlone(batch, make);
		return { results: batch.map(() => outcomeOf(thrown)), isLasting: isLasting(thrown) };
	}
}

/** A credential that may write none of several names is one that may write no other either. */
async function eachAlone(batch: readonly ZoneChange[], make: Make): Promise<Outcome> {
	const results: ChangeResult[] = [];
	for (const change of batch) {
		const alone = await carryOut([change], make);
		results.push(...alone.results);
		if (alone.isLasting && !alone.results.every(isDenied)) return { results, isLasting: true };
	}
	return { results, isLasting: results.every(isDenied) };
}

/** Whether what a batch met says that it was not carried out, for a reason that one of its changes may be. */
function mayBeOfOne(thrown: unknown): boolean {
	return ["provider.denied", "provider.refused"].includes(asKeyturnError(thrown).code);
}

function isDenied(result: ChangeResult): boolean {
	return result.kind === "refused" && result.denied;
}

/** The same, each change by itself. */
export async function oneByOne(
	provider: string,
	changes: readonly ZoneChange[],
	make: (change: ZoneChange) => Promise<ChangeResult>,
): Promise<readonly ChangeResult[]> {
	return inBatches(provider, changes, 1, async (batch) => Promise.all(batch.map(make)));
}

/** Of what was not asked any more, since what went before met something that lasts. */
function notTried(provider: string, before: ChangeResult | undefined): ChangeResult {
	if (before?.kind === "refused" && (before.denied || before.isFinal === true)) return before;
	const why = before?.kind === "refused" || before?.kind === "unknown" ? `: ${before.why}` : "";
	return { kind: "refused", denied: false, why: `${provider} was not asked any more${why}`, hint: null };
}
