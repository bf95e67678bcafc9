import { expect, test } from "vitest";
import { allPages } from "../../../src/publishing/api/pages.ts";

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
