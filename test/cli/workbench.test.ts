import { expect, test } from "vitest";
import { worst } from "../../src/cli/workbench.ts";

test.each([
	[[], 0],
	[[0, 0], 0],
	[[0, 3], 3],
	[[3, 4, 0], 4],
	[[4, 1, 3], 1],
	[[0, 1], 1],
])("the worst of %j is %i", (codes, status) => {
	expect(worst(codes)).toBe(status);
	expect(worst(codes.toReversed())).toBe(status);
});
