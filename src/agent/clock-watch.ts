/** Two clocks must agree before anything is removed: after a jump of the wall clock grace counts anew, a day at least. */

import { doubtEnds } from "../rotation/retiring.ts";
import { CAUSES } from "./causes.ts";
import type { HostState } from "./host-state.ts";
import type { Memory, Run } from "./run.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** What time servers correct without a step. */
const SLEWED_MS = 60_000;
/**
 * Between two processes the time since boot proves little where the host was off: more than this unproven may be a clock
 * that jumped. A host that was off for a week is none, and a grace of two weeks still outlasts the queue if it was one.
 */
const LONGEST_UNPROVEN_MS = 8 * DAY_MS;
/** Of a clock that has just jumped no more is believed: it may have been set right meanwhile, or have jumped again. */
const LONGEST_DOUBTED_MS = HOUR_MS;
/** A host that is booted before each monthly run never proves a grace: once that was told for so long no silence shorter than it is one. */
const LONGEST_TOLD_MS = 60 * DAY_MS;

const DOUBTS: readonly string[] = [CAUSES.clock(), CAUSES.silence()];

/** Notes the clock, and gives it, with since when it is steady where it has jumped lately; null where it is not in doubt. */
export async function watchClock(
	run: Run,
	isNew: boolean,
): Promise<{ readonly now: Date; readonly steadySince: Date | null }> {
	const now = run.now();
	const last = run.memory.lastTick;
	const before = isNew ? null : (last ?? lastOfThisBoot(run));
	const jump = isNew ? null : (moved(run, now, before) ?? silence(run, now, before));
	const setOnAt = lastSetOn(run, now, before);
	const thisTick = { bootMs: run.ports.clock.bootMs(), at: now };
	if (jump !== null) {
		// What was put off by a clock that was ahead would wait as long as it was ahead.
		run.memory.delays.clear();
		// Asked for at once, they are saved at once: a doubt without its date would be over for who comes next.
		await Promise.all([
			jump.cause === CAUSES.clock() ? run.end(CAUSES.silence(), null) : null,
			run.raise({
				cause: jump.cause,
				event: "clock_suspect",
				severity: "warning",
				domains: [],
				selector: null,
				summary: `the clock of this host ${jump.what}`,
				detail: null,
				hint: "check its time source; no record is removed until the clock has been steady for as long as retire.grace, a day at least",
			}),
			noteClock(run, now, { setOnAt, steadySince: jump.steadySince.toISOString() }),
		]);
	} else if (
		last === null ||
		setOnAt !== run.host.setOnAt ||
		now.getTime() - new Date(run.host.lastClock).getTime() > HOUR_MS / 2
	)
		await noteClock(run, now, { setOnAt, steadySince: run.host.steadySince });
	// Only now: what could not be saved is found out again.
	run.memory.lastTick = thisTick;
	const since = doubtedSince(run.host);
	if (since === null || isInDoubt(run, since, now)) return { now, steadySince: since };
	for (const cause of DOUBTS) await run.end(cause, null);
	return { now, steadySince: null };
}

/** Since when the clock is steady where it has jumped lately; null where it is not in doubt. */
export function doubtedSince({
	troubles,
	steadySince,
}: Pick<HostState, "troubles" | "steadySince">): Date | null {
	return troubles.some(({ id }) => DOUBTS.includes(id)) ? new Date(steadySince) : null;
}

/**
 * When a running process last found the clock to have jumped, or to have gone back; where it was silent since, which moves
 * `steadySince` on, when that was first told. Null where a jump is no trouble any more.
 */
function jumpedAt({ troubles, steadySince }: Pick<HostState, "troubles" | "steadySince">): string | null {
	if (!troubles.some(({ id }) => id === CAUSES.clock())) return null;
	return troubles.find(({ id }) => id === CAUSES.silence())?.since ?? steadySince;
}

/** As `jumpedAt`, or when the clock was set on by less than that: a soak from before is not as long as it seems. */
export function soaksSince({ host }: Pick<Run, "host">): string {
	const [jumped, setOn] = [jumpedAt(host) ?? "", host.setOnAt ?? ""];
	return jumped > setOn ? jumped : setOn;
}

/** What a clock that was ahead has noted would keep every soak from ending as long as it was ahead. */
function lastSetOn(run: Run, now: Date, before: Tick | null): string | null {
	if (before !== null && aheadMs(run, now, before) > SLEWED_MS) return now.toISOString();
	const { setOnAt } = run.host;
	return setOnAt === null || setOnAt > now.toISOString() ? null : setOnAt;
}

