import { describe, expect, it } from "vitest";
import {
	count,
	flag,
	listOf,
	objectOf,
	orNull,
	recordOf,
	type Shape,
	text,
	word,
} from "../../src/swap/shape.ts";

const VALUES = ["a", "", true, 7, -1, 1.5, null, undefined, [], ["a"], [7], {}, { a: "a" }, { a: 7 }];

/** Which of all kinds of values have this shape. */
function fitting(shape: Shape): readonly unknown[] {
	return VALUES.filter((value) => shape(value));
}

describe("the shape of a stored value", () => {
	it.each<[string, Shape, readonly unknown[]]>([
		["a text", text, ["a", ""]],
		["true or false", flag, [true]],
		["a whole number", count, [7, -1]],
		["a word of some", word("a", "b"), ["a"]],
		["a text or null", orNull(text), ["a", "", null]],
		["a list of texts", listOf(text), [[], ["a"]]],
		["a record of texts", recordOf(text), [{}, { a: "a" }]],
		["an object with a text", objectOf({ a: text }), [{ a: "a" }]],
		["an object of anything", objectOf({}), [{}, { a: "a" }, { a: 7 }]],
	])("%s is that and nothing else", (_what, shape, values) => {
		expect(fitting(shape)).toEqual(values);
	});

	it("asks for every member, its own, and passes over the others", () => {
		const both = objectOf({ a: text, b: count });
		expect(both({ a: "a", b: 7, more: null })).toBe(true);
		for (const value of [{ a: "a" }, { b: 7 }, { a: "a", b: "7" }, Object.create({ a: "a", b: 7 })])
			expect(both(value)).toBe(false);
	});

	it("takes a member that may be absent in its form only", () => {
		const maybe = objectOf({ a: text }, { b: listOf(text) });
		for (const value of [{ a: "a" }, { a: "a", b: [] }, { a: "a", b: ["b"] }])
			expect(maybe(value)).toBe(true);
		for (const value of [{ b: ["b"] }, { a: "a", b: "b" }, { a: "a", b: [7] }, { a: "a", b: null }])
			expect(maybe(value)).toBe(false);
	});
});
