import { expect, it } from "vitest";
import { each } from "../../src/agent/run.ts";

it("fails once nothing is under way any more, and begins nothing after a failure", async () => {
	const seen: string[] = [];
	let finish = (): void => undefined;
	const slow = new Promise<void>((resolve) => {
		finish = resolve;
	});
	const done = each(["slow", "failing", "never"], 2, async (item) => {
		seen.push(`${item} begins`);
		if (item === "failing") throw new Error("no");
		await slow;
		seen.push(`${item} ends`);
	}).catch((error: Error) => seen.push(`told: ${error.message}`));
	// Whatever a failure sets off has had its turn.
	await new Promise(setImmediate);
	expect(seen).toEqual(["slow begins", "failing begins"]);
	finish();
	await done;
	expect(seen).toEqual(["slow begins", "failing begins", "slow ends", "told: no"]);
});
