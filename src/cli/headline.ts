/** How a domain stands, in one line of a terminal: how far its turn is, and what it waits for. */

import type { DomainReport } from "../agent/agent.ts";
import type { LookReport, ServerOutcome } from "../ports/propagation.ts";
import { activeKey, type DomainState, type KeyEntry } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import type { Wait } from "../rotation/step.ts";
import type { Policy } from "../rotation/policy.ts";
import { nextDue, soakEnds } from "../rotation/timing.ts";
import { inLocalTime, localMinute, moment, relative } from "../report/words.ts";

export interface HeadlineGiven {
	readonly report: DomainReport;
	readonly policy: Policy;
	/** The last look at the key of the turn under way. */
	readonly look: LookReport | null;
	readonly now: Date;
	/** Whether it is drawn again each second: then it counts down. */
	readonly isLive: boolean;
}

/** How far a turn is: what many domains are counted by. */
export const STAGES = [
	"failed",
	"to be made",
	"being published",
	"waiting for name servers",
	"soaking",
	"verified",
	"at rest",
] as const;
export type Stage = (typeof STAGES)[number];

export function stageOf({ state, error }: DomainReport): Stage {
	if (error !== null || state === null) return "failed";
	const candidate = candidateOf(state);
	if (candidate === null) return state.wants.rotate === null ? "at rest" : "to be made";
	if (candidate.state === "pending") return "being published";
	if (candidate.state === "verified") return "verified";
	return candidate.rightSince === null ? "waiting for name servers" : "soaking";
}

export function headline(given: HeadlineGiven): string {
	const { report, policy, now, isLive } = given;
	const { state, error } = report;
	if (error !== null || state === null)
		return `failed: ${error?.message ?? "its state cannot be read"}${nextAttempt(report.waits, now, isLive)}`;
	const candidate = candidateOf(state);
	const words = candidate === null ? restWords(given, state) : turnWords(given, state, candidate);
	return inLocalTime(words, policy.timezone);
}

/** `waiting for ns2 (1 of 2 right)` */
export function waitingFor({ servers, resolvers, summary }: LookReport): string {
	const all = [...servers, ...resolvers];
	const late = new Set(all.filter((one) => one.outcome !== "right").map((one) => one.server));
	const [first] = late;
	if (first === undefined) return summary;
	const more = late.size === 1 ? "" : ` and ${late.size - 1} more`;
	const count = new Set(all.map((one) => one.server)).size;
	return `waiting for ${first}${more} (${count - late.size} of ${count} right)`;
}

/** What is more than not being there yet, as a person would say it in passing; the whole sentence is for `verify`. */
function oddity({ servers, resolvers }: LookReport): string {
	const late = [...servers, ...resolvers].filter((one) => one.outcome !== "right");
	const odd = late.find((one) => !one.outcome.startsWith("absent"));
	return odd === undefined ? "" : `; ${odd.server}: ${outcomeWords(odd.outcome)}`;
}

function outcomeWords(outcome: ServerOutcome): string {
	switch (outcome) {
		case "timeout":
			return "no answer";
		case "servfail":
		case "refused":
			return outcome.toUpperCase();
		default:
			return outcome.replaceAll("_", " ");
	}
}

function restWords({ report, policy, now }: HeadlineGiven, state: DomainState): string {
	const active = activeKey(state);
	if (active === null) return report.waits[0]?.reason ?? "no key is known to sign for it";
	if (state.wants.rotate !== null) return makeWords(report.waits);
	const due = nextDue(state, policy, now);
	const next = due === null ? "" : `; next turn ${moment(due, now, policy.timezone)}`;
	return `${deeds(report, active)}${next}`;
}

function makeWords(waits: readonly Wait[]): string {
	const why = waits.find((wait) => wait.selector === null && wait.reason !== "");
	return `its new key is to be made${why === undefined ? "" : `: ${why.reason}`}`;
}

function deeds({ did }: DomainReport, active: KeyEntry): string {
	if (did.some((step) => step.kind === "adopt")) return `adopted ${active.selector}, which signs`;
	if (did.some((step) => step.kind === "switch")) return `signs with ${active.selector} now`;
	const retired = did.flatMap((step) => (step.kind === "retire" ? [step.selector] : []));
	return retired.length === 0 ? "nothing due" : `removed the record of ${retired.join(", ")}`;
}

function turnWords(given: HeadlineGiven, state: DomainState, candidate: KeyEntry): string {
	const { report, look, now, policy, isLive } = given;
	const { selector } = candidate;
	const waits = report.waits.filter((wait) => wait.selector === selector);
	switch (candidate.state) {
		case "pending":
			return `${selector} is being published${pendingWords(waits, now, policy)}`;
		case "published":
			if (candidate.rightSince === null)
				return `${selector}: ${lookWords(look, nextLook(waits, now, isLive))}`;
			return `${selector}: ${soakWords(soakEnds(candidate, state, policy), now, policy)}`;
		default:
			return `${selector} is verified; ${verifiedWords(waits, now, policy)}`;
	}
}

/** What matters stands first: a live line is cut at the end. */
function lookWords(look: LookReport | null, next: string): string {
	if (look === null) return `published; its name servers are asked${next}`;
	return `${waitingFor(look)}${next}${oddity(look)}`;
}

function soakWords(ends: Date, now: Date, { timezone }: Policy): string {
	const when = `${relative(ends, now)}, when what resolvers remember of before has expired (${localMinute(ends, timezone)})`;
	return `served everywhere; switch ${ends <= now ? "now" : when}`;
}

function pendingWords([wait]: readonly Wait[], now: Date, { timezone }: Policy): string {
	if (wait === undefined) return "";
	return `: ${wait.reason}${wait.until === null ? "" : ` (${moment(wait.until, now, timezone)})`}`;
}

function verifiedWords([wait]: readonly Wait[], now: Date, { timezone }: Policy): string {
	if (wait === undefined) return "the switch is next";
	return `${wait.reason}${wait.until === null ? "" : ` (${moment(wait.until, now, timezone)})`}`;
}

/** In a pipe each change is a line: what changes by itself every second is left out. */
function nextLook(waits: readonly Wait[], now: Date, isLive: boolean): string {
	const until = soonest(waits);
	return isLive && until !== null && until > now ? `, next look ${relative(until, now)}` : "";
}

function nextAttempt(waits: readonly Wait[], now: Date, isLive: boolean): string {
	const until = soonest(waits);
	return isLive && until !== null && until > now ? `; next attempt ${relative(until, now)}` : "";
}

function soonest(waits: readonly Wait[]): Date | null {
	const untils = waits.flatMap((wait) => (wait.until === null ? [] : [wait.until.getTime()]));
	return untils.length === 0 ? null : new Date(Math.min(...untils));
}

function candidateOf(state: DomainState): KeyEntry | null {
	return state.keys.findLast((key) => isCandidate(key.state)) ?? null;
}
