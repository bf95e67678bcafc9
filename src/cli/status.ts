/** `keyturn status`: is it well, what happens next, and when. */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import { CAUSES } from "../agent/causes.ts";
import { doubtedSince } from "../agent/clock-watch.ts";
import { each } from "../agent/run.ts";
import { type Checked, parseHostState, type Trouble, type Undelivered } from "../agent/host-state.ts";
import type { LookReport } from "../ports/propagation.ts";
import {
	buildStatus,
	type DomainStatus,
	type KeyShown,
	type Status,
	type StatusFacts,
	type TroubleShown,
} from "../report/status.ts";
import {
	damageWords,
	daemonWords,
	plural,
	signingWith,
	stateWords,
	stuckMs,
	verdictOf,
} from "../report/status-words.ts";
import { parseDomainState } from "../rotation/stored-state.ts";
import { columns } from "./columns.ts";
import { recentEvents } from "./history.ts";
import { inLocalTime, moment, oneLine, relative, roughly, wrap } from "../report/words.ts";
import { type CommandContext, EXIT, type Workbench } from "./workbench.ts";

export interface StatusOptions {
	readonly json: boolean;
	/** Shows it again and again until it is interrupted. */
	readonly watch: boolean;
	/** The file that gets it as a page, `-` for standard output; null for a table. */
	readonly html: string | null;
}

export async function status(context: CommandContext, options: StatusOptions): Promise<number> {
	const bench = await context.open();
	if (options.html !== null) return writePage(context, bench, options.html);
	if (!options.watch) {
		context.terminal.result(await inForm(bench, options.json));
		return EXIT.done;
	}
	const over = AbortSignal.any([context.signal, context.terminal.unread]);
	while (!over.aborted) {
		const text = await inForm(bench, options.json);
		if (context.terminal.isLive && !options.json) context.terminal.draw(CLEAR);
		context.terminal.result(text);
		await bench.clock.sleep(WATCH_MS, over);
	}
	return EXIT.done;
}

const WATCH_MS = 2000;
/** Each has many questions under way: those of hundreds of domains would be more sockets than a process may have. */
const LOOKS_AT_A_TIME = 8;
/** The screen is cleared, and writing goes on at its upper left: ECMA-48, ED and CUP. */
const CLEAR = "\u001B[H\u001B[2J";

async function inForm(bench: Workbench, isJson: boolean): Promise<string> {
	const built = await gather(bench);
	if (isJson) return JSON.stringify(built, null, 2);
	const { policies, timezone } = bench.settings;
	const zones = new Map(policies.map((policy) => [policy.domain, policy.timezone]));
	const timezoneOf = (domain: string): string => zones.get(domain) ?? timezone;
	return render(built, { timezoneOf, timezone, daemonStart: await bench.daemonStart() });
}

/** With what every server says at this moment. */
async function writePage(context: CommandContext, bench: Workbench, path: string): Promise<number> {
	const built = await gather(bench);
	const looks = new Map<string, LookReport>();
	const policies = new Map(bench.settings.policies.map((policy) => [policy.domain, policy]));
	const shown = built.domains.flatMap(({ domain, keys }) =>
		keys.filter(isAdvertised).map(({ selector, value }) => ({ domain, selector, record: value })),
	);
	await each(shown, LOOKS_AT_A_TIME, async ({ domain, selector, record }) => {
		const verify = policies.get(domain)?.verify;
		if (verify === undefined) return;
		const asked = { domain, selector, record, verify, askResolvers: false };
		looks.set(`${domain} ${selector}`, await bench.propagation.look(asked, context.signal));
	});
	const { renderPage } = await import("../report/page.ts");
	const page = renderPage({
		status: built,
		lookAt: (domain, selector) => looks.get(`${domain} ${selector}`) ?? null,
		events: await recentEvents(bench),
		timezone: bench.settings.timezone,
	});
	if (path === "-") context.terminal.result(page);
	else await bench.replaceShared(path, page).catch((thrown: unknown) => refuseFile(path, thrown));
	return EXIT.done;
}

