/** Moves what operators asked for into the state of the domains it concerns. */

import { type DomainState, editKey } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import type { Wish } from "../ports/state-store.ts";
import type { Doc, Run } from "./run.ts";

/** Equal wishes merge: fifty `rotate --now` at once are one turn. A wish goes only when every domain has it. */
export async function takeWishes(run: Run, docs: readonly Doc[]): Promise<void> {
	const configured = new Set(run.settings.policies.map((policy) => policy.domain));
	for (const wish of await run.ports.store.wishes()) {
		const kept: string[] = [];
		for (const name of wish.domains) {
			const doc = docs.find((one) => one.policy.domain === name);
			if (doc !== undefined) await want(run, doc, wish);
			else if (configured.has(name)) kept.push(name);
			else run.ports.log.warn("a wish names a domain that is not configured", { domain: name });
		}
		await keepFor(run, wish, kept);
	}
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

/** A wish older than the last switch is already fulfilled by it. */
async function want(run: Run, doc: Doc, wish: Wish): Promise<void> {
	const { state } = doc;
	const askedAt = new Date(wish.at).toISOString();
	const turnedSince = state.keys.some(
		(key) => key.state === "active" && key.origin === "made" && key.since >= askedAt,
	);
	if (turnedSince) return;
	const standing = state.wants.rotate;
	const rotate = {
		id: standing?.id ?? wish.id,
		askedAt: standing?.askedAt ?? askedAt,
		noSoak: wish.noSoak || standing?.noSoak === true,
	};
	let next: DomainState = { ...state, wants: { ...state.wants, rotate } };
	for (const key of state.keys.filter(
		(one) => isCandidate(one.state) && one.owes !== null && one.owes.id === null,
	))
		next = editKey(next, key.selector, (one) => ({
			...one,
			owes: one.owes === null ? null : { ...one.owes, tries: 0, notBefore: null },
		}));
	run.memory.delays.delete(doc.policy.domain);
	await run.save(doc, next);
}