type Tick = NonNullable<Memory["lastTick"]>;

/** The clock that was noted last, where the time since boot tells how long ago that was. */
function lastOfThisBoot({ host, ports }: Run): Tick | null {
	const { lastBootMs, lastBootId, lastClock } = host;
	if (lastBootMs === null || lastBootId === null || lastBootId !== ports.clock.bootId()) return null;
	// A container may have the boot of its host, and a time since its own start.
	if (ports.clock.bootMs() < lastBootMs) return null;
	return { bootMs: lastBootMs, at: new Date(lastClock) };
}

/** By how much the clock has gone on more than time has passed; negative where it has gone back. A host that was suspended slept. */
function aheadMs({ ports }: Run, now: Date, before: Tick): number {
	return now.getTime() - before.at.getTime() - (ports.clock.bootMs() - before.bootMs);
}

interface Jump {
	readonly cause: string;
	readonly what: string;
	readonly steadySince: Date;
}

function moved(run: Run, now: Date, last: Tick | null): Jump | null {
	const jump = (what: string): Jump => ({ cause: CAUSES.clock(), what, steadySince: now });
	const before = new Date(run.host.lastClock);
	if (now.getTime() < before.getTime() - HOUR_MS)
		return jump(`went back from ${before.toISOString()} to ${now.toISOString()}`);
	// Since the last process as much has passed as the time since boot proves.
	if (last === null && now.getTime() < before.getTime() + provenMs(run) - HOUR_MS)
		return jump(
			`reads ${now.toISOString()}, earlier than the time since boot allows after ${before.toISOString()}`,
		);
	if (last === null) return null;
	if (Math.abs(aheadMs(run, now, last)) <= HOUR_MS) return null;
	const minutes = Math.round((run.ports.clock.bootMs() - last.bootMs) / 60_000);
	return jump(`moved from ${last.at.toISOString()} to ${now.toISOString()} while ${minutes} minutes passed`);
}

/**
 * Of a silence that may be a clock that jumped, what is proven counts for grace: a host that is off every night gets there.
 * After a long one, and while the clock is known to have jumped, it counts anew for all, as a key may have gone out of use just
 * before it.
 */
function silence(run: Run, now: Date, last: Tick | null): Jump | null {
	if (last !== null) return null;
	const before = new Date(run.host.lastClock);
	const unprovenMs = now.getTime() - before.getTime() - provenMs(run);
	const told = run.host.troubles.find(({ id }) => id === CAUSES.silence());
	// Not by the clock of now, which is what is in doubt.
	const toldMs = told === undefined ? 0 : before.getTime() - Date.parse(told.since);
	if (toldMs > LONGEST_TOLD_MS && unprovenMs <= LONGEST_TOLD_MS) return null;
	const doubted = doubtedSince(run.host);
	if (unprovenMs <= (doubted === null ? LONGEST_UNPROVEN_MS : LONGEST_DOUBTED_MS)) return null;
	const isAnew = unprovenMs > LONGEST_UNPROVEN_MS || jumpedAt(run.host) !== null;
	const from = isAnew ? before : (doubted ?? before);
	const steadySince = new Date(from.getTime() + unprovenMs);
	// What a monthly run finds proven for as long as grace keeps nothing.
	if (doubted === null && !isInDoubt(run, steadySince, now)) return null;
	const what = `reads ${now.toISOString()}; when keyturn last ran it read ${before.toISOString()}`;
	return { cause: CAUSES.silence(), what, steadySince };
}

/** What has passed at least since the clock was last noted, in milliseconds: since then, or since a later boot. */
function provenMs({ host, ports }: Run): number {
	const bootMs = ports.clock.bootMs();
	if (host.lastBootMs === null) return 0;
	return bootMs < host.lastBootMs ? bootMs : bootMs - host.lastBootMs;
}

function isInDoubt({ settings }: Run, since: Date, now: Date): boolean {
	return settings.policies.some((policy) => doubtEnds(since, policy) > now);
}

async function noteClock(
	run: Run,
	now: Date,
	noted: Pick<HostState, "setOnAt" | "steadySince">,
): Promise<void> {
	const { clock } = run.ports;
	const boot = { lastBootMs: Math.round(clock.bootMs()), lastBootId: clock.bootId() };
	await run.editHost((host): { host: HostState; history: [] } => ({
		host: { ...host, ...boot, ...noted, lastClock: now.toISOString() },
		history: [],
	}));
}
