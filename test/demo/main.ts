/** `npm run demo`, once the npm packages are there: sets the exit status. */

import { asKeyturnError } from "../../src/errors.ts";
import { runDemo } from "./demo.ts";

const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stopping.abort());

const isLive = process.stdout.isTTY && process.env["TERM"] !== "dumb";
const terminal = {
	write: (text: string) => void process.stdout.write(text),
	isLive,
	hasColors: isLive && !process.env["NO_COLOR"],
	columns: process.stdout.columns ?? 80,
};
try {
	const isGood = await runDemo({ terminal, signal: stopping.signal, removeEarly: false });
	process.exitCode = isGood ? 0 : 1;
} catch (thrown) {
	const why = stopping.signal.aborted ? "interrupted" : asKeyturnError(thrown).message;
	console.error(`the demo did not come to its end: ${why}`);
	process.exitCode = stopping.signal.aborted ? 130 : 1;
}
