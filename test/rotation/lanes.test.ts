import { expect, test } from "vitest";
import { emptyDomainState } from "../../src/rotation/domain-state.ts";
import { laneState, lanesOf, withLane } from "../../src/rotation/lanes.ts";
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
