/** Whether a program that is not ours goes on with a key: its record stands as long as mail may be signed with it there. */

import type { InspectAnswer, OtherReader } from "../ports/door.ts";
import { editKey, type KeyEntry } from "../rotation/domain-state.ts";
import { CAUSES } from "./causes.ts";
import type { Doc, Run } from "./run.ts";

const HOUR_MS = 3_600_000;

/** "held" where somebody else uses the key, or may: that is told, and the next look at it saved for `status`. */
export async function waitForReaders(
	run: Run,
	doc: Doc,
	key: KeyEntry,
	answer: InspectAnswer,
): Promise<"held" | "free"> {
	const reason = whoUses(answer, doc, key);
	if (reason === null) return "free";
	const { domain } = doc.policy;
	await run.raise({
		cause: CAUSES.retire(domain, key.selector),
		event: "retire_failed",
		severity: "warning",
		domains: [domain],
		selector: key.selector,
		summary: `${domain}: the record of ${key.selector} stays, since something else may sign with its key`,
		detail: reason,
		hint: "give that program another key, or take the lines out; the record then goes by itself",
	});
	const owes = {
		act: "retire" as const,
		id: null,
		askedAt: run.now().toISOString(),
		tries: 0,
		notBefore: new Date(run.now().getTime() + HOUR_MS).toISOString(),
	};
	await run.save(
		doc,
		editKey(doc.state, key.selector, (one) => ({ ...one, owes, reason })),
	);
	return "held";
}

/** Who else uses a key, a sentence each. */
export function otherUsers(
	{ otherReaders }: InspectAnswer,
	domain: string,
	key: KeyEntry,
): readonly string[] {
	return otherReaders
		.filter((reader) => uses(reader, domain, key))
		.map(({ program, where }) => `${program} uses it too (${where})`);
}

/** Null where nobody does. Whoever asked for the removal himself has looked at what cannot be looked into. */
function whoUses(answer: InspectAnswer, { policy, state }: Doc, key: KeyEntry): string | null {
	const { domain } = policy;
	const users = otherUsers(answer, domain, key);
	if (users.length > 0) return `${users.join("; ")}; its record stays until that is gone`;
	const isAsked = state.wants.retire.some((wish) => wish.selector === key.selector);
	const unclear = isAsked ? undefined : answer.otherReaders.find(({ problem }) => problem !== null);
	if (unclear === undefined) return null;
	const { program, where, problem } = unclear;
	return `whether ${program} uses it cannot be told (${where}: ${problem ?? ""}); keyturn retire ${domain} ${key.selector} removes its record all the same`;
}

/** By its name in DNS; where that is not said whole, by the key itself, and where that cannot be read, by what is said. */
function uses(reader: OtherReader, domain: string, key: KeyEntry): boolean {
	if (reader.domain !== null && reader.domain !== domain) return false;
	if (reader.selector !== null && reader.selector !== key.selector) return false;
	if (reader.domain !== null && reader.selector !== null) return true;
	if (reader.publicKey !== null) return reader.publicKey === key.publicKey;
	return reader.selector !== null;
}
