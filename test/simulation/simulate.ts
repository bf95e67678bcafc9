/** `npm run simulate -- --seed N --runs M`: runs seeds N to N + M - 1, prints what broke and the history that led to it. */

import { parseArgs } from "node:util";
import { formatElapsed } from "./record-of-run.ts";
import { runSimulation } from "./run.ts";

const { values } = parseArgs({
	options: {
		seed: { type: "string", default: "1" },
		runs: { type: "string", default: "1" },
		lines: { type: "string", default: "120" },
		calm: { type: "boolean", default: false },
		keepGoing: { type: "boolean", default: false },
		history: { type: "boolean", default: false },
	},
});

const first = Number(values.seed);
let turns = 0;
let failed = 0;
const startedAt = Date.now();
for (let seed = first; seed < first + Number(values.runs); seed += 1) {
	const outcome = await runSimulation({ seed, calm: values.calm, stopAtBreach: !values.keepGoing });
	turns += outcome.turns;
	process.stdout.write(
		`seed ${seed}: ${outcome.turns} turns, ${outcome.deaths} deaths, ${outcome.steps} steps, ${outcome.breaches.length} broken promises\n`,
	);
	if (outcome.breaches.length > 0 || values.history)
		process.stdout.write(`${outcome.history.slice(-(Number(values.lines) || 1)).join("\n")}\n`);
	if (outcome.breaches.length === 0) continue;
	failed += 1;
	for (const { promise, what, atMs } of outcome.breaches)
		process.stdout.write(`BROKEN at ${formatElapsed(atMs)}: promise ${promise}: ${what}\n`);
}
process.stdout.write(
	`${turns} turns in ${((Date.now() - startedAt) / 1000).toFixed(1)} s, ${failed} of ${values.runs} seeds failed\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
