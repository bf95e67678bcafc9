import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const run = promisify(execFile);
const TURNS = 10_000;

/** As `npm run simulate` does it, on two cores. */
async function simulate(options: readonly string[]): Promise<string> {
	const argv = [`${import.meta.dirname}/run.mjs`, "--jobs", "2", ...options];
	const { stdout } = await run(process.execPath, argv, { maxBuffer: 64 * 1024 * 1024 }).catch(
		(failed: { stdout: string }) => failed,
	);
	return stdout;
}

describe("the shipped code on simulated ports", () => {
	it("keeps its promises over ten thousand turns with trouble of every kind", async () => {
		const told = await simulate(["--seed", "1", "--runs", "100000", "--turns", String(TURNS)]);
		const [, turns = "0", failed = ""] = /^(\d+) turns in .* s, (\d+) seeds failed/m.exec(told) ?? [];
		expect(failed, told).toBe("0");
		expect(Number(turns)).toBeGreaterThanOrEqual(TURNS);
	});

	it("prints the history that led to a broken promise, and the seed", async () => {
		const told = await simulate(["--seed", "1", "--runs", "1", "--plant", "a table written anew"]);
		const [, broken = "0"] = /^seed 1: .* (\d+) broken promises$/m.exec(told) ?? [];
		expect(Number(broken)).toBeGreaterThan(0);
		expect(told.match(/^BROKEN at /gm)).toHaveLength(Number(broken));
		expect(told.split("\n").filter((line) => /^ +0d \d\d:/.test(line)).length).toBeGreaterThan(20);
		expect(told).toMatch(/^BROKEN at .* lost the foreign line "# kept by hand"/m);
		expect(told).toMatch(/1 seeds failed: 1$/m);
	});
});
