/** Counts what the servers said: names against the quorum, addresses against each other. */

import type { LookReport, ServerOutcome, ServerReport } from "../ports/propagation.ts";

export type Verdict = LookReport["verdict"];

export interface Tally {
	readonly verdict: Verdict;
	readonly warnings: readonly string[];
}

const WRONG: ReadonlySet<ServerOutcome> = new Set([
	"several_records",
	"wrong_key",
	"revoked",
	"wrong_tags",
	"unreadable_record",
	"alias_broken",
	"not_signed",
]);
const ABSENT: ReadonlySet<ServerOutcome> = new Set(["absent_name", "absent_record", "wildcard"]);
const SILENT: ReadonlySet<ServerOutcome> = new Set(["timeout", "unreachable"]);

/** A wrong answer from any address blocks; silence beside a right address of the same name is a warning. */
export function tally(reports: readonly ServerReport[], quorum: "all" | number): Tally {
	const names = groupByServer(reports);
	const right = [...names.values()].filter(isRight);
	const warnings = right.flatMap((group) => group.filter(isSilent).map((report) => report.sentence));
	if (quorum !== "all" && quorum > names.size)
		warnings.push(`a quorum of ${quorum} names was asked for, and there are ${names.size}: all are needed`);
	if (reports.some((report) => WRONG.has(report.outcome))) return { verdict: "wrong", warnings };
	if (names.size > 0 && right.length >= wantedOf(names.size, quorum)) {
		const others = [...names.values()].filter((group) => !isRight(group)).flat();
		return { verdict: "right", warnings: [...warnings, ...others.map((report) => report.sentence)] };
	}
	const verdict = reports.some((report) => ABSENT.has(report.outcome)) ? "absent" : "unknown";
	return { verdict, warnings };
}

/** How many of so many server names have to answer: one at least, all at most. */
export function wantedOf(names: number, quorum: "all" | number): number {
	return Math.max(1, quorum === "all" ? names : Math.min(quorum, names));
}

/** The worst of several that all have to be right. */
export function worst(verdicts: readonly Verdict[]): Verdict {
	const order = ["wrong", "absent", "unknown"] as const;
	return order.find((verdict) => verdicts.includes(verdict)) ?? "right";
}

export function groupByServer<T extends { readonly server: string }>(
	items: readonly T[],
): ReadonlyMap<string, readonly T[]> {
	const groups = new Map<string, T[]>();
	for (const item of items) groups.set(item.server, [...(groups.get(item.server) ?? []), item]);
	return groups;
}

function isRight(group: readonly ServerReport[]): boolean {
	return (
		group.some((report) => report.outcome === "right") &&
		group.every((report) => report.outcome === "right" || isSilent(report))
	);
}

function isSilent(report: ServerReport): boolean {
	return SILENT.has(report.outcome);
}
