/** A year of a mail host: month after month, its turn and its fault, and at the end the reckoning. */

import { SELECTOR } from "../e2e/host/guide-host.ts";
import { PRIMARY, SECONDARY } from "../e2e/host/name-servers.ts";
import { runsAgain } from "../e2e/host/processes.ts";
import type { Act, Fault, World } from "./acts.ts";
import { type Alerts, compareAlerts, countAlerts, sumOf } from "./alert-count.ts";
import { hoursFrom, type Month, momentsOf, monthsOf } from "./calendar.ts";
import { FAULTS } from "./faults.ts";
import { countMail, mailFaults } from "./mail-count.ts";
import { MailFlow } from "./mail-flow.ts";
import { CLOCK_ENVIRONMENT } from "./moved-clock.ts";
import { alertFaults, alertTable, mailTable } from "./report.ts";
import { eventsOf, upYearHost, type YearHost } from "./year-host.ts";

export interface YearOptions {
	/** The number of the first month, and how many there are. */
	readonly from: number;
	readonly months: number;
	readonly perSecond: number;
	readonly say: (text: string) => void;
}

/** The year is always the same; the real date has no part in it. */
const YEAR = 2027;
/** So long before the first turn the daemon finds the keys in use. */
const FOUND_HOURS = 12 * 24;
/** The night of a turn, in hours from its due date: services may be stopped. */
const NIGHT_HOURS = 25;

/** What was not as it must be; empty if all was. */
export async function runYear({
	from,
	months: count,
	perSecond,
	say,
}: YearOptions): Promise<readonly string[]> {
	const startedAt = Date.now();
	const months = monthsOf(YEAR, from, count);
	const [first] = months;
	if (first === undefined) throw new Error("a year needs a month");
	const foundAt = hoursFrom(first, -FOUND_HOURS);
	const year = await upYearHost(foundAt);
	const { host } = year;
	try {
		const mail = new MailFlow(host, perSecond);
		await mail.start();
		say(`the host is up: ${host.domains.length} domains, ${perSecond} messages a second`);
		const due: Alerts[] = [turnsDue(months.length, host.domains.length)];
		const faults: string[] = [];
		for (const [index, month] of months.entries()) {
			const moments = momentsOf(month, months[index + 1] ?? null, month === first ? foundAt : null);
			const world = { ...year, mail, month, becomesDue: (alerts: Alerts) => void due.push(alerts) };
			await liveMonth(world, FAULTS[(from - 1 + index) % FAULTS.length] as Fault, moments, say);
			faults.push(...(await monthFaults(year, month)));
		}
		await mail.end();
		say(`${count} months and ${count * host.domains.length} turns in ${secondsSince(startedAt)} s`);
		return [...faults, ...(await reckon(year, mail, sumOf(due), say)), ...(await dnsFaults(host, months))];
	} finally {
		await host.down();
	}
}

async function liveMonth(
	world: World,
	fault: Fault,
	moments: readonly Date[],
	say: (text: string) => void,
): Promise<void> {
	const { month, mail } = world;
	const startedAt = Date.now();
	say(`${month.name}  ${fault.name}`);
	world.becomesDue(fault.due);
	await live(world, fault, moments);
	const { accepted, unsigned, invalid } = countMail(mail.harvest());
	const so = `${accepted} messages so far, ${unsigned} unsigned, ${invalid} invalid`;
	say(`${month.name}  over after ${secondsSince(startedAt)} s: ${so}`);
}

function secondsSince(startedAt: number): number {
	return Math.round((Date.now() - startedAt) / 1000);
}

/** Each turn: published, verified, switched; and each but the last makes way for the next. The first key was not ours. */
function turnsDue(turns: number, domains: number): Alerts {
	const all = turns * domains;
	return { published: all, verified: all, switched: all, retired: all - domains };
}

/** Plain moments that lie behind the clock were lived through by an act. */
async function live(world: World, fault: Fault, moments: readonly Date[]): Promise<void> {
	const { clock, mail, month } = world;
	const night = { from: month.dueAt, to: hoursFrom(month, NIGHT_HOURS) };
	const tick: Act = async (_, at) => {
		const ticks = (): Promise<void> => clock.tickAt(at);
		return at > night.from && at < night.to ? mail.expectingRefusals(ticks) : ticks();
	};
	const acts = new Map([...fault.acts].map(([hours, act]) => [hoursFrom(month, hours).getTime(), act]));
	const stops = [...new Set([...moments.map((at) => at.getTime()), ...acts.keys()])];
	for (const at of stops.toSorted((one, other) => one - other)) {
		const act = acts.get(at);
		const isPast = at <= clock.now().getTime();
		if (isPast && act !== undefined)
			throw new Error(`${month.name}: too late for what was to happen at ${at}`);
		if (isPast) continue;
		await mail.isJudged();
		await (act ?? tick)(world, new Date(at));
	}
}

async function monthFaults({ host }: YearHost, month: Month): Promise<readonly string[]> {
	const selectors = await host.selectors();
	const late = host.domains.filter((domain) => selectors[domain] !== month.name);
	const faults = late.map(
		(domain) => `${month.name}: ${domain} signs with ${selectors[domain] ?? "nothing"}`,
	);
	return (await runsAgain(host)) ? faults : [...faults, `${month.name}: OpenDKIM or Postfix does not run`];
}

async function reckon(
	{ host }: YearHost,
	mail: MailFlow,
	due: Alerts,
	say: (text: string) => void,
): Promise<readonly string[]> {
	const events = await eventsOf(host);
	const comparisons = compareAlerts(due, countAlerts(events));
	const count = countMail(mail.harvest());
	for (const line of [...mailTable(count), ...alertTable(comparisons)]) say(line);
	say(`  besides ${events.filter(({ phase }) => phase === "repeat").length} repetitions of what lasted`);
	return [...mailFaults(count), ...alertFaults(comparisons)];
}

/** What was ours and is over is gone, what was not ours stands, and every key in use verifies. */
async function dnsFaults(host: YearHost["host"], months: readonly Month[]): Promise<readonly string[]> {
	const current = months.at(-1)?.name ?? "";
	const expected = [SELECTOR, "google", ...months.map(({ name }) => name)].map(
		(name) => [name, [SELECTOR, "google", current].includes(name) ? 1 : 0] as const,
	);
	const faults: string[] = [];
	for (const domain of host.domains)
		for (const [selector, count] of expected)
			for (const server of [PRIMARY, SECONDARY]) {
				const found = (await host.txt(server, `${selector}._domainkey.${domain}`)).length;
				if (found !== count) faults.push(`${selector} of ${domain} at ${server}: ${found} records`);
			}
	const { code, stdout } = await host.keyturn("verify", { env: CLOCK_ENVIRONMENT });
	return code === 0 ? faults : [...faults, `keyturn verify ended ${code}: ${stdout}`];
}
