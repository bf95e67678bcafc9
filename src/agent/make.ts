/** Makes the key of the next turn under a name that is free at every server, and gives up keys that never signed. */

import { publicHalfOf } from "../dkim/key-material.ts";
import { isSelector, keyRecordName } from "../dkim/names.ts";
import { KeyturnError } from "../errors.ts";
import type { Vacancy } from "../ports/propagation.ts";
import { activeKey, type KeyEntry, keyOf, moveKey } from "../rotation/domain-state.ts";
import { nextRecord } from "../rotation/next-record.ts";
import { freeAgainAt, namingFacts, selectorNames } from "../rotation/selector-naming.ts";
import { CAUSES } from "./causes.ts";
import { mustBeFit } from "./fitness.ts";
import { dropFile, inspection } from "./inspection.ts";
import { meanwhile } from "./meanwhile.ts";
import type { Doc, Job, Run } from "./run.ts";

/** More names than that are not taken by others by accident; our own keys may have used as many. */
const NAMES_TRIED = 60;

export async function make(run: Run, { doc, step }: Job<"make">): Promise<void> {
	const { policy } = doc;
	await mustBeFit(run, doc);
	const free = await freeName(run, doc, step.dueAt);
	if (free === null) return;
	const { selector, vacancy } = free;
	// An existing key path is never written: the file of the key that had this name of a ring goes first.
	if (keyOf(doc.state, selector) !== null)
		await dropFile(run, { domain: policy.domain, signer: policy.signer, selector });
	const made = await run.ports.keys.make(policy.domain, selector, policy.key, run.signal);
	const half = publicHalfOf(made.publicKey);
	if (half === null)
		throw new KeyturnError(
			"key.invalid",
			`${policy.domain}: the key made for ${selector} cannot be read back`,
		);
	const now = run.now().toISOString();
	const key: KeyEntry = {
		selector,
		algorithm: half.algorithm,
		bits: half.bits,
		publicKey: half.publicKey,
		record: {
			name: keyRecordName(selector, policy.domain),
			owner: vacancy.owner,
			value: nextRecord(half, policy.record, activeKey(doc.state)?.record.value ?? null),
			zone: policy.zone,
			providers: policy.providers,
			ttlSeconds: policy.record.ttlSeconds,
			negativeTtlSeconds: vacancy.negativeTtlSeconds,
		},
		origin: "made",
		state: "pending",
		since: now,
		dueAt: step.dueAt.toISOString(),
		rightSince: null,
		lookingSince: null,
		uses: [],
		owes: { act: "publish", id: null, askedAt: now, tries: 0, notBefore: null },
		reason: null,
	};
	// The key that had this name of a ring before is gone for everybody.
	const others = doc.state.keys.filter((one) => one.selector !== selector);
	await run.save(doc, { ...doc.state, keys: [...others, key] });
	await run.end(CAUSES.name(policy.domain), policy.domain);
	run.done(doc, step);
}

export async function giveUp(run: Run, { doc, step }: Job<"giveUp">): Promise<void> {
	await supersede(run, doc, step.selector, step.reason);
	run.done(doc, step);
}

/** A key that never was in a live table is given up; its record goes without grace. */
export async function supersede(run: Run, doc: Doc, selector: string, reason: string): Promise<void> {
	const { domain } = doc.policy;
	await run.tell("given_up", {
		severity: "warning",
		domains: [domain],
		selector,
		summary: `${domain}: ${selector} was given up before it signed: ${reason}`,
		detail: null,
		hint: null,
	});
	await run.save(doc, moveKey(doc.state, selector, "retiring", run.now(), { reason }));
	await run.ports.keys.remove(domain, selector);
	await run.end(CAUSES.verify(domain, selector), domain);
}

/**
 * A selector name is never used for other key material: neither the state, nor a table, nor DNS may know it. Null while a
 * name is still to be asked for.
 */
async function freeName(
	run: Run,
	doc: Doc,
	dueAt: Date,
): Promise<{ readonly selector: string; readonly vacancy: Vacancy } | null> {
	const { policy, state } = doc;
	const named = (await inspection(run)).signers
		.flatMap((signer) => signer.lines)
		.filter((line) => line.domain === policy.domain)
		.map((line) => line.selector);
	let tried = 0;
	for (const selector of selectorNames(policy.selector, namingFacts(policy, state, dueAt))) {
		if (!isSelector(selector))
			throw new KeyturnError("name.invalid", `${policy.domain}: "${selector}" is no selector`, {
				hint: "change `selector` in keyturn.yaml",
			});
		if (!mayName(doc, selector, run.now()) || named.includes(selector)) continue;
		tried += 1;
		if (tried > NAMES_TRIED) break;
		const vacancy = run.inquiries.vacancy(policy.domain, selector, policy.verify);
		if (vacancy === null) return null;
		if (vacancy.kind === "free") return { selector, vacancy };
		if (vacancy.kind === "unknown") {
			await nameUnknown(run, doc, vacancy);
			throw new KeyturnError("dns.failed", `${policy.domain}: ${vacancy.summary}`, { retry: true });
		}
	}
	if (policy.selector.kind === "ring") throw ringTaken(doc, policy.selector.names);
	throw new KeyturnError("name.invalid", `${policy.domain}: ${tried - 1} selector names are all taken`, {
		hint: "change `selector` in keyturn.yaml",
	});
}

function mayName({ policy, state }: Doc, selector: string, now: Date): boolean {
	const before = keyOf(state, selector);
	if (before === null) return true;
	const freeAt = freeAgainAt(before, policy);
	return freeAt !== null && freeAt <= now;
}

function ringTaken({ policy, state }: Doc, names: readonly string[]): KeyturnError {
	const standing = names.map((name) => {
		const key = keyOf(state, name);
		if (key === null) return `${name}: something else stands there`;
		const freeAt = freeAgainAt(key, policy);
		return freeAt === null ? `${name}: ${key.state}` : `${name}: free again on ${freeAt.toISOString()}`;
	});
	return new KeyturnError(
		"name.invalid",
		`${policy.domain}: no name of the ring is free: ${standing.join("; ")}`,
		{
			retry: true,
			hint: "it is tried again; a ring needs a name more than the keys that grace keeps at one time",
		},
	);
}

async function nameUnknown(run: Run, doc: Doc, vacancy: Vacancy): Promise<void> {
	const { domain } = doc.policy;
	await run.raise({
		cause: CAUSES.name(domain),
		event: "publish_failed",
		severity: "warning",
		domains: [domain],
		selector: null,
		summary: `${domain}: no new key, since it cannot be told whether its name is free`,
		detail: vacancy.summary,
		hint: `${meanwhile(doc.state)}; check the name servers of the zone`,
	});
}
