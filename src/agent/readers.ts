/**
 * Whether something goes on with a key that is not the domain's own line: a program that is not ours, the signer that the domain
 * had before, a line that is left alone, one of a domain that is not turned. Its record stands as long as mail may be signed
 * with it there.
 */

import type { InspectAnswer, OtherReader } from "../ports/door.ts";
import { editKey, type KeyEntry } from "../rotation/domain-state.ts";
import { usedUntilNow } from "../rotation/signing.ts";
import { CAUSES } from "./causes.ts";
import type { Loaded } from "./documents.ts";
import { signersNaming } from "./inspection.ts";
import type { Doc, Run } from "./run.ts";
import { type Stranger, type Strangers, strangersOf } from "./same-record.ts";

const HOUR_MS = 3_600_000;
/** So many are named; a key file may sign for thousands. */
const MOST_NAMES = 3;

/** What says who uses a key. */
export interface Sources {
	readonly answer: InspectAnswer;
	readonly strangers: Strangers;
}

/**
 * "held" where somebody else uses the key, or may: that is told, and the next look at it saved for `status`; and once more
 * where somebody did at the last look, since grace counts from when nobody does.
 */
export async function waitForReaders(
	run: Run,
	doc: Doc,
	key: KeyEntry,
	sources: Sources,
): Promise<"held" | "free"> {
	const reason = whoUses(sources, doc, key);
	if (reason === null) return key.usedBy === undefined ? "free" : endUse(run, doc, key, sources.answer);
	const { domain } = doc.policy;
	await run.raise({
		cause: CAUSES.retire(domain, key.selector),
		event: "retire_failed",
		severity: "warning",
		domains: [domain],
		selector: key.selector,
		summary: `${domain}: the record of ${key.selector} stays, since something else may sign with its key`,
		detail: reason,
		hint: "give that program another key, take the lines out, or have keyturn.yaml name their domains; the record then goes by itself, after grace",
	});
	const owes = {
		act: "retire" as const,
		id: null,
		askedAt: run.now().toISOString(),
		tries: 0,
		notBefore: new Date(run.now().getTime() + HOUR_MS).toISOString(),
	};
	const users = usersOf(sources, domain, key);
	const usedBy = users.length > 0 ? users : key.usedBy;
	await run.save(
		doc,
		editKey(doc.state, key.selector, (one) => ({
			...one,
			owes,
			reason,
			...(usedBy === undefined ? {} : { usedBy }),
		})),
	);
	return "held";
}

/**
 * Who uses a key is remembered from the first look on, and of a key in use as well: after its switch the signer may not be
 * looked at for an hour, and the program be gone before its record is to go.
 */
export async function noteReaders(run: Run, loaded: Loaded): Promise<void> {
	const answer = run.memory.inspection?.answer ?? null;
	if (answer === null) return;
	const sources = { answer, strangers: strangersOf(answer, loaded) };
	for (const doc of loaded.docs) await noteReadersOf(run, doc, sources);
}

async function noteReadersOf(run: Run, doc: Doc, sources: Sources): Promise<void> {
	const { answer } = sources;
	const isUnclear = [...answer.otherReaders, ...answer.signers].some(({ problem }) => problem !== null);
	for (const key of doc.state.keys.filter(({ state }) => state === "active" || state === "retiring")) {
		const usedBy = usersOf(sources, doc.policy.domain, key);
		if (key.usedBy === undefined && usedBy.length > 0)
			await run.save(
				doc,
				editKey(doc.state, key.selector, (one) => ({ ...one, usedBy })),
			);
		if (key.usedBy === undefined || usedBy.length > 0 || isUnclear) continue;
		// What signs still will be the last to have signed with it.
		if (key.state === "active") await run.save(doc, editKey(doc.state, key.selector, unused));
		else await endUse(run, doc, key, answer);
	}
}

function unused(key: KeyEntry): KeyEntry {
	const { usedBy: _, ...rest } = key;
	return rest;
}

/** It may have signed until now, and a signer over open connections for a day more: promise 3 counts from there. */
async function endUse(
	run: Run,
	doc: Doc,
	{ selector, usedBy = [] }: KeyEntry,
	{ signers }: InspectAnswer,
): Promise<"held"> {
	const now = run.now();
	const at = now.toISOString();
	const isSigner = (name: string): boolean => signers.some(({ signer }) => signer === name);
	const { host } = doc.policy;
	await run.end(CAUSES.retire(doc.policy.domain, selector), doc.policy.domain);
	await run.save(
		doc,
		editKey(doc.state, selector, (key) => {
			const uses = usedBy.map((signer) => ({
				host,
				signer,
				firstAt: at,
				...(isSigner(signer) ? usedUntilNow(now) : { lastAt: at, lastAtLatest: null }),
			}));
			return { ...unused(key), owes: null, reason: null, uses: [...key.uses, ...uses] };
		}),
	);
	return "held";
}

/** Who else uses a key, a sentence each. */
export function otherUsers(sources: Sources, domain: string, key: KeyEntry): readonly string[] {
	return [
		...readersOf(sources, domain, key).map(({ program, where }) => `${program} uses it too (${where})`),
		...strangersTo(sources, key).map(
			({ signer, domains }) => `${signer} signs for ${listed(domains)} with it too`,
		),
	];
}

function readersOf({ answer }: Sources, domain: string, key: KeyEntry): readonly OtherReader[] {
	return answer.otherReaders.filter((reader) => uses(reader, domain, key));
}

function strangersTo({ strangers }: Sources, { publicKey }: KeyEntry): readonly Stranger[] {
	return strangers.get(publicKey) ?? [];
}

function listed(domains: readonly string[]): string {
	const more = domains.length > MOST_NAMES ? ` and ${domains.length - MOST_NAMES} more` : "";
	return domains.slice(0, MOST_NAMES).join(", ") + more;
}

/** Whoever else uses a key; of one that is to sign no more, signers too. */
function usersOf(sources: Sources, domain: string, key: KeyEntry): readonly string[] {
	const readers = readersOf(sources, domain, key).map(({ program }) => program);
	if (key.state !== "retiring") return [...new Set(readers)].toSorted();
	const strangers = strangersTo(sources, key).map(({ signer }) => signer);
	return [...new Set([...readers, ...signersNaming(sources.answer, domain, key), ...strangers])].toSorted();
}

/** Null where nobody does. Whoever asked for the removal himself has looked at what cannot be looked into. */
function whoUses(sources: Sources, { policy, state }: Doc, key: KeyEntry): string | null {
	const { domain } = policy;
	const users = otherUsers(sources, domain, key);
	if (users.length > 0) return `${users.join("; ")}; its record stays until that is gone`;
	const isAsked = state.wants.retire.some((wish) => wish.selector === key.selector);
	const unclear = isAsked ? undefined : sources.answer.otherReaders.find(({ problem }) => problem !== null);
	if (unclear === undefined) return null;
	const { program, where, problem } = unclear;
	return `whether ${program} uses it cannot be told (${where}: ${problem ?? ""}); keyturn retire ${domain} ${key.selector} removes its record all the same`;
}

/**
 * By its name in DNS; where that is not said whole, or is another's that may be an alias, by the key itself, and where that cannot
 * be read, by what is said.
 */
function uses(reader: OtherReader, domain: string, key: KeyEntry): boolean {
	if (reader.domain !== null && reader.domain !== domain) return reader.publicKey === key.publicKey;
	if (reader.selector !== null && reader.selector !== key.selector) return false;
	if (reader.domain !== null && reader.selector !== null) return true;
	if (reader.publicKey !== null) return reader.publicKey === key.publicKey;
	return reader.selector !== null;
}
