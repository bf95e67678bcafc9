import { expect, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { RecoverAnswer } from "../../src/ports/door.ts";
import { isBusy, isRefused, leavesWork, refuse, refuseFailure } from "../../src/swap/refusal.ts";

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

test("a recovery is made again where it failed or something is owed, and not where another is under way", () => {
	const recovered: RecoverAnswer = { act: "recover", results: [], did: [] };
	const pending = { reason: "postfix did not start", hint: "see its log", services: ["postfix"] };
	expect(leavesWork({ ...recovered, pending })).toBe(true);
	expect(leavesWork(refuse("failed", "EIO"))).toBe(true);
	expect(leavesWork(recovered)).toBe(false);
	expect(leavesWork(refuse("busy", "another"))).toBe(false);
	expect(isBusy(refuse("busy", "another"))).toBe(true);
	expect(isBusy(refuse("failed", "EIO"))).toBe(false);
});
