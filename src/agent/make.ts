/** Makes the key of the next turn under a name that is free at every server, and gives up keys that never signed. */

import { publicHalfOf } from "../dkim/key-material.ts";
import { isSelector, keyRecordName } from "../dkim/names.ts";
import { KeyturnError } from "../errors.ts";
import type { Vacancy } from "../ports/propagation.ts";
import { activeKey, type KeyEntry, keyOf, moveKey } from "../rotation/domain-state.ts";
import { nextRecord } from "../rotation/next-record.ts";
import { staysForGood } from "../rotation/retiring.ts";
import { freeAgainAt, namingFacts, selectorNames } from "../rotation/selector-naming.ts";
import { isCandidate } from "../rotation/life.ts";
import { isUnderWay } from "../rotation/step.ts";
import { groupCandidate, isSameTurn } from "../rotation/together.ts";
import { CAUSES } from "./causes.ts";
import { doubtedSince } from "./clock-watch.ts";
import { fitWriters, mustBeFit } from "./fitness.ts";
import { asSeen, type DocGroup, policyOfTurn } from "./groups.ts";
import { dropFile, inspection } from "./inspection.ts";
import { meanwhile } from "./meanwhile.ts";
import type { Doc, Job, Run } from "./run.ts";

/** More names than that are not taken by others by accident; our own keys may have used as many. */
const NAMES_TRIED = 60;

/** Of those that turn together the first makes the key, and the others take the same; each has a record of its own. */
export async function make(run: Run, { doc, step }: Job<"make">, group?: DocGroup): Promise<void> {
	const { policy } = doc;
	const turn = policyOfTurn(policy, group);
	await mustBeFit(run, doc, turn);
	const joined = group?.sharesName === true ? groupCandidate(asSeen(group)) : null;
	if (joined !== null && keyOf(doc.state, joined.selector)?.state === "active") {
		run.delay(
			doc,
			step,
			run.backoff(0),
			`how the switch to ${joined.selector} ended is not known for all yet`,
		);
		return;
	}
	const free =
		joined === null || group === undefined
			? await freeName(run, doc, step.dueAt, group)
			: await joinedName(run, doc, joined, group);
	if (free === null) return;
	const { selector, vacancy } = free;
	const name = keyRecordName(selector, policy.domain);
	const providers = await fitWriters(run, doc, turn, { name, owner: vacancy.owner });
	const made =
		joined === null || group?.sharesKey !== true
			? await run.ports.keys.make(policy.domain, selector, turn.key, run.signal)
			: await taken(run, doc, joined, group);
	if (made === null) return;
	const half = publicHalfOf(made.publicKey);
	if (half === null)
		throw new KeyturnError(
			"key.invalid",
			`${policy.domain}: the key made for ${selector} cannot be read back`,
		);
	const now = run.now().toISOString();
	const others = group?.sharesKey === true ? group.docs.filter((one) => one !== doc) : [];
	const key: KeyEntry = {
		selector,
		algorithm: half.algorithm,
		bits: half.bits,
		publicKey: half.publicKey,
		record: {
			name,
			owner: vacancy.owner,
			value: nextRecord(half, policy.record, activeKey(doc.state)?.record.value ?? null),
			zone: policy.zone,
			providers,
			ttlSeconds: policy.record.ttlSeconds,
			negativeTtlSeconds: vacancy.negativeTtlSeconds,
			...(vacancy.wildcardTtlSeconds === null ? {} : { wildcardTtlSeconds: vacancy.wildcardTtlSeconds }),
		},
		origin: "made",
		state: "pending",
		since: now,
		dueAt: joined?.dueAt ?? step.dueAt.toISOString(),
		rightSince: null,
		lookingSince: null,
		uses: [],
		owes: { act: "publish", id: null, askedAt: now, tries: 0, notBefore: null },
		reason: null,
		...(others.length === 0 ? {} : { sharedWith: others.map((one) => one.policy.domain) }),
	};
	// The key that had this name of a ring before is gone for everybody.
	const before = doc.state.keys.filter((one) => one.selector !== selector);
	await run.save(doc, { ...doc.state, keys: [...before, key] });
	await run.end(CAUSES.name(policy.domain), policy.domain);
	run.done(doc, step);
}

