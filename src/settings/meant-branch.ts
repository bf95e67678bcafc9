/** Of a value that no branch of a union takes: the branch that was meant, since its faults say more than the union's. */

import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** Null where it is no union, or where the value has the shape of no branch. */
export function meantBranch(issue: Issue, value: unknown): readonly Issue[] | null {
	if (issue.code !== "invalid_union" || typeof value !== "object" || value === null) return null;
	const shaped = issue.errors.filter((branch) => branch.length > 0 && !branch.some(isOfOtherShape));
	return shaped.toSorted((one, other) => weight(one) - weight(other))[0] ?? null;
}

function weight(branch: readonly Issue[]): number {
	return branch.reduce((sum, issue) => sum + (issue.code === "unrecognized_keys" ? issue.keys.length : 1), 0);
}

function isOfOtherShape(issue: Issue): boolean {
	return issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value");
}