/** As root the command goes on as keyturn, who may not write where root may. */
function refuseFile(path: string, thrown: unknown): never {
	const { code, message, errno } = asKeyturnError(thrown);
	if (errno !== "EACCES") throw thrown;
	throw new KeyturnError(code, message, {
		errno,
		hint: `root's commands write as the owner of the state directory: keyturn status --html - > ${oneLine(path)}`,
	});
}

function isAdvertised({ state }: KeyShown): boolean {
	return state !== "pending" && state !== "retired" && state !== "revoked";
}

/** Reads the state alone, so that it is quick and needs no privilege but that of reading it. */
export async function gather(bench: Workbench): Promise<Status> {
	const host = await readHost(bench);
	const domains = await readDomains(bench);
	return buildStatus({
		host: bench.settings.host,
		now: bench.clock.now(),
		daemon: await bench.daemonAlive(),
		domains,
		...host,
	});
}

/** One for each configured domain, in their order; no state where there is none yet, or it cannot be read. */
export async function readDomains(bench: Workbench): Promise<StatusFacts["domains"]> {
	return Promise.all(
		bench.settings.policies.map(async (policy) => {
			try {
				const stored = await bench.store.load(`domains/${policy.domain}`);
				return { policy, state: stored === null ? null : parseDomainState(stored.state), damaged: null };
			} catch (thrown) {
				const { code, message, hint } = asKeyturnError(thrown);
				const unread = { policy, state: null, damaged: message };
				// Only broken bytes are begun anew by the agent.
				if (code === "state.corrupt") return unread;
				return { ...unread, isLeft: true, ...(code === "state.newer" ? {} : { remedy: hint }) };
			}
		}),
	);
}

/** Damaged, it is a trouble like others: the keys are known without it. */
export async function readHost(
	bench: Workbench,
): Promise<Pick<StatusFacts, "troubles" | "undelivered" | "unchecked" | "steadySince" | "lastTickAt">> {
	try {
		const stored = await bench.store.load("host");
		if (stored === null) return { ...UNKNOWN, troubles: [], unchecked: uncheckedAmong(bench, []) };
		const host = parseHostState(stored.state);
		const { troubles, outbox, checks, lastClock } = host;
		const undelivered = outbox.filter((entry) => entry.tries > 0 && !isForFailedHook(entry, troubles)).length;
		const lastTickAt = new Date(lastClock);
		const steadySince = doubtedSince(host);
		return { troubles, undelivered, unchecked: uncheckedAmong(bench, checks), lastTickAt, steadySince };
	} catch (thrown) {
		const { code, message, hint } = asKeyturnError(thrown);
		const damaged: TroubleShown = {
			event: "state_damaged",
			severity: "warning",
			domains: [],
			summary: "host.json cannot be read: troubles and alerts are not known",
			detail: message,
			hint: code === "disk.failed" ? hint : "the next tick keeps it aside and begins it anew",
			since: bench.clock.now().toISOString(),
		};
		return { ...UNKNOWN, troubles: [damaged], unchecked: [] };
	}
}

const UNKNOWN = { undelivered: 0, lastTickAt: null, steadySince: null } as const;

/** A hook is no alert: it is run again until it has gone through, and its trouble, which begins with its first failure, says so. */
function isForFailedHook({ sink }: Undelivered, troubles: readonly Trouble[]): boolean {
	return troubles.some(({ id }) => id === CAUSES.hook(sink));
}

/** By name: the adapters, which know the accounts, are not loaded for it. */
function uncheckedAmong({ settings }: Workbench, checks: readonly Checked[]): readonly string[] {
	const used = new Set(settings.policies.flatMap(({ providers }) => providers));
	const passed = new Set(checks.filter(({ passedAt }) => passedAt !== null).map(({ provider }) => provider));
	return settings.providers
		.filter(({ name, isProven }) => !isProven && used.has(name) && !passed.has(name))
		.map(({ name }) => name);
}

export interface RenderOptions {
	readonly timezoneOf: (domain: string) => string;
	/** Of what is no domain's. */
	readonly timezone: string;
	/** Told where no daemon runs. */
	readonly daemonStart: string;
}

