/** What became of the mail of a year. */

import type { Arrival, Fate, LateLook } from "../e2e/host/fate.ts";

export interface Harvest {
	readonly fates: readonly Fate[];
	readonly arrivals: readonly Arrival[];
	readonly late: readonly LateLook[];
	/** When services were stopped or broken, in milliseconds since 1970. */
	readonly pauses: readonly { readonly from: number; readonly to: number }[];
}

export interface MailCount {
	/** Attempts; each message is offered once. */
	readonly offered: number;
	readonly accepted: number;
	/** Arrived, signed and verified at every server that answered. */
	readonly verified: number;
	readonly unsigned: number;
	readonly invalid: number;
	/** Accepted, and never delivered. */
	readonly lost: number;
	/** Answered with 4xx, not answered or not connected, while services were stopped or broken. */
	readonly refused: number;
	/** The same at any other time. */
	readonly refusedOtherwise: number;
	/** Answered with 5xx. */
	readonly rejected: number;
	readonly lateLooks: number;
	readonly lateInvalid: number;
	/** Of the invalid ones, each once. */
	readonly reasons: readonly string[];
}

/** A message offered just before or after a pause may meet it. */
const MARGIN_MS = 2_000;

export function countMail({ fates, arrivals, late, pauses }: Harvest): MailCount {
	const accepted = fates.filter(({ fate }) => fate === "accepted");
	const arrived = new Set(arrivals.map(({ number }) => number));
	const unsigned = numbersOf(arrivals.filter(({ selector }) => selector === null));
	const faulty = arrivals.filter((arrival) => arrival.selector !== null && reasonOf(arrival) !== null);
	const invalid = numbersOf(faulty);
	const turnedAway = fates.filter(({ fate }) => ["refused", "tempfailed", "dropped"].includes(fate));
	const expected = turnedAway.filter((fate) =>
		pauses.some(({ from, to }) => fate.endedAt >= from - MARGIN_MS && fate.offeredAt <= to + MARGIN_MS),
	);
	const lateFaults = late.filter(({ reason }) => reason !== null);
	const reasons = [...faulty.map(reasonOf), ...lateFaults.map(lateReason)];
	return {
		offered: fates.length,
		accepted: accepted.length,
		verified: [...arrived].filter((number) => !unsigned.has(number) && !invalid.has(number)).length,
		unsigned: unsigned.size,
		invalid: invalid.size,
		lost: accepted.filter(({ number }) => !arrived.has(number)).length,
		refused: expected.length,
		refusedOtherwise: turnedAway.length - expected.length,
		rejected: fates.filter(({ fate }) => fate === "rejected").length,
		lateLooks: late.length,
		lateInvalid: lateFaults.length,
		reasons: [...new Set(reasons.flatMap((reason) => reason ?? []))],
	};
}

/** What must not have happened; empty if all is well. A machine that is too busy may refuse mail: nothing is lost by it. */
export function mailFaults(count: MailCount): readonly string[] {
	const never = ["unsigned", "invalid", "lost", "rejected", "lateInvalid"] as const;
	const faults = never.filter((what) => count[what] > 0).map((what) => `${count[what]} ${what}`);
	const empty = (["verified", "lateLooks"] as const).filter((what) => count[what] === 0);
	return [...faults, ...empty.map((what) => `nothing ${what}`), ...(faults.length > 0 ? count.reasons : [])];
}

function numbersOf(arrivals: readonly Arrival[]): ReadonlySet<number> {
	return new Set(arrivals.map(({ number }) => number));
}

function reasonOf({ verdicts }: Arrival): string | null {
	return verdicts.find(({ reason }) => reason !== null)?.reason ?? null;
}

function lateReason({ domain, selector, ageHours, reason }: LateLook): string {
	return `${selector} of ${domain}, ${ageHours} h late: ${reason ?? ""}`;
}
