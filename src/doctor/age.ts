/** Whether keys are older than the year that is commonly allowed them, or should have been turned already. */

import { activeKey } from "../rotation/domain-state.ts";
import { missedSlot } from "../rotation/timing.ts";
import type { DomainFacts, Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

const DAY_MS = 86_400_000;
/** A yearly turn is never told, even where it is a month late. */
const OLD_MS = 400 * DAY_MS;

export function checkAge({ domains, now }: Facts): readonly Finding[] {
	return domains.flatMap((domain) => [...old(domain, now), ...overdue(domain, now)]);
}

function old({ policy, state, keys }: DomainFacts, now: Date): readonly Finding[] {
	return keys.flatMap(({ line }) => {
		const entry = state?.keys.find(({ selector }) => selector === line.selector);
		const since = entry?.origin === "made" ? new Date(entry.since) : dateOf(line.selector);
		if (since === null || now.getTime() - since.getTime() <= OLD_MS) return [];
		const months = Math.floor((now.getTime() - since.getTime()) / (30.44 * DAY_MS));
		const how = entry?.origin === "made" ? "signs" : "signs, by its name,";
		return [
			finding("key.old", `${policy.domain} ${line.selector}`, {
				summary: `this key ${how} for ${months} months: the older a key, the more backups and people have it`,
				command: `keyturn rotate --now ${policy.domain}`,
			}),
		];
	});
}

/** The guides name a selector after its month, YYYYMM. */
function dateOf(selector: string): Date | null {
	const match = /^(20\d\d)(0[1-9]|1[0-2])(?!\d\d\d)/.exec(selector);
	return match === null ? null : new Date(Date.UTC(Number(match[1]), Number(match[2]) - 1, 1));
}

function overdue({ policy, state }: DomainFacts, now: Date): readonly Finding[] {
	if (state === null) return [];
	const due = missedSlot(state, policy, now);
	const active = activeKey(state);
	if (due === null || active === null || now.getTime() - due.getTime() <= DAY_MS) return [];
	return [
		finding("key.overdue", policy.domain, {
			summary: `a new key was due on ${due.toISOString().slice(0, 10)}, and ${active.selector} still signs`,
			advice: "see what it waits for",
			command: "keyturn status",
		}),
	];
}
