/** The life of a domain's keys as stretches of time: advertised, signing, grace. */

import type { DomainStatus, KeyShown } from "./status.ts";

export type Stage = "advertised" | "signing" | "grace";

export interface Stretch {
	readonly stage: Stage;
	readonly from: Date;
	readonly to: Date;
	/** Not past, but expected. */
	readonly isAhead: boolean;
}

export interface KeyLine {
	readonly key: KeyShown;
	readonly stretches: readonly Stretch[];
	readonly removedAt: Date | null;
}

export interface TimeLine {
	readonly from: Date;
	readonly to: Date;
	readonly keys: readonly KeyLine[];
}

const DAY_MS = 86_400_000;
const BACK_MS = 75 * DAY_MS;
const AHEAD_MS = 45 * DAY_MS;

/** From ten weeks ago to six weeks ahead; keys that were gone before are left out. */
export function timeLineOf(domain: DomainStatus, now: Date): TimeLine {
	const from = new Date(now.getTime() - BACK_MS);
	const to = new Date(now.getTime() + AHEAD_MS);
	const nextDue = domain.nextDueAt === null ? null : new Date(domain.nextDueAt);
	return {
		from,
		to,
		keys: domain.keys
			.map((key) => keyLine(key, { now, to, nextDue }))
			.filter(({ stretches, removedAt }) => stretches.length > 0 && (removedAt === null || removedAt > from)),
	};
}

interface Times {
	readonly now: Date;
	readonly to: Date;
	readonly nextDue: Date | null;
}

function keyLine(key: KeyShown, { now, to, nextDue }: Times): KeyLine {
	const published = timeOf(key.publishedAt);
	const used = timeOf(key.usedFrom);
	const lastUse = timeOf(key.usedUntil);
	const removedAt = key.state === "retired" ? new Date(key.since) : null;
	const isAhead = key.state === "pending" || key.state === "published" || key.state === "verified";
	const stretches: Stretch[] = [];
	const add = (stage: Stage, start: Date | null, end: Date | null): void => {
		if (start === null || end === null) return;
		const parts = [
			{ stage, from: start, to: earlier(end, now), isAhead: false },
			{ stage, from: later(start, now), to: end, isAhead: true },
		];
		stretches.push(...parts.filter(({ from, to: until }) => until > from));
	};
	if (isAhead && key.state !== "pending") add("advertised", published, later(nextDue, now));
	if (used !== null) {
		add("advertised", published, used);
		add("signing", used, key.state === "active" ? later(nextDue, now) : (lastUse ?? now));
	}
	if (lastUse !== null && !isAhead) {
		const removable = timeOf(key.removableFrom);
		add("grace", lastUse, removedAt ?? (removable === null ? to : later(removable, now)));
	}
	return { key, stretches, removedAt };
}

function timeOf(text: string | null): Date | null {
	return text === null ? null : new Date(text);
}

/** What is overdue goes on until now. */
function later(time: Date | null, now: Date): Date {
	return time === null || time < now ? now : time;
}

function earlier(one: Date, other: Date): Date {
	return one < other ? one : other;
}
