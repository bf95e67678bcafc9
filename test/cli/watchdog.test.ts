import { expect, test } from "vitest";
import { keepWatchdog } from "../../src/cli/watchdog.ts";
import type { Workbench } from "../../src/cli/workbench.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";

const PATIENCE_MS = 600_000;

/** Keeps it over `forMs`, in which the last sign of life came at `lastSignMs`; answers when it vouched. */
async function vouchedAt(patienceMs: number | null, lastSignMs: number, forMs: number): Promise<number[]> {
	const world = new AgentWorld();
	const said: number[] = [];
	const over = new AbortController();
	const { workbench } = commandBench(world, {
		changes: {
			notify: async (words) => {
				expect(words).toEqual(["WATCHDOG=1"]);
				said.push(world.uptimeMs);
				return Promise.resolve();
			},
			watchdog: {
				patienceMs,
				silentMs: () => Math.max(0, world.uptimeMs - lastSignMs),
				endedAt: async () => Promise.resolve(null),
				forget: async () => Promise.resolve(),
			},
		},
	});
	const clock: Workbench["clock"] = {
		...workbench.clock,
		sleep: async (ms) => {
			world.pass(ms);
			if (world.uptimeMs >= forMs) over.abort();
			return Promise.resolve();
		},
	};
	await keepWatchdog({ ...workbench, clock }, over.signal);
	return said;
}

test("an agent that gets on is vouched for three times within the manager's patience", async () => {
	expect(await vouchedAt(PATIENCE_MS, Number.POSITIVE_INFINITY, 1_000_000)).toEqual([
		0, 200_000, 400_000, 600_000, 800_000,
	]);
});

test("one that hangs is vouched for no more within half of it", async () => {
	expect(await vouchedAt(PATIENCE_MS, 250_000, 2_000_000)).toEqual([0, 200_000, 400_000]);
});

test("where nobody waits for it nothing is said", async () => {
	expect(await vouchedAt(null, 0, 1_000_000)).toEqual([]);
});
