/**
 * `npm run mutation [-- [--force] PATH …]`: changes src/rotation, src/dkim and src/swap (or the folders and files named) in
 * small ways, one at a time, and tells which changes no test of the same folder notices. What neither a change of the code nor
 * of a test touches is not tried again, unless with `--force`.
 */

import { join } from "node:path";
import { Stryker } from "@stryker-mutator/core";
import { FOLDERS } from "./folders.ts";
import { describeScore, scoreOf } from "./score.ts";

const GOAL_PERCENT = 85;
const WORKERS = 2;

process.chdir(join(import.meta.dirname, "../.."));
const force = process.argv.includes("--force");
const paths = process.argv.slice(2).filter((given) => given !== "--force");
const stray = paths.filter((path) => !FOLDERS.includes(folderOf(path)));
if (stray.length > 0) {
	console.error(
		`${stray.join(", ")}: only ${FOLDERS.map((name) => `src/${name}`).join(", ")} and files below`,
	);
	process.exit(64);
}

for (const folder of FOLDERS) {
	const named = paths.filter((path) => folderOf(path) === folder);
	if (paths.length > 0 && named.length === 0) continue;
	const score = scoreOf(await mutate(folder, named.length === 0 ? [`src/${folder}`] : named));
	console.log(`${folder}: ${describeScore(score)}`);
	if (score.percent < GOAL_PERCENT) process.exitCode = 1;
}

function folderOf(path: string): string {
	return /^src\/([a-z]+)(?:\/|$)/.exec(path)?.[1] ?? "";
}

async function mutate(folder: string, named: readonly string[]) {
	process.env["MUTATED_FOLDER"] = folder;
	// Stryker loads the runner, which is TypeScript, in processes of its own.
	process.env["NODE_OPTIONS"] = "--import tsx";
	const stryker = new Stryker({
		mutate: named.map((path) => (path.endsWith(".ts") ? path : `${path}/**/*.ts`)),
		testRunner: "folder",
		plugins: [new URL("runner.ts", import.meta.url).href],
		coverageAnalysis: "perTest",
		concurrency: WORKERS,
		// Far above what any test takes. An endless loop is mostly seen before, by how often the changed code runs.
		timeoutMS: 15_000,
		timeoutFactor: 5,
		disableTypeChecks: false,
		tsconfigFile: "none: rewriting it takes an interface that TypeScript 7 does not have",
		reporters: ["clear-text", "progress-append-only"],
		clearTextReporter: { allowColor: false, logTests: false, reportTests: false, reportScoreTable: true },
		allowConsoleColors: false,
		warnings: { unknownOptions: true, preprocessorErrors: true, unserializableOptions: true, slow: false },
		cleanTempDir: "always",
		incremental: true,
		incrementalFile: `.test-state/mutation/${folder}.json`,
		force,
		thresholds: { high: 95, low: GOAL_PERCENT, break: null },
	});
	return stryker.runMutationTest();
}