/** 80 columns; many domains that wait for the same are told in one line. */
export function render(built: Status, { timezoneOf, timezone, daemonStart }: RenderOptions): string {
	const now = new Date(built.at);
	const told = [
		columns(
			COLUMNS,
			built.domains.map((domain) => row(domain, now)),
		),
		notes(built.domains, now, timezoneOf),
		...built.troubles.map((trouble) => troubleLines(trouble, now, timezone)),
		built.unchecked.map((name) =>
			wrap(
				`${name}: nothing is published through it before \`keyturn provider check ${name}\` has passed`,
				79,
				"",
				"  ",
			),
		),
		closing(built, daemonStart),
	];
	return told
		.filter((lines) => lines.length > 0)
		.map((lines) => lines.join("\n"))
		.join("\n\n");
}

const COLUMNS = [
	{ head: "domain", most: 28 },
	{ head: "signs with", most: 12 },
	{ head: "since", most: 12 },
	{ head: "next turn", most: 9 },
	{ head: "state", most: 12 },
] as const;

function row(domain: DomainStatus, now: Date): readonly string[] {
	const name = oneLine(domain.domain);
	if (domain.damaged !== null) return [name, "?", "?", "?", stateWords(domain)];
	const { active, nextDueAt } = domain;
	return [
		name,
		active === null ? (domain.keys.length === 0 ? "not known" : "nothing") : oneLine(signingWith(domain)),
		active === null ? "" : roughly(new Date(active.since), now),
		nextDueAt === null ? "" : new Date(nextDueAt) <= now ? "now" : roughly(new Date(nextDueAt), now),
		stateWords(domain),
	];
}

/** More names than this are counted. */
const MOST_NAMES = 3;

function notes(
	domains: readonly DomainStatus[],
	now: Date,
	timezoneOf: (domain: string) => string,
): readonly string[] {
	const subjects = new Map<string, string[]>();
	for (const domain of domains)
		for (const { subject, words } of notesOf(domain, now, timezoneOf(domain.domain)))
			subjects.set(words, [...(subjects.get(words) ?? []), subject]);
	return [...subjects].map(([words, names]) => wrap(`${someOf(names)}: ${words}`, 79, "", "  "));
}

/** What the table does not say: when the next turn is due stands there. */
function notesOf(
	domain: DomainStatus,
	now: Date,
	timezone: string,
): readonly { readonly subject: string; readonly words: string }[] {
	const { domain: subject, damaged, step, active, next } = domain;
	if (damaged !== null) return [{ subject, words: damageWords(damaged, domain) }];
	if (step !== null) return [{ subject, words: `due now: ${step}` }];
	return domain.waits
		.filter((wait) => wait.selector !== null || active === null || next !== null)
		.map((wait) => {
			const until = wait.until === null ? "" : ` (${moment(new Date(wait.until), now, timezone)})`;
			return {
				subject: wait.selector === null ? subject : `${subject} ${wait.selector}`,
				words: inLocalTime(`${wait.reason}${until}`, timezone),
			};
		});
}

function someOf(names: readonly string[]): string {
	if (names.length <= MOST_NAMES) return names.join(", ");
	return `${names.slice(0, MOST_NAMES).join(", ")} and ${names.length - MOST_NAMES} more`;
}

function troubleLines(trouble: TroubleShown, now: Date, timezone: string): readonly string[] {
	const { severity, event, summary, detail, hint } = trouble;
	const since = relative(new Date(trouble.since), now);
	return [
		wrap(inLocalTime(`${severity}: ${event} (since ${since}): ${summary}`, timezone), 79, "", "  "),
		...(detail === null ? [] : [wrap(inLocalTime(detail, timezone), 79, "  ")]),
		...(hint === null ? [] : [wrap(`what to do: ${hint}`, 79, "  ")]),
	];
}

function closing(built: Status, daemonStart: string): readonly string[] {
	const { undelivered, daemon } = built;
	const next = daemon ? (stuckMs(built) === null ? "" : ": keyturn doctor") : `: ${daemonStart}`;
	return [
		verdictOf(built).sentence,
		...(undelivered === 0 ? [] : [`${undelivered} ${plural("alert", undelivered)} not delivered yet`]),
		`${daemonWords(built)}${next}`,
	];
}
