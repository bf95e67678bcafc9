/**
 * `npm run simulate -- --seed N --runs M [--jobs J]`: runs seeds N to N + M - 1 in J processes, prints what broke and the
 * history that led to it. With `--plant NAME` a planted fault is in it; with `--weather harsh` far more goes wrong than usual.
 */

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { PLANTED_FAULTS } from "./planted-faults.ts";
import { type Weather, WEATHERS } from "./luck.ts";
import { formatElapsed } from "./record-of-run.ts";
import { runSimulation } from "./run.ts";

const SEEDS_A_PROCESS = 40;

interface Sum {
	readonly turns: number;
	readonly failed: readonly number[];
}

const { values } = parseArgs({
	options: {
		seed: { type: "string", default: "1" },
		runs: { type: "string", default: "1" },
		jobs: { type: "string", default: "1" },
		/** Every how many seeds one is run: what a job is given. */
		stride: { type: "string", default: "1" },
		/** No seed is begun once so many turns are done. */
		turns: { type: "string", default: "0" },
		lines: { type: "string", default: "120" },
		plant: { type: "string", default: "" },
		weather: { type: "string", default: "usual" },
		keepGoing: { type: "boolean", default: false },
		history: { type: "boolean", default: false },
	},
});

const planted = PLANTED_FAULTS.find(({ name }) => name === values.plant);
if (planted === undefined && values.plant !== "")
	throw new Error(`no planted fault is called ${values.plant}`);
const weather = weatherOf(values.weather);
const first = Number(values.seed);
const end = first + Number(values.runs);
const startedAt = Date.now();
const jobs = Math.max(1, Number(values.jobs));
const sum = jobs > 1 ? await runJobs() : await runSeeds(Number(values.stride));
if (process.send !== undefined) process.send(sum);
else
	process.stdout.write(
		`${sum.turns} turns in ${((Date.now() - startedAt) / 1000).toFixed(1)} s, ${sum.failed.length} seeds failed${sum.failed.length > 0 ? `: ${sum.failed.join(", ")}` : ""}\n`,
	);
process.exitCode = sum.failed.length === 0 ? 0 : 1;
if (process.connected) process.disconnect();

function weatherOf(name: string): Weather {
	const weather = WEATHERS.find((one) => one === name);
	if (weather === undefined)
		throw new Error(`--weather: expected one of ${WEATHERS.join(", ")}, got ${name}`);
	return weather;
}

async function runJobs(): Promise<Sum> {
	const share = Math.ceil(Number(values.turns) / jobs);
	return sumOf(await Promise.all(Array.from({ length: jobs }, (_, job) => runJob(first + job, share))));
}

function sumOf(sums: readonly Sum[]): Sum {
	return {
		turns: sums.reduce((total, { turns }) => total + turns, 0),
		failed: sums.flatMap(({ failed }) => failed).toSorted((one, other) => one - other),
	};
}

/** One process after another: the same took 1.7 times as long a call after an hour and a half as in its first minutes. */
async function runJob(first: number, turns: number): Promise<Sum> {
	const sums: Sum[] = [];
	let left = turns || Infinity;
	for (let seed = first; seed < end && left > 0; seed += SEEDS_A_PROCESS * jobs) {
		const sum = await runProcess(seed, left === Infinity ? 0 : left);
		left -= sum.turns;
		sums.push(sum);
	}
	return sumOf(sums);
}

function runProcess(seed: number, turns: number): Promise<Sum> {
	const flags = (["keepGoing", "history"] as const).filter((flag) => values[flag]);
	const args = Object.entries({
		seed,
		runs: Math.min(end - seed, SEEDS_A_PROCESS * jobs),
		stride: jobs,
		turns,
		lines: values.lines,
		plant: values.plant,
		weather,
	});
	return new Promise((resolve, reject) => {
		let told: Sum | null = null;
		fork(fileURLToPath(import.meta.url), [
			...args.flatMap(([name, value]) => [`--${name}`, String(value)]),
			...flags.map((flag) => `--${flag}`),
		])
			.on("message", (sent) => {
				told = sent as Sum;
			})
			.on("error", reject)
			.on("exit", (code) => {
				if (told === null) reject(new Error(`the job from seed ${seed} ended with ${code}`));
				else resolve(told);
			});
	});
}

async function runSeeds(stride: number): Promise<Sum> {
	const enough = Number(values.turns) || Infinity;
	const failed: number[] = [];
	let turns = 0;
	for (let seed = first; seed < end && turns < enough; seed += stride) {
		const outcome = await runSimulation({
			seed,
			weather,
			stopAtBreach: !values.keepGoing,
			...(planted === undefined ? {} : { wrappers: planted.wrappers, adjust: planted.adjust }),
		});
		turns += outcome.turns;
		process.stdout.write(
			`seed ${seed}: ${outcome.turns} turns, ${outcome.deaths} deaths, ${outcome.steps} steps, history ${outcome.historyHash.slice(0, 16)}, ${outcome.breaches.length} broken promises\n`,
		);
		if (outcome.breaches.length > 0 || values.history)
			process.stdout.write(`${outcome.history.slice(-(Number(values.lines) || 1)).join("\n")}\n`);
		if (outcome.breaches.length === 0) continue;
		failed.push(seed);
		for (const { promise, what, atMs } of outcome.breaches)
			process.stdout.write(`BROKEN at ${formatElapsed(atMs)}: promise ${promise}: ${what}\n`);
	}
	return { turns, failed };
}
