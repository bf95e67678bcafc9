/** Moves what operators asked for into the state of the domains it concerns. */

import { activeKey, type DomainState, editKey, type KeyEntry, keyOf } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import { whyDistrusted } from "../rotation/retiring.ts";
import { isUnderWay } from "../rotation/step.ts";
import {
	hasTurned,
	isBack,
	isSwitchedSince,
	isTurnedSince,
	previousKey,
	staying,
	whyNoRetire,
	whyNoRevoke,
	whyNoRollback,
	whyNoTurn,
	withoutRollback,
} from "../rotation/wishes.ts";
import type { InspectAnswer } from "../ports/door.ts";
import type { Wish } from "../ports/state-store.ts";
import { askDoor } from "./ask-door.ts";
import { groupsOf, matesOf } from "./groups.ts";
import { supersede } from "./make.ts";
import { whyUnread } from "./planning.ts";
import type { Doc, Run } from "./run.ts";

const NEW_DOMAIN_MS = 10 * 60_000;

/** Equal wishes merge: fifty `rotate --now` at once are one turn. A wish goes only when every domain has it. */
export async function takeWishes(run: Run, docs: readonly Doc[]): Promise<void> {
	const configured = new Set(run.settings.policies.map((policy) => policy.domain));
	const wishes = await run.ports.store.wishes();
	if (wishes.length === 0) return;
	const answer = await askDoor(run, docs);
	const groups = groupsOf(docs, answer);
	for (const wish of wishes) {
		const kept: string[] = [];
		for (const name of wish.domains) {
			const own = docs.filter((one) => one.policy.domain === name);
			if (isForAll(wish) && own.some((doc) => isUnseen(doc, answer))) {
				kept.push(name);
				continue;
			}
			for (const doc of concerned(own, wish))
				await wantTogether(run, doc, wish, { docs, mates: matesOf(doc, groups) });
			if (own.length > 0) continue;
			if (configured.has(name) || isOfNow(wish, run.now())) kept.push(name);
			else run.ports.log.warn("a wish names a domain that is not configured", { domain: name });
		}
		await keepFor(run, wish, kept);
	}
}

/** Whether those who turn together want it together: they have to be known, or one would wait for the others for good. */
function isForAll({ kind }: Wish): boolean {
	return kind === "rotate" || kind === "rollback";
}

/** Whether it is not known who turns together with a domain. */
function isUnseen(doc: Doc, answer: InspectAnswer | null): boolean {
	return answer === null || (doc.policy.lane === undefined && whyUnread(answer, doc) !== null);
}

/**
 * A domain whose state cannot be read has its wish when it can be; it waits for that domain alone, or the others would be
 * asked again by every tick.
 */
async function keepFor(run: Run, wish: Wish, domains: readonly string[]): Promise<void> {
	if (domains.length === wish.domains.length) return;
	if (domains.length > 0) await run.ports.store.leaveWish({ ...wish, id: run.ports.random.id(), domains });
	await run.dropWish(wish.id);
}

/** Whoever left it has found the domain configured: a daemon that is in the middle of a tick has not read that yet. */
function isOfNow({ at }: Wish, now: Date): boolean {
	const ageMs = now.getTime() - new Date(at).getTime();
	return ageMs >= 0 && ageMs < NEW_DOMAIN_MS;
}

/** Where several keys sign each message: that of the selector named, all of them, or the first, who takes the others along. */
function concerned(own: readonly Doc[], wish: Wish): readonly Doc[] {
	if (wish.kind === "add" || wish.kind === "remove") return own;
	const named = "selector" in wish ? own.filter(({ state }) => keyOf(state, wish.selector) !== null) : [];
	return (named.length > 0 ? named : own).slice(0, 1);
}

/** What is asked for a key is asked for all whose mail is signed with it. */
async function wantTogether(
	run: Run,
	doc: Doc,
	wish: Wish,
	{ docs, mates }: { readonly docs: readonly Doc[]; readonly mates: readonly Doc[] },
): Promise<void> {
	if (wish.kind === "rotate" && whyNoTurn(doc.state) === null)
		for (const mate of mates) await want(run, mate, wish);
	if (wish.kind === "revoke") await wantRevoked(run, doc, wish, { docs, mates });
	if (wish.kind === "rollback") await wantBack(run, goingBack([doc, ...mates]), wish);
	else await want(run, doc, wish);
}

/** Of the keys of one domain the first one of its algorithm has none to go back to, and stays. */
function goingBack(docs: readonly Doc[]): readonly Doc[] {
	const going = docs.filter(({ policy, state }) => policy.lane === undefined || hasTurned(state));
	return going.length === 0 ? docs : going;
}

