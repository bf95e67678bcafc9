import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/run/longest-first.ts";

/** unit: pure and on fakes, anywhere; simulation: the seeded runs; crash: door and agent struck at every single call, too long for every day; servers: real programs on loopback, ours among them, built; e2e: whole booted hosts; plug: the plug of one pulled a hundred times, too long as well. */
export default defineConfig({
	test: {
		sequence: { sequencer: LongestFirst },
		projects: [
			{
				test: {
					name: "unit",
					include: ["test/**/*.test.ts"],
					// A busy machine is no fault of the code.
					testTimeout: 30_000,
					// The default leaves one of two cores idle.
					maxWorkers: "100%",
					// Who changes a module loads it anew, and takes it back: loading all of them for each file takes a third of the time.
					isolate: false,
					sequence: { groupOrder: 0 },
					exclude: ["test/simulation/**", "test/crash/**", "test/plug/**", "test/servers/**", "test/e2e/**"],
				},
			},
			{
				test: {
					name: "simulation",
					include: ["test/simulation/**/*.test.ts"],
					// It runs beside the others, and may get little time until they have ended.
					testTimeout: 3_600_000,
					maxWorkers: 2,
					sequence: { groupOrder: 3 },
				},
			},
			{
				test: {
					name: "crash",
					include: ["test/crash/**/*.test.ts"],
					globalSetup: ["test/build.ts"],
					testTimeout: 86_400_000,
					fileParallelism: false,
					sequence: { groupOrder: 4 },
				},
			},
			{
				test: {
					name: "servers",
					include: ["test/servers/**/*.test.ts"],
					globalSetup: ["test/build.ts"],
					testTimeout: 60_000,
					hookTimeout: 60_000,
					// They wait for servers more than they compute.
					maxWorkers: 3,
					sequence: { groupOrder: 1 },
				},
			},
			{
				test: {
					name: "e2e",
					include: ["test/e2e/**/*.test.ts"],
					globalSetup: ["test/build.ts"],
					testTimeout: 600_000,
					hookTimeout: 180_000,
					// Each file boots hosts of its own, with a network of their own, and mostly waits for them.
					maxWorkers: 3,
					sequence: { groupOrder: 2 },
				},
			},
			{
				test: {
					name: "plug",
					include: ["test/plug/**/*.test.ts"],
					globalSetup: ["test/build.ts"],
					testTimeout: 14_400_000,
					hookTimeout: 180_000,
					sequence: { groupOrder: 5 },
				},
			},
		],
	},
});
