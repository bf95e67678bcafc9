/** What `rotate` shows while it works: a line for each domain, or a count where they are too many for a screen. */

import type { Agent, DomainReport } from "../agent/agent.ts";
import { isCandidate } from "../rotation/life.ts";
import type { Policy } from "../rotation/policy.ts";
import { headline, stageOf, STAGES } from "./headline.ts";
import type { Terminal, Workbench } from "./workbench.ts";

/** More lines than this are no overview. */
const MOST_LINES = 16;
/** Failures stay in sight beside the counts. */
const MOST_FAILURES = 5;

export interface TurnView {
	readonly bench: Workbench;
	readonly agent: Agent;
	/** Only these are shown. */
	readonly policies: readonly Policy[];
	readonly terminal: Terminal;
}

export function viewLines(view: TurnView, reports: readonly DomainReport[]): readonly string[] {
	const shown = reports.filter((report) => policyOf(view, report) !== undefined);
	const { isLive, rows } = view.terminal;
	if (!isLive || shown.length <= Math.min(MOST_LINES, rows - 2)) return shown.map((one) => lineOf(view, one));
	const failed = shown.filter((report) => stageOf(report) === "failed").slice(0, MOST_FAILURES);
	return [...failed.map((one) => lineOf(view, one)), counts(shown)];
}

export function wordsOf(view: TurnView, report: DomainReport, isLive: boolean): string {
	const policy = policyOf(view, report);
	if (policy === undefined) return "";
	const candidate = report.state?.keys.findLast((key) => isCandidate(key.state)) ?? null;
	const look = candidate === null ? null : view.agent.lastLook(report.domain, candidate.selector);
	return headline({ report, policy, look, now: view.bench.clock.now(), isLive });
}

function lineOf(view: TurnView, report: DomainReport): string {
	return `${report.domain}: ${wordsOf(view, report, view.terminal.isLive)}`;
}

function policyOf({ policies }: TurnView, report: DomainReport): Policy | undefined {
	return policies.find((policy) => policy.domain === report.domain);
}

function counts(reports: readonly DomainReport[]): string {
	const parts = STAGES.map((stage) => ({
		stage,
		count: reports.filter((one) => stageOf(one) === stage).length,
	}))
		.filter(({ count }) => count > 0)
		.map(({ stage, count }) => `${count} ${stage}`);
	return `${reports.length} domains: ${parts.join(", ")}`;
}
