import { describe, expect, it } from "vitest";
import {
	count,
	flag,
	list,
	notUnderstood,
	nullable,
	object,
	oneOf,
	text,
	time,
} from "../../src/rotation/stored-fields.ts";

describe("an object of a stored document", () => {
	it("has its fields, and may have others that it may lack", () => {
		expect(object({ a: 1 }, "doc", ["a"])).toEqual({ a: 1 });
		expect(object({ a: 1, b: null }, "doc", ["a"], ["b", "c"])).toEqual({ a: 1, b: null });
	});

	it.each([
		["", /^more: unknown field$/, /^a: missing$/],
		["doc.inner", /^doc\.inner\.more: unknown field$/, /^doc\.inner\.a: missing$/],
	])("at %j is refused by the name of the field that is wrong", (at, unknown, missing) => {
		expect(() => object({ a: 1, more: 1 }, at, ["a"])).toThrow(unknown);
		expect(() => object({ a: 1, "Stryker was here": 1 }, at, ["a"])).toThrow("unknown field");
		expect(() => object({}, at, ["a"])).toThrow(missing);
		expect(() => object({ a: undefined }, at, ["a"])).toThrow(missing);
	});

	it("is neither a text, a number, nothing nor a list", () => {
		for (const stored of ["a text", 7, null, []])
			expect(() => object(stored, "doc", [])).toThrow(
				`doc: expected an object, got ${JSON.stringify(stored)}`,
			);
	});
});

describe("a field of a stored document", () => {
	it("is read as it was written", () => {
		expect(list([1], "at")).toEqual([1]);
		expect(text("", "at")).toBe("");
		expect([0, 7].map((value) => count(value, "at"))).toEqual([0, 7]);
		expect([true, false].map((value) => flag(value, "at"))).toEqual([true, false]);
		expect(oneOf("b", ["a", "b"], "at")).toBe("b");
		expect(time("2026-11-01T03:00:00.000Z", "at")).toBe("2026-11-01T03:00:00.000Z");
		expect(nullable(null, () => 7)).toBeNull();
		expect(nullable(1, (value) => value)).toBe(1);
	});

	it.each<[string, (stored: unknown) => unknown, readonly unknown[]]>([
		["a list", (stored) => list(stored, "at"), [{}, "x", null]],
		["a text", (stored) => text(stored, "at"), [7, null, []]],
		["a whole number", (stored) => count(stored, "at"), ["7", -1, 1.5, 2 ** 53, null]],
		["true or false", (stored) => flag(stored, "at"), [0, "true", null]],
		["a or b", (stored) => oneOf(stored, ["a", "b"], "at"), ["c", null, ["a"]]],
		[
			"a time such as 2026-11-01T03:00:00.000Z",
			(stored) => time(stored, "at"),
			[
				"yesterday",
				"2026-02-30T00:00:00.000Z",
				"2026-11-01T03:00:00Z",
				"2026-11-01T04:00:00.000+01:00",
				"2026-13-01T03:00:00.000Z",
				"+012026-11-01T03:00:00.000Z",
				7,
				null,
				["2026-11-01T03:00:00.000Z"],
			],
		],
	])("that is to be %s is nothing else", (what, read, others) => {
		for (const other of others)
			expect(() => read(other)).toThrow(`at: expected ${what}, got ${JSON.stringify(other)}`);
	});

	it("that is absent is said to be so", () => {
		expect(() => text(undefined, "at")).toThrow("at: expected a text, got undefined");
	});
});

describe("what is not understood", () => {
	it("is kept as it is, and the hint says what to do", () => {
		expect(notUnderstood("why")).toMatchObject({
			code: "state.newer",
			message: "why",
			hint: "a newer keyturn wrote it, or somebody edited it: run that one, or restore the file from a backup",
		});
	});
});