/** The name of the key that the others have made already, if it is free here, too; otherwise they give it up. */
async function joinedName(run: Run, doc: Doc, joined: KeyEntry, group: DocGroup): Promise<FreeName | null> {
	const { policy } = doc;
	const { selector } = joined;
	const vacancy = run.inquiries.vacancy(policy.domain, selector, policy.verify);
	if (vacancy === null) return null;
	if (vacancy.kind === "unknown") await mustBeKnown(run, doc, vacancy);
	const isNamed = (await namesInTables(run, doc)).includes(selector);
	if (
		vacancy.kind === "free" &&
		!isNamed &&
		whyHeld(run, doc, group, selector) === null &&
		(await whyFileStays(run, [doc], selector)) === null
	)
		return { selector, vacancy };
	await giveUpAll(run, joined, group, `its name is taken at ${policy.domain}`);
	return null;
}

/** The key itself, from whoever has it. */
async function taken(
	run: Run,
	{ policy }: Doc,
	joined: KeyEntry,
	group: DocGroup,
): Promise<{ readonly publicKey: string } | null> {
	const { selector, publicKey } = joined;
	for (const mate of group.docs) {
		if (keyOf(mate.state, selector)?.publicKey !== publicKey) continue;
		const pem = await run.ports.keys.read(mate.policy.domain, selector);
		if (pem === null) continue;
		await run.ports.keys.keep(policy.domain, selector, pem);
		return { publicKey };
	}
	await giveUpAll(run, joined, group, "its private key is lost");
	return null;
}

async function giveUpAll(run: Run, joined: KeyEntry, group: DocGroup, reason: string): Promise<void> {
	for (const mate of group.docs) {
		const key = keyOf(mate.state, joined.selector);
		if (key === null || !isCandidate(key.state) || isUnderWay(key)) continue;
		if (isSameTurn(key, joined, asSeen(group))) await supersede(run, mate, joined.selector, reason);
	}
}

export async function giveUp(run: Run, { doc, step }: Job<"giveUp">): Promise<void> {
	await supersede(run, doc, step.selector, step.reason);
	run.done(doc, step);
}

/** A key that is in no live table is given up; the record of one that never was in one goes without grace. */
export async function supersede(run: Run, doc: Doc, selector: string, reason: string): Promise<void> {
	const { domain } = doc.policy;
	const hasSigned = (keyOf(doc.state, selector)?.uses.length ?? 0) > 0;
	await run.tell("given_up", {
		severity: "warning",
		domains: [domain],
		selector,
		summary: `${domain}: ${selector} ${hasSigned ? "is given up" : "was given up before it signed"}: ${reason}`,
		detail: null,
		hint: null,
	});
	await run.save(doc, moveKey(doc.state, selector, "retiring", run.now(), { reason }));
	await run.ports.keys.remove(domain, selector);
	await run.end(CAUSES.verify(domain, selector), domain);
}

interface FreeName {
	readonly selector: string;
	readonly vacancy: Vacancy;
}

/**
 * A selector name is never used for other key material: neither the state, nor a table, nor DNS may know it, of none that
 * turn together. Null while a name is still to be asked for.
 */
async function freeName(run: Run, doc: Doc, dueAt: Date, group?: DocGroup): Promise<FreeName | null> {
	const { state } = doc;
	const policy = policyOfTurn(doc.policy, group);
	const all = together(doc, group);
	const named = (await Promise.all(all.map(async (one) => namesInTables(run, one)))).flat();
	const kept = new Map<string, string>();
	let tried = 0;
	for (const selector of selectorNames(policy.selector, namingFacts(policy, state, dueAt))) {
		if (!isSelector(selector))
			throw new KeyturnError("name.invalid", `${policy.domain}: "${selector}" is no selector`, {
				hint: "change `selector` in keyturn.yaml",
			});
		const isHeld = all.some((one) => whyHeld(run, one, group, selector) !== null);
		if (isHeld || named.includes(selector)) continue;
		tried += 1;
		if (tried > NAMES_TRIED) break;
		const asked = all.map((one) => run.inquiries.vacancy(one.policy.domain, selector, one.policy.verify));
		const vacancies = asked.filter((vacancy) => vacancy !== null);
		const [own] = vacancies;
		if (own === undefined || vacancies.length < asked.length) return null;
		if (vacancies.every(({ kind }) => kind === "free")) {
			const why = await whyFileStays(run, group?.sharesName === true ? all : [doc], selector);
			if (why === null) return { selector, vacancy: own };
			kept.set(selector, why);
		}
		const unknown = vacancies.find(({ kind }) => kind === "unknown");
		if (unknown !== undefined) await mustBeKnown(run, doc, unknown);
	}
	const error =
		policy.selector.kind === "ring"
			? ringTaken(run, doc, group, { names: policy.selector.names, kept })
			: new KeyturnError("name.invalid", `${policy.domain}: ${tried - 1} selector names are all taken`, {
					hint: "change `selector` in keyturn.yaml",
				});
	await nameless(run, doc, { why: "no name for it is free", detail: error.message, hint: error.hint });
	throw error;
}

