/** Tells where what signs differs from what is remembered: the table, the key file, the running signer, each by its name. */

import type { InspectAnswer, InspectedLine } from "../ports/door.ts";
import { activeKey, type DomainState, type KeyEntry, keyOf } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import { CAUSES } from "./causes.ts";
import { runningFault } from "./probing.ts";
import type { Doc, Run } from "./run.ts";

interface Drift {
	/** Whether mail goes out that nobody can verify, or unsigned. */
	readonly isCritical: boolean;
	readonly what: string;
	/** Where it is another than for changed tables. */
	readonly hint?: string;
}

const HINT =
	"somebody changed the signer's tables or files, or restored them; keyturn rotate --now puts a new key in place";

const HINT_OF_NAME =
	"put the key of that name there again, or take its lines out: a first key comes then; no name stands for two keys";

/**
 * Nothing is healed here: which side is right only an administrator knows. `docs`: the domain, or the keys of each algorithm
 * that sign its messages.
 */
export async function tellDrift(run: Run, docs: readonly Doc[]): Promise<void> {
	const [doc] = docs;
	const answer = run.memory.inspection?.answer ?? null;
	if (doc === undefined || answer === null) return;
	const { policy, state } = doc;
	// How a switch under way ended is found out first.
	if (doc.stored.state.keys.some(({ owes }) => owes !== null && owes.id !== null)) return;
	const { domain } = policy;
	const drifts = docs.flatMap((one) => [
		...driftsOf(answer, one.policy, one.state),
		...runningDrifts(run, one),
	]);
	const [first] = drifts;
	if (first === undefined) {
		await run.end(CAUSES.drift(domain), domain);
		return;
	}
	await run.raise({
		cause: CAUSES.drift(domain),
		event: "drift_detected",
		severity: drifts.some(({ isCritical }) => isCritical) ? "critical" : "warning",
		domains: [domain],
		selector: activeKey(state)?.selector ?? null,
		summary: `${domain}: ${first.what}`,
		detail: drifts.map(({ what }) => what).join("\n"),
		hint: drifts.every(({ hint }) => hint !== undefined) ? (first.hint ?? HINT) : HINT,
	});
}

/** The files may be right, and the process never have read them. */
function runningDrifts(run: Run, doc: Doc): readonly Drift[] {
	const active = activeKey(doc.state);
	const fault = active === null ? null : runningFault(run, doc, active.selector);
	if (active === null || fault === null) return [];
	return [
		{
			isCritical: true,
			what: `the tables name ${active.selector}, but the running signer does not sign with it: ${fault}`,
			hint: "reload the signer, or restart it, and see its log",
		},
	];
}

function driftsOf(answer: InspectAnswer, policy: Policy, state: DomainState): readonly Drift[] {
	const signer = answer.signers.find((one) => one.signer === policy.signer);
	const active = activeKey(state);
	if (signer === undefined) return [];
	if (active === null) return signer.problem === null ? backDrifts(signer.lines, policy, state) : [];
	if (signer.problem !== null)
		return [
			{ isCritical: false, what: `the configuration of ${signer.signer} cannot be read: ${signer.problem}` },
		];
	const lines = signer.lines.filter((line) => line.domain === policy.domain && line.signs);
	const own = lines.filter((line) => line.selector === active.selector);
	const others = lines.filter((line) => line.selector !== active.selector);
	return [
		...(own.length === 0
			? [missing(active, others, state)]
			: own.flatMap((line) => fileDrifts(line, active))),
		...(own.length === 0 ? [] : others.flatMap((line) => goneDrifts(line, state))),
	];
}

/** Nothing was to sign any more, or nothing has begun to: a key whose record is kept for mail under way, or not served yet, does. */
function backDrifts(
	lines: readonly InspectedLine[],
	{ domain }: Policy,
	state: DomainState,
): readonly Drift[] {
	const isLeaving = state.wants.remove !== null;
	return lines.flatMap((line): readonly Drift[] => {
		const key = keyOf(state, line.selector);
		if (line.domain !== domain || !line.signs || key === null) return [];
		if (line.publicKey !== null && line.publicKey !== key.publicKey)
			return [anotherKey(line, key, HINT_OF_NAME)];
		if (key.publicKey !== line.publicKey) return [];
		if (key.state === "pending" || key.state === "published") return [unserved(key)];
		if (key.state !== "retiring") return [];
		const next = isLeaving ? "its domain is leaving" : "a new key takes its place";
		return [
			{
				isCritical: false,
				what: `the signer's tables name ${line.selector} again, which had been taken out of them; ${next}`,
				...(isLeaving ? { hint: `take its lines out, or keep the domain: keyturn add ${domain}` } : {}),
			},
		];
	});
}

/** As one that was retired and is found in use again. */
function unserved({ selector }: KeyEntry): Drift {
	return {
		isCritical: true,
		what: `the signer uses ${selector}, whose record is not everywhere yet: until it is, mail signed with it does not verify`,
		hint: "was an old backup of the signer's tables restored? keyturn rotate --now makes a new key",
	};
}

function missing(active: KeyEntry, others: readonly InspectedLine[], state: DomainState): Drift {
	const used = others.map((line) => named(line, state)).join(", ");
	return {
		isCritical: true,
		what:
			used === ""
				? `no line of the signing table uses ${active.selector} any more: mail goes out unsigned`
				: `expected ${active.selector} in the signer's tables, got ${used}`,
	};
}

function fileDrifts(
	{ keyPath, publicKey, unsafe, problem }: InspectedLine,
	active: KeyEntry,
): readonly Drift[] {
	const drifts: Drift[] = [];
	if (problem !== null)
		drifts.push({
			isCritical: true,
			what: `the line of ${active.selector}: ${problem}`,
			hint: "put that right: until then the line is left alone, and no new key takes its place",
		});
	else if (publicKey === null)
		drifts.push({
			isCritical: true,
			what: `${keyPath}: expected the key of ${active.selector}, got no readable key`,
		});
	else if (publicKey !== active.publicKey) drifts.push(anotherKey({ keyPath }, active));
	if (unsafe !== null)
		drifts.push({ isCritical: true, what: `${keyPath}: the signer refuses it: ${unsafe}` });
	return drifts;
}

/** Nobody can verify what is signed with it: the record at that name is of another. */
function anotherKey({ keyPath }: Pick<InspectedLine, "keyPath">, { record }: KeyEntry, hint?: string): Drift {
	const what = `${keyPath}: expected the key whose record is ${record.name}, got another key`;
	return { isCritical: true, what, ...(hint === undefined ? {} : { hint }) };
}

/** Beside the key in use, lines of a key whose record is gone make signatures that fail. */
function goneDrifts(line: InspectedLine, state: DomainState): readonly Drift[] {
	const key = keyOf(state, line.selector);
	if (key?.state !== "retired" && key?.state !== "revoked") return [];
	return [{ isCritical: true, what: `the signer's tables also use ${named(line, state)}` }];
}

function named({ selector }: InspectedLine, state: DomainState): string {
	const key = keyOf(state, selector);
	if (key?.state === "retired") return `${selector}, whose record was removed on ${key.since}`;
	if (key?.state === "revoked") return `${selector}, which was revoked on ${key.since}`;
	return selector;
}