async function wantBack(run: Run, docs: readonly Doc[], wish: Wish): Promise<void> {
	const why = whyNotBackTogether(docs);
	for (const doc of docs) {
		if (why === null) {
			await want(run, doc, wish);
			continue;
		}
		const { domain } = doc.policy;
		run.ports.log.warn("what was asked for cannot be had", { domain, wish: wish.kind, why });
		const to = previousKey(doc.state)?.selector ?? "";
		await run.save(
			doc,
			editKey(doc.state, to, (key) => ({ ...key, reason: why })),
		);
	}
}

/** One key that was read is compromised wherever it signs, under whichever name; who turns together turns away together. */
async function wantRevoked(
	run: Run,
	doc: Doc,
	wish: Extract<Wish, { kind: "revoke" }>,
	{ docs, mates }: { readonly docs: readonly Doc[]; readonly mates: readonly Doc[] },
): Promise<void> {
	const key = keyOf(doc.state, wish.selector);
	if (key === null) return;
	const others = docs.filter((one) => one !== doc);
	for (const other of others)
		for (const { selector, publicKey, state } of other.state.keys)
			if (publicKey === key.publicKey && state !== "retired" && state !== "revoked")
				await want(run, other, { ...wish, selector });
	if (!maySign(key)) return;
	const isKnown = doc.state.wants.revoke.some(({ selector }) => selector === wish.selector);
	if (!isKnown && !wish.useStandby)
		for (const mate of mates) if (mate.stored === doc.stored) await giveUpAhead(run, mate, wish.selector);
	for (const mate of mates)
		await want(run, mate, { id: wish.id, at: wish.at, kind: "rotate", domains: [], noSoak: wish.noSoak });
}

/** Of the domain's other algorithm: whoever read the compromised key has probably read what was made ahead, too. */
async function giveUpAhead(run: Run, doc: Doc, compromised: string): Promise<void> {
	const ahead = doc.state.keys.filter(({ state, uses }) => isCandidate(state) && uses.length === 0);
	for (const key of ahead)
		if (!isUnderWay(key)) await supersede(run, doc, key.selector, whyDistrusted(compromised));
}

/** Null where all of a group can go back, to keys that signed together before. */
function whyNotBackTogether(docs: readonly Doc[]): string | null {
	if (docs.length === 1) return null;
	const isOneDomain = docs.every(({ stored }) => stored === docs[0]?.stored);
	for (const { policy, state } of docs) {
		const why = whyNoRollback(state);
		if (why !== null) return `${policy.domain} would have to go back together with it, and cannot: ${why}`;
	}
	const before = docs.map(({ state }) => state.wants.rollback ?? previousKey(state));
	const keys = docs.map(({ state }, index) => keyOf(state, before[index]?.selector ?? ""));
	const isOne = keys.every(
		(key) => key?.publicKey === keys[0]?.publicKey || key?.selector === keys[0]?.selector,
	);
	if (isOne || isOneDomain) return null;
	return `${docs.map(({ policy }) => policy.domain).join(", ")} turn together, and signed with several keys before`;
}

async function want(run: Run, doc: Doc, wish: Wish): Promise<void> {
	const { domain } = doc.policy;
	const next = wantedOf(doc.state, wish, run.now());
	if (typeof next === "string") {
		run.ports.log.warn("what was asked for cannot be had", { domain, wish: wish.kind, why: next });
		return;
	}
	// Who asks again for what is wanted already has mended what kept it from being done.
	run.memory.delays.delete(domain);
	await run.save(doc, next);
}

/** The state with what is wanted in it, or why it cannot be. */
function wantedOf(state: DomainState, wish: Wish, now: Date): DomainState | string {
	switch (wish.kind) {
		case "rotate":
			return whyNoTurn(state) ?? (isFulfilled(state, wish, now) ? state : wantTurnAnew(state, wish, now));
		case "rollback":
			return whyNoRollback(state) ?? (isBackSince(state, wish, now) ? state : wantRollback(state, wish));
		case "revoke":
			return whyNoRevoke(state, wish.selector) ?? wantRevocation(state, wish, now);
		case "retire":
			return whyNoRetire(state, wish.selector) ?? wantRetirement(state, wish);
		case "add":
			return attemptsAnew(wantFirstKey(state, wish));
		case "remove":
			return wantRemoval(state, wish, now);
	}
}

/** A wish older than the last switch is already fulfilled by it, unless that was the way back. */
function isFulfilled(state: DomainState, { at }: Wish, now: Date): boolean {
	const active = activeKey(state);
	return active !== null && isTurnedSince(state, active, new Date(at), now);
}

/** Gone back to twice, a key would make way for the one that was gone back from. */
function isBackSince(state: DomainState, { at }: Wish, now: Date): boolean {
	const active = activeKey(state);
	return active !== null && isSwitchedSince(active, new Date(at), now) && isBack(state, active);
}

function wantTurnAnew(state: DomainState, wish: Extract<Wish, { kind: "rotate" }>, now: Date): DomainState {
	return attemptsAnew(wantTurn(withoutRollback(state, now, "a new key was asked for"), wish));
}

