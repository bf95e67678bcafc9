import { expect, test } from "vitest";
import { type ErrorCode, KeyturnError } from "../../../src/errors.ts";
import type { ChangeResult, ZoneChange } from "../../../src/ports/dns-provider.ts";
import { inBatches } from "../../../src/publishing/api/outcome.ts";

const DONE: ChangeResult = { kind: "done" };
const LIMIT = 3;

/** What becomes of changes at `a`, `b`, … where each call with one of the names that fail does so; the calls that were made. */
async function carriedOut(labels: string, failing: Readonly<Record<string, ErrorCode>>) {
	const calls: string[] = [];
	const changes = Array.from(labels, (name): ZoneChange => ({ kind: "remove", name, value: "v" }));
	const results = await inBatches("fake", changes, LIMIT, async (batch) => {
		const names = batch.map(({ name }) => name);
		calls.push(names.join(""));
		const wrong = names.find((name) => name in failing);
		if (wrong !== undefined) throw new KeyturnError(failing[wrong] ?? "bug", `fake: not ${wrong}`);
		return batch.map(() => DONE);
	});
	return { calls, results };
}

const refused = (name: string, denied = false) =>
	expect.objectContaining({ kind: "refused", denied, why: `fake: not ${name}` });

test.each([
	["provider.refused", false],
	["provider.denied", true],
] as const)("%s to a batch is the trouble of those that meet it alone", async (code, denied) => {
	expect(await carriedOut("abcd", { b: code })).toEqual({
		calls: ["abc", "a", "b", "c", "d"],
		results: [DONE, refused("b", denied), DONE, DONE],
	});
});

test("denied to each is denied to all, and nothing else is asked", async () => {
	const all = { a: "provider.denied", b: "provider.denied", c: "provider.denied" } as const;
	expect(await carriedOut("abcde", all)).toEqual({
		calls: ["abc", "a", "b", "c"],
		results: [refused("a", true), refused("b", true), ...["c", "c", "c"].map((name) => refused(name, true))],
	});
});

test.each(["provider.unreachable", "provider.limited"] as const)(
	"%s to a batch is no reason to ask again",
	async (code) => {
		const { calls, results } = await carriedOut("abcd", { b: code });
		expect(calls).toEqual(["abc"]);
		const kind = code === "provider.unreachable" ? "unknown" : "refused";
		expect(results.map((result) => result.kind)).toEqual([kind, kind, kind, "refused"]);
	},
);

test("a loss that a batch brought about is final for each of it, and nothing more is written", async () => {
	const final = { kind: "refused", denied: false, why: "fake: not b", hint: null, isFinal: true };
	expect(await carriedOut("abcd", { b: "provider.loss" })).toEqual({
		calls: ["abc"],
		results: [final, final, final, final],
	});
});

test("one that alone meets what lasts ends it", async () => {
	const { calls, results } = await carriedOut("abcd", { a: "provider.refused", b: "provider.limited" });
	expect(calls).toEqual(["abc", "a", "b"]);
	const notAsked = expect.objectContaining({
		why: expect.stringContaining("not asked any more: fake: not b"),
	});
	expect(results).toEqual([refused("a"), refused("b"), notAsked, notAsked]);
});

test("a fault of our own is told as one", async () => {
	await expect(carriedOut("ab", { a: "bug" })).rejects.toMatchObject({ code: "bug" });
});
