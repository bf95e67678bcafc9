import { expect, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { isRefused, refuse, refuseFailure } from "../../src/swap/refusal.ts";

test("a refusal names each domain once, and concerns all of the request where it names none", () => {
	expect(refuse("not_now", "why", { domains: ["b.example", "a.example", "b.example"], hint: "do" })).toEqual({
		act: "refused",
		why: "not_now",
		domains: ["b.example", "a.example"],
		message: "why",
		hint: "do",
	});
	expect(refuse("not_now", "why")).toEqual({
		act: "refused",
		why: "not_now",
		domains: [],
		message: "why",
		hint: null,
	});
});

test.each([
	["signer.unsafe", "unsafe"],
	["door.protocol", "invalid"],
	["disk.failed", "failed"],
] as const)("a failure with %s is refused as %s, with its message and hint", (code, why) => {
	expect(refuseFailure(new KeyturnError(code, "what failed", { hint: "do" }), ["a.example"])).toEqual({
		act: "refused",
		why,
		domains: ["a.example"],
		message: "what failed",
		hint: "do",
	});
	expect(refuseFailure(new KeyturnError(code, "what failed")).domains).toEqual([]);
});

test("a refusal is told from every other answer, and from a plan", () => {
	expect(isRefused(refuse("busy", "why"))).toBe(true);
	expect(isRefused({ act: "commit" })).toBe(false);
	expect(isRefused({ path: "/x" })).toBe(false);
});
