import { expect, test } from "vitest";
import { allCounted, allPages } from "../../../src/publishing/api/pages.ts";

test("reads every page in order", async () => {
	const pages = new Map<number, readonly string[]>([
		[1, ["a", "b"]],
		[2, ["c", "d"]],
		[3, ["e"]],
	]);
	const read = async (page: number) => ({ items: pages.get(page) ?? [], next: page < 3 ? page + 1 : null });
	expect(await allPages<string, number>("fake", 1, read)).toEqual(["a", "b", "c", "d", "e"]);
});

test.each([
	["to itself", (page: number) => page],
	["back to the first", (page: number) => (page === 3 ? 1 : page + 1)],
	["on without end", (page: number) => page + 1],
])("a list that leads %s is an error and no list", async (_, next) => {
	const read = async (page: number) => ({ items: ["a"], next: next(page) });
	await expect(allPages<string, number>("fake", 1, read)).rejects.toMatchObject({
		code: "provider.refused",
		message: expect.stringContaining("does not end"),
	});
});

test("counts what it has read against what there is", async () => {
	const items = ["a", "b", "c", "d", "e"];
	const read = async (page: number) => ({ items: items.slice((page - 1) * 2, page * 2), total: 5 });
	expect(await allCounted("fake", read)).toEqual(items);
});

test("a list that ends before all was seen is an error and no list", async () => {
	const read = async (page: number) => ({ items: page === 1 ? ["a", "b"] : [], total: 3 });
	await expect(allCounted("fake", read)).rejects.toMatchObject({
		code: "provider.refused",
		message: expect.stringContaining("2 of 3"),
	});
});