/** The domain itself first. */
function together(doc: Doc, group: DocGroup | undefined): readonly Doc[] {
	return [doc, ...(group?.docs ?? []).filter((one) => one !== doc)];
}

/** Fails: whether a name is free has to be known. */
async function mustBeKnown(run: Run, doc: Doc, vacancy: Vacancy): Promise<never> {
	await nameless(run, doc, {
		why: "it cannot be told whether its name is free",
		detail: vacancy.summary,
		hint: "check the name servers of the zone",
	});
	throw new KeyturnError("dns.failed", `${doc.policy.domain}: ${vacancy.summary}`, { retry: true });
}

async function namesInTables(run: Run, { policy }: Doc): Promise<readonly string[]> {
	return (await inspection(run)).signers
		.flatMap((signer) => signer.lines)
		.filter((line) => line.domain === policy.domain)
		.map((line) => line.selector);
}

/** What holds a name of ours back from another key of the domain; null where nothing does. */
function whyHeld(
	run: Run,
	{ policy, state }: Doc,
	group: DocGroup | undefined,
	selector: string,
): string | null {
	const key = keyOf(state, selector);
	if (key === null) return null;
	if (key.state === "retiring" && staysForGood(key, state, policy))
		return `its record stays, since keyturn did not make it: keyturn retire ${policy.domain} ${selector}, or retire.adopted: true`;
	const freeAt = freeAgainAt(key, policyOfTurn(policy, group), doubtedSince(run.host));
	if (freeAt === null) return key.state;
	return freeAt <= run.now() ? null : `free again on ${freeAt.toISOString()}`;
}

/**
 * Why the file of the key that had this name of a ring before stays, at any of these; null once it is gone, since an existing
 * key path is never written. One that we did not make stays, and the door puts the new file beside it.
 */
async function whyFileStays(run: Run, docs: readonly Doc[], selector: string): Promise<string | null> {
	for (const { policy, stored } of docs) {
		const earlier = keyOf(stored.state, selector);
		const why = earlier?.origin === "made" ? await dropFile(run, policy, earlier) : null;
		if (why !== null) return docs.length === 1 ? why : `${why} (${policy.domain})`;
	}
	return null;
}

/** `kept`: the names that only the file of the key of before holds back, with why it stays. */
function ringTaken(
	run: Run,
	doc: Doc,
	group: DocGroup | undefined,
	{ names, kept }: { readonly names: readonly string[]; readonly kept: ReadonlyMap<string, string> },
): KeyturnError {
	const standing = names.map((name) => {
		const reasons = together(doc, group).map((one) => {
			const why = whyHeld(run, one, group, name);
			return why === null || one === doc ? why : `${why} (${one.policy.domain})`;
		});
		return `${name}: ${reasons.find((why) => why !== null) ?? kept.get(name) ?? "something else stands there"}`;
	});
	return new KeyturnError(
		"name.invalid",
		`${doc.policy.domain}: no name of the ring is free: ${standing.join("; ")}`,
		{
			retry: true,
			hint: "it is tried again; a ring needs a name more than the keys that grace keeps at one time",
		},
	);
}

async function nameless(
	run: Run,
	doc: Doc,
	{ why, detail, hint }: { readonly why: string; readonly detail: string; readonly hint: string | null },
): Promise<void> {
	const { domain } = doc.policy;
	await run.raise({
		cause: CAUSES.name(domain),
		event: "publish_failed",
		severity: "warning",
		domains: [domain],
		selector: null,
		summary: `${domain}: no new key, since ${why}`,
		detail,
		hint: [meanwhile(doc.state), ...(hint === null ? [] : [hint])].join("; "),
	});
}
