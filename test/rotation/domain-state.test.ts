import { describe, expect, it } from "vitest";
import { emptyDomainState, moveKey, parseDomainState } from "../../src/rotation/domain-state.ts";
import { KEY_STATES, mayMove, MOVES } from "../../src/rotation/life.ts";
import { keyEntry } from "../fakes/policies.ts";

const state = { ...emptyDomainState("example.com"), keys: [keyEntry()] };

describe("a domain's state", () => {
	it("is read as it was written", () => {
		expect(parseDomainState(JSON.parse(JSON.stringify(state)))).toEqual(state);
	});

	it.each([
		["an unknown field", { ...state, extra: 1 }, /extra: unknown field/],
		["a missing field", { schema: 1, domain: "example.com", keys: [] }, /wants: missing/],
		["a newer schema", { ...state, schema: 2 }, /newer keyturn/],
		[
			"an unknown state",
			{ ...state, keys: [{ ...keyEntry(), state: "lost" }] },
			/keys\[0\]\.state: expected pending/,
		],
		["a selector that stands twice", { ...state, keys: [keyEntry(), keyEntry()] }, /stands twice/],
		[
			"a time in another form",
			{ ...state, keys: [{ ...keyEntry(), since: "yesterday" }] },
			/keys\[0\]\.since/,
		],
	])("stops at %s", (_what, stored, message) => {
		expect(() => parseDomainState(JSON.parse(JSON.stringify(stored)))).toThrow(message);
	});

	it("moves keys along the life table only", () => {
		const now = new Date("2026-11-22T12:00:00Z");
		expect(moveKey(state, "202611", "retiring", now).keys[0]?.state).toBe("retiring");
		expect(() => moveKey(state, "202611", "retired", now)).toThrow("cannot move from active to retired");
	});
});

describe("the life of a key", () => {
	it("leaves active by retiring only, and never comes back from being given up", () => {
		expect(KEY_STATES.filter((to) => mayMove("active", to))).toEqual(["retiring"]);
		expect(MOVES.filter((move) => move.from === "retired").map((move) => move.to)).toEqual(["pending"]);
	});
});
