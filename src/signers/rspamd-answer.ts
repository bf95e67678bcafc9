/** The signatures in an answer of rspamd's: beside it, or with `use_milter_headers` among the headers that a milter adds. */

import * as z from "zod";

/** Null where it is no such answer. */
export function signaturesIn(answer: unknown): readonly string[] | null {
	const parsed = ANSWER.safeParse(answer);
	if (!parsed.success) return null;
	const added = FOR_MILTER.safeParse(answer);
	const headers = added.success ? listOf(added.data.milter.add_headers["DKIM-Signature"]) : [];
	return [...listOf(parsed.data["dkim-signature"] ?? []), ...headers.map(({ value }) => value)];
}

const ANSWER = z.object({ "dkim-signature": z.union([z.string(), z.array(z.string())]).optional() });
const HEADER = z.object({ value: z.string() });
const FOR_MILTER = z.object({
	milter: z.object({ add_headers: z.object({ "DKIM-Signature": z.union([HEADER, z.array(HEADER)]) }) }),
});

/** One stands by itself, several in a list. */
function listOf<T>(found: T | readonly T[]): readonly T[] {
	return Array.isArray(found) ? (found as readonly T[]) : [found as T];
}
