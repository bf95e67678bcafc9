/** `keyturn provider check`: what a provider makes of a long TXT record, and when the world sees it. */

import type { CheckReport, HeldForm, ServerSeen } from "../agent/check-report.ts";
import { KeyturnError } from "../errors.ts";
import { parseDomain } from "../dkim/names.ts";
import { type CommandContext, EXIT } from "./workbench.ts";
import { oneLine, wrap } from "../report/words.ts";

export interface CheckOptions {
	readonly zone: string | null;
	readonly waitMaxMs: number | null;
	readonly json: boolean;
}

/** Most providers take seconds, some of them half an hour. */
const WAIT_MS = 30 * 60_000;

export async function providerCheck(
	context: CommandContext,
	name: string,
	{ zone, waitMaxMs, json }: CheckOptions,
): Promise<number> {
	const bench = await context.open();
	const { terminal, signal } = context;
	const agent = await bench.agent();
	let report: CheckReport;
	try {
		report = await agent.checkProvider(
			{
				provider: name,
				zone: zone === null ? null : zoneNamed(zone),
				waitMs: waitMaxMs ?? WAIT_MS,
				say: (words) => terminal.say(terminal.isLive ? wrap(oneLine(words), 79, "", "  ") : oneLine(words)),
			},
			signal,
		);
	} catch (thrown) {
		if (!(thrown instanceof KeyturnError && thrown.code === "lease.lost")) throw thrown;
		terminal.say("another keyturn holds the lock; nothing was written");
		return EXIT.held;
	}
	terminal.result(json ? JSON.stringify(report, null, 2) : describe(report));
	return CODES[report.outcome];
}

const CODES = {
	passed: EXIT.done,
	waiting: EXIT.waiting,
	failed: EXIT.failed,
	interrupted: EXIT.failed,
} as const satisfies Record<CheckReport["outcome"], number>;

/** `_domainkey` zones too. */
function zoneNamed(zone: string): string {
	const name = zone.toLowerCase().replace(/\.$/, "");
	if (parseDomain(name.replace(/^_domainkey\./, "")) !== null) return name;
	throw new KeyturnError("usage", `--zone: expected a zone such as example.com, got "${oneLine(zone)}"`);
}

const HEADS = {
	passed: "passed",
	waiting: "written, but not served by every name server yet",
	failed: "failed",
	interrupted: "interrupted",
} as const satisfies Record<CheckReport["outcome"], string>;

function headOf({ outcome, visibleAfterSeconds }: CheckReport): string {
	if (outcome === "waiting" && visibleAfterSeconds !== null)
		return "written and served, but not removed again";
	return HEADS[outcome];
}

function describe(report: CheckReport): string {
	const { provider, problem, hint, name, zone, octets, form, swept, left, warnings } = report;
	const facts: (readonly [string, string] | null)[] = [
		name === null ? null : ["record", `${name}, ${octets} octets, in zone ${zone ?? "?"}`],
		form === null ? null : ["form", formWords(form)],
		report.ttlGivenSeconds === null
			? null
			: ["ttl", `${report.ttlAskedSeconds} s asked, ${report.ttlGivenSeconds} s given`],
		report.visibleAfterSeconds === null
			? null
			: ["visible", `at every name server after ${report.visibleAfterSeconds} s`],
		...report.servers.map((server) => ["", serverWords(server)] as const),
		...swept.map((one) => ["swept", `${one}, which an earlier check had left`] as const),
		name === null || left.length > 0 ? null : ["removed", "nothing is left behind"],
		...left.map((one) => ["LEFT", `${one}: the next check removes it; or remove it by hand`] as const),
	];
	return [
		`${oneLine(provider)}: ${headOf(report)}`,
		...(problem === null ? [] : [wrap(problem, 79, "  ")]),
		...(hint === null ? [] : [wrap(`what to do: ${hint}`, 79, "  ")]),
		...facts
			.filter((fact) => fact !== null)
			.map(([head, words]) => wrap(oneLine(words), 79, `  ${head.padEnd(9)}`, " ".repeat(11))),
		...warnings.map((warning) => wrap(`note: ${oneLine(warning)}`, 79, "  ")),
	].join("\n");
}

function formWords({ quoted, strings }: HeldForm): string {
	const lengths = `${strings.join("+")} octets`;
	if (!quoted) return `given back without quotes, ${lengths}`;
	return `given back in quotes, ${strings.length === 1 ? "in one string" : `in ${strings.length} strings`} of ${lengths}`;
}

function serverWords({ server, address, visibleAfterSeconds, strings, sentence }: ServerSeen): string {
	const where = server === address || address === "" ? server : `${server} ${address}`;
	if (visibleAfterSeconds === null) return `${where}: ${sentence}`;
	const lengths = strings.length === 0 ? "" : `, ${strings.join("+")} octets`;
	return `${where}: after ${visibleAfterSeconds} s${lengths}`;
}
