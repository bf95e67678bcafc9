import { describe, expect, test } from "vitest";
import { emptyDomainState, NOTHING_WANTED } from "../../src/rotation/domain-state.ts";
import { divided, laneState, lanesOf, withLane } from "../../src/rotation/lanes.ts";
import { parseDomainState } from "../../src/rotation/stored-state.ts";
import { keyEntry, policyOf } from "../fakes/policies.ts";

const RSA = { algorithm: "rsa", bits: 2048 } as const;
const both = policyOf({ key: RSA, keys: [RSA, { algorithm: "ed25519" }] });
const rsa = keyEntry({ selector: "r", algorithm: "rsa", bits: 2048 });
const ed = keyEntry({ selector: "e" });
const state = { ...emptyDomainState("example.com"), keys: [rsa, ed] };
const rotate = { id: "1", askedAt: "2026-11-01T03:00:00.000Z", noSoak: false };

test("a policy of several keys is one for each algorithm; of one key it is itself", () => {
	const [first, second, ...more] = lanesOf(both);
	expect(first).toMatchObject({ key: RSA, lane: { algorithm: "rsa", isFirst: true } });
	expect(second).toMatchObject({
		key: { algorithm: "ed25519" },
		lane: { algorithm: "ed25519", isFirst: false },
	});
	expect(first).not.toHaveProperty("keys");
	expect(more).toEqual([]);
	const one = policyOf();
	expect(lanesOf(one)).toEqual([one]);
	expect(laneState(state, undefined)).toBe(state);
	expect(withLane(state, undefined, state)).toBe(state);
});

test("a lane has its own keys and wishes, and what becomes of it leaves the other as it is", () => {
	const [first, second] = lanesOf(both).map(({ lane }) => lane);
	const view = laneState(state, second);
	expect(view.keys).toEqual([ed]);
	expect(laneState(state, second)).toBe(view);
	const next = keyEntry({ selector: "e2", state: "pending" });
	const whole = withLane(state, second, {
		...view,
		wants: { ...view.wants, rotate },
		keys: [...view.keys, next],
	});
	expect(whole.keys.map(({ selector }) => selector)).toEqual(["r", "e", "e2"]);
	expect(laneState(whole, first)).toMatchObject({ keys: [rsa], wants: { rotate: null } });
	expect(laneState(whole, second).wants.rotate).toEqual(rotate);
	const turned = withLane(whole, first, { ...laneState(whole, first), keys: [] });
	expect(turned.keys.map(({ selector }) => selector)).toEqual(["e", "e2"]);
	expect(parseDomainState(JSON.parse(JSON.stringify(whole)))).toEqual(whole);
});

describe("where `key` became another list since", () => {
	const remove = { id: "2", askedAt: "2026-11-02T03:00:00.000Z" };
	const revoke = { ...remove, selector: "e", unsigned: false, distrusts: [] };
	const asked = (wants: Partial<typeof NOTHING_WANTED>) => ({ ...NOTHING_WANTED, ...wants });
	const [first, second] = lanesOf(both).map(({ lane }) => lane);

	test("nothing that concerns no key is moved", () => {
		const wanted = { ...state, wants: asked({ rotate }), wantsOf: { ed25519: NOTHING_WANTED } };
		expect(divided(wanted, both)).toBe(wanted);
		expect(divided(state, {})).toBe(state);
	});

	test("a domain that was removed is so with every key", () => {
		const whole = divided({ ...state, wants: asked({ remove }) }, both);
		expect([first, second].map((lane) => laneState(whole, lane).wants.remove)).toEqual([remove, remove]);
	});

	test("what names a key goes with that", () => {
		const whole = divided({ ...state, wants: asked({ revoke: [revoke], rotate }) }, both);
		expect(laneState(whole, first).wants).toEqual(asked({ rotate }));
		expect(laneState(whole, second).wants).toEqual(asked({ revoke: [revoke] }));
		expect(divided(whole, both)).toEqual(whole);
	});

	test("one key that is left has the wishes of all", () => {
		const wantsOf = { ed25519: asked({ revoke: [revoke], remove }) };
		const whole = divided({ ...state, wants: asked({ rotate }), wantsOf }, {});
		expect(whole.wants).toEqual(asked({ rotate, remove, revoke: [revoke] }));
		expect(whole).not.toHaveProperty("wantsOf");
	});

	test("of two keys that sign the RSA one counts as the key in use", () => {
		const turned = divided({ ...state, keys: [ed, rsa] }, {});
		expect(turned.keys).toEqual([rsa, ed]);
		const successor = keyEntry({ selector: "r2", algorithm: "rsa", bits: 2048, state: "pending" });
		const turning = { ...state, keys: [ed, successor] };
		expect(divided(turning, {})).toBe(turning);
	});
});