function wantTurn(state: DomainState, wish: Wish & { readonly noSoak: boolean }): DomainState {
	const standing = state.wants.rotate;
	const rotate = {
		...(standing ?? asked(wish)),
		noSoak: wish.noSoak || standing?.noSoak === true,
	};
	return { ...state, wants: { ...state.wants, rotate } };
}

function wantRollback(state: DomainState, wish: Wish): DomainState {
	const previous = previousKey(state);
	if (state.wants.rollback !== null || previous === null) return state;
	const { selector } = previous;
	// Whoever goes back to it needs its record; it is kept like any other's from its next turn on.
	const retire = state.wants.retire.filter((standing) => standing.selector !== selector);
	const rollback = { ...asked(wish), selector };
	return { ...state, wants: { ...state.wants, rollback, retire, rotate: null } };
}

function wantRevocation(state: DomainState, wish: Extract<Wish, { kind: "revoke" }>, now: Date): DomainState {
	const { selector, unsigned } = wish;
	const key = keyOf(state, selector);
	const isInUse = key !== null && maySign(key);
	if (state.wants.revoke.some((standing) => standing.selector === selector && standing.unsigned === unsigned))
		return isInUse ? attemptsAnew(state) : state;
	const before = state.wants.revoke.find((standing) => standing.selector === selector);
	const ahead = state.keys.filter((one) => isCandidate(one.state) && one !== key).map((one) => one.selector);
	// What was made since it was first known to be compromised is what follows.
	const distrusts = isInUse && !wish.useStandby ? (before?.distrusts ?? ahead) : [];
	const revoke = { ...asked(wish), selector, unsigned, distrusts };
	const others = state.wants.revoke.filter((standing) => standing.selector !== selector);
	const kept =
		state.wants.rollback?.selector === selector ? withoutRollback(state, now, "it is compromised") : state;
	// What its record was kept for, mail in the queue, counts no more.
	const next = editKey({ ...kept, wants: { ...kept.wants, revoke: [...others, revoke] } }, selector, (key) =>
		key.state === "retiring" ? { ...key, owes: null } : key,
	);
	return isInUse && whyNoTurn(next) === null ? attemptsAnew(wantTurn(next, wish)) : next;
}

/** Of one that is just being switched to it is not known yet whether it signs. */
function maySign(key: KeyEntry): boolean {
	return key.state === "active" || isUnderWay(key);
}

function wantRetirement(state: DomainState, wish: Extract<Wish, { kind: "retire" }>): DomainState {
	const { selector } = wish;
	if (state.wants.retire.some((standing) => standing.selector === selector)) return state;
	const retire = [...state.wants.retire, { ...asked(wish), selector }];
	return editKey({ ...state, wants: { ...state.wants, retire } }, selector, (key) => ({
		...key,
		owes: null,
	}));
}

/** A domain that was leaving stays; one that a key signs for needs no more than that, unless the key is compromised. */
function wantFirstKey(state: DomainState, wish: Wish & { readonly noSoak: boolean }): DomainState {
	const stays = { ...state, wants: staying(state.wants) };
	const active = activeKey(state);
	// Whether it went already is known only once its way out is settled.
	const isGoing = active?.owes?.act === "takeOut" && active.owes.id !== null;
	if (active === null || isGoing) {
		const standing = state.wants.add;
		const add = { ...(standing ?? asked(wish)), noSoak: wish.noSoak || standing?.noSoak === true };
		return { ...stays, wants: { ...stays.wants, add } };
	}
	const isCompromised = stays.wants.revoke.some(({ selector }) => selector === active.selector);
	return editKey(isCompromised ? wantTurn(stays, wish) : stays, active.selector, (key) => ({
		...key,
		owes: key.owes?.act === "takeOut" ? null : key.owes,
	}));
}

function wantRemoval(state: DomainState, wish: Wish, now: Date): DomainState {
	if (state.wants.remove !== null) return attemptsAnew(state);
	const stays = withoutRollback(state, now, "its domain is leaving");
	return attemptsAnew({ ...stays, wants: { ...stays.wants, rotate: null, add: null, remove: asked(wish) } });
}

/** What failed before is tried at once, and counted from now on; an attempt under way goes on. */
function attemptsAnew(state: DomainState): DomainState {
	return state.keys
		.filter(({ state, owes }) => isCandidate(state) || owes?.act === "takeOut")
		.reduce((next, { selector }) => editKey(next, selector, untried), state);
}

function untried(key: KeyEntry): KeyEntry {
	if (key.owes === null) return key;
	const { act, id, askedAt } = key.owes;
	return { ...key, owes: { act, id, askedAt, tries: 0, notBefore: null } };
}

function asked(wish: Wish): { readonly id: string; readonly askedAt: string } {
	return { id: wish.id, askedAt: new Date(wish.at).toISOString() };
}
