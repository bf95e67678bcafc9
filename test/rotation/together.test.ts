import { expect, test } from "vitest";
import { type DomainState, emptyDomainState, type KeyEntry } from "../../src/rotation/domain-state.ts";
import { plan } from "../../src/rotation/plan.ts";
import { groupCandidate, hasGivenUp, isSameTurn, whyApart } from "../../src/rotation/together.ts";
import { keyEntry, policyOf } from "../fakes/policies.ts";

const NOW = new Date("2026-11-10T12:00:00.000Z");
const policy = policyOf({ domain: "b.example" });
const active = keyEntry({ selector: "202611" });
const next = keyEntry({ selector: "202612", state: "verified", dueAt: "2026-12-01T03:00:00.000Z" });

function stateOf(domain: string, ...keys: readonly KeyEntry[]): DomainState {
	return { ...emptyDomainState(domain), keys };
}

function planned(own: DomainState, mate: DomainState, sharesKey = true) {
	const inUse = own.keys
		.filter(({ state }) => state === "active")
		.map(({ selector, publicKey }) => ({ selector, publicKey, problem: null }));
	const delays = new Map(
		own.keys.map(({ selector }) => [`watch ${selector}`, { until: new Date(8e15), reason: "" }]),
	);
	const seen = { inUse, firstKeyFault: null, lastPauseAt: null, delays, steadySince: null };
	return plan(own, { ...seen, group: { members: [mate, own], sharesKey, sharesName: true } }, policy, NOW);
}

test("whoever has no next key takes that of the others at once", () => {
	const own = stateOf("b.example", active);
	expect(planned(own, stateOf("a.example", active, next))).toEqual({
		kind: "step",
		step: { kind: "make", selector: null, dueAt: new Date(next.dueAt) },
	});
	expect(planned(own, stateOf("a.example", active))).toMatchObject({ kind: "wait" });
});

test("whoever signs with it already, while that is not known of the other, makes no other key", () => {
	const signs = { ...next, state: "active", dueAt: "2026-12-02T00:00:00.000Z" } as const;
	const own = stateOf("b.example", { ...active, state: "retired" }, signs);
	expect(planned(own, stateOf("a.example", active, next))).toMatchObject({ kind: "wait" });
});

test("whoever has given it up waits until the others have, too", () => {
	const own = stateOf("b.example", active, { ...next, state: "retired" });
	const mate = stateOf("a.example", active, next);
	const waiting = planned(own, mate);
	expect(waiting.kind === "wait" ? waiting.waits[0]?.reason : waiting).toBe(
		"a.example gives up 202612 first",
	);
	expect(planned(mate, own)).toEqual({
		kind: "step",
		step: {
			kind: "giveUp",
			selector: "202612",
			reason: "b.example, which turns together with a.example, has given it up",
		},
	});
});

test("a key of one's own is given up for that of whoever stands first", () => {
	const other = keyEntry({ selector: "202612", state: "verified", dueAt: next.dueAt });
	const own = stateOf("b.example", active, other);
	const mate = stateOf("a.example", active, next);
	expect(planned(own, mate)).toMatchObject({ step: { kind: "giveUp", selector: "202612" } });
	expect(planned(own, mate, false)).toMatchObject({ kind: "wait" });
	expect(planned(mate, own)).toMatchObject({ step: { kind: "giveUp" } });
});

test("a key that is gone back to is not the next one", () => {
	const state = stateOf("a.example", active, next);
	const back = {
		...state,
		wants: { ...state.wants, rollback: { id: "1", askedAt: next.since, selector: "202612" } },
	};
	expect(groupCandidate({ members: [back, state], sharesKey: true, sharesName: true })).toBe(next);
	expect(groupCandidate({ members: [back], sharesKey: true, sharesName: true })).toBeNull();
});

test("a name of a ring that stood for another key before was not given up", () => {
	const group = { members: [], sharesKey: false, sharesName: true };
	const before = { ...keyEntry({ selector: "202612", state: "retired" }), dueAt: "2026-09-01T03:00:00.000Z" };
	expect(isSameTurn(before, next, group)).toBe(false);
	expect(hasGivenUp(stateOf("b.example", before), next, group)).toBe(false);
	expect(
		whyApart(next, stateOf("a.example", next), { ...group, members: [stateOf("b.example", before)] }),
	).toBeNull();
});
