import { describe, expect, it } from "vitest";
import { emptyDomainState, type KeyEntry, keyOf, NOTHING_WANTED } from "../../src/rotation/domain-state.ts";
import {
	previousKey,
	whyNoRetire,
	whyNoRevoke,
	whyNoRollback,
	withoutRollback,
} from "../../src/rotation/wishes.ts";
import { keyEntry } from "../fakes/policies.ts";

const USE = {
	host: "mx1",
	signer: "main",
	firstAt: "2026-09-01T03:00:00.000Z",
	lastAt: "2026-10-01T03:00:00.000Z",
	lastAtLatest: null,
};
const NOW = new Date("2026-11-22T12:00:00.000Z");
const ASKED = { id: "1", askedAt: NOW.toISOString() };

function stateOf(...keys: readonly KeyEntry[]) {
	return { ...emptyDomainState("example.com"), keys };
}

function retiring(selector: string, since: string, changes: Partial<KeyEntry> = {}): KeyEntry {
	return keyEntry({ selector, state: "retiring", since, uses: [USE], ...changes });
}

const active = keyEntry({ selector: "202611" });
const older = retiring("202609", "2026-10-01T03:00:00.000Z");
const newer = retiring("202610", "2026-11-01T03:00:00.000Z");

describe("the key before", () => {
	it("is the one that signed last and whose record stands", () => {
		const givenUp = retiring("202610b", "2026-11-20T03:00:00.000Z", { uses: [] });
		expect(previousKey(stateOf(older, newer, active, givenUp))?.selector).toBe("202610");
		expect(previousKey(stateOf(newer, older, active))?.selector).toBe("202610");
		expect(previousKey(stateOf(active, { ...older, state: "retired" }))).toBeNull();
	});

	it("is not one that is to be revoked", () => {
		const revoke = [{ id: "1", askedAt: USE.lastAt, selector: "202610", unsigned: false, distrusts: [] }];
		const state = { ...stateOf(older, newer, active), wants: { ...NOTHING_WANTED, revoke } };
		expect(previousKey(state)?.selector).toBe("202609");
	});

	it("is of another algorithm only where the one in use took its place", () => {
		const since = "2026-11-10T03:00:00.000Z";
		const own = keyEntry({ selector: "202611", algorithm: "rsa", since });
		const beside = { algorithm: "ed25519" } as const;
		const rsa = retiring("r1", since, { algorithm: "rsa" });
		expect(previousKey(stateOf(rsa, own, retiring("e1", since, beside)))?.selector).toBe("r1");
		expect(previousKey(stateOf(retiring("e1", since, beside), own))?.selector).toBe("e1");
		const end = "2026-11-11T03:00:00.000Z";
		const later = retiring("e1", end, { ...beside, uses: [{ ...USE, lastAt: end }] });
		expect(previousKey(stateOf(rsa, own, later))?.selector).toBe("r1");
		expect(previousKey(stateOf(later, own))).toBeNull();
		const open = { ...USE, lastAt: null, lastAtLatest: "2026-11-11T03:00:00.000Z" };
		expect(previousKey(stateOf(retiring("e1", since, { ...beside, uses: [open] }), own))?.selector).toBe(
			"e1",
		);
		const older = retiring("r0", "2026-11-01T03:00:00.000Z", { algorithm: "rsa" });
		expect(previousKey(stateOf(older, retiring("e1", since, beside), own))?.selector).toBe("e1");
	});
});

describe("what cannot be had is said why", () => {
	const state = stateOf(
		{ ...older, state: "retired" },
		{ ...newer, state: "revoked" },
		active,
		keyEntry({ selector: "202612", state: "verified" }),
	);

	it.each([
		[whyNoRollback(state), "the record of no key that signed before 202611 stands any more"],
		[whyNoRollback(stateOf()), "no key is known to be in use"],
		[whyNoRollback(stateOf(newer, active)), null],
		[
			whyNoRollback({ ...stateOf(newer, active), wants: { ...NOTHING_WANTED, remove: ASKED } }),
			"it is leaving (keyturn remove); keyturn add keeps it",
		],
		[whyNoRevoke(state, "202608"), "no key 202608 is known"],
		[whyNoRevoke(state, "202609"), "the record of 202609 is removed already: nothing verifies with it"],
		[whyNoRevoke(state, "202610"), "202610 is revoked already"],
		[whyNoRevoke(state, "202611"), null],
		[whyNoRevoke(state, "202612"), null],
		[whyNoRetire(state, "202608"), "no key 202608 is known"],
		[whyNoRetire(state, "202609"), "the record of 202609 is removed already"],
		[whyNoRetire(state, "202610"), null],
		[whyNoRetire(state, "202611"), "mail is signed with 202611: turn it first"],
		[whyNoRetire(state, "202612"), "202612 is the next key to sign"],
		[
			whyNoRetire(
				{
					...stateOf(newer, active),
					wants: { ...NOTHING_WANTED, rollback: { ...ASKED, selector: "202610" } },
				},
				"202610",
			),
			"202610 is to sign again (keyturn rollback)",
		],
	])("%s", (said, expected) => {
		expect(said).toBe(expected);
	});
});

describe("a way back that was asked for", () => {
	it("can be asked for again though that key is verified by now, and no other is left", () => {
		const wants = { ...NOTHING_WANTED, rollback: { id: "1", askedAt: USE.lastAt, selector: "202610" } };
		const state = { ...stateOf({ ...newer, state: "verified" as const }, active), wants };
		expect(whyNoRollback(state)).toBeNull();
		expect(whyNoRollback({ ...state, wants: NOTHING_WANTED })).not.toBeNull();
	});
});

describe("giving up the way back", () => {
	const rollback = { id: "1", askedAt: USE.lastAt, selector: "202610" };
	const wants = { ...NOTHING_WANTED, rollback };

	it("lets a key that was verified again wait for its removal as before, its uses known", () => {
		const state = { ...stateOf({ ...newer, state: "verified" as const }, active), wants };
		const after = withoutRollback(state, NOW, "a new key was asked for");
		expect(after.wants.rollback).toBeNull();
		expect(keyOf(after, "202610")).toMatchObject({
			state: "retiring",
			since: NOW.toISOString(),
			reason: "a new key was asked for",
			uses: [USE],
		});
	});

	it("takes back the wish alone where its key is not on its way, is gone, or was never named", () => {
		const waiting = { ...stateOf(newer, active), wants };
		for (const state of [waiting, { ...waiting, keys: [active] }]) {
			const after = withoutRollback(state, NOW, "a new key was asked for");
			expect(after).toEqual({ ...state, wants: NOTHING_WANTED });
		}
		const none = stateOf(newer, active);
		expect(withoutRollback(none, NOW, "a new key was asked for")).toEqual(none);
	});

	it("does not wait for a switch that was only put off", () => {
		const owes = { act: "switch" as const, id: null, askedAt: USE.lastAt, tries: 1, notBefore: USE.lastAt };
		const state = { ...stateOf({ ...newer, state: "verified" as const, owes }, active), wants };
		expect(withoutRollback(state, NOW, "a new key was asked for").wants.rollback).toBeNull();
	});

	it("waits until it is known how a switch under way ended", () => {
		const owes = { act: "switch" as const, id: "9", askedAt: USE.lastAt, tries: 0, notBefore: null };
		const state = { ...stateOf({ ...newer, state: "verified" as const, owes }, active), wants };
		expect(withoutRollback(state, NOW, "a new key was asked for")).toBe(state);
	});
});
