/**
 * `npm run year`: the whole mail host lives through twelve months of scheduled turns in minutes, with mail all along and a
 * fault a month; every message is verified, and every alert counted. MONTHS=2 takes only the first ones, FROM=7 begins with July
 * and its fault, RATE=20 sends fewer messages a second.
 */

import { setup } from "../build.ts";
import { SUITES, whyNot } from "../run/suites.ts";
import { runYear } from "./year.ts";

for (const suite of SUITES.filter(({ name }) => name === "e2e")) {
	const lacks = whyNot(suite);
	if (lacks !== null) throw new Error(`no host can be booted here: ${lacks}`);
}
setup();
const from = Number(process.env["FROM"] ?? 1);
const months = Number(process.env["MONTHS"] ?? 13 - from);
const perSecond = Number(process.env["RATE"] ?? 50);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const faults = await runYear({ from, months, perSecond, say });
for (const fault of faults) say(`FAILED: ${fault}`);
process.exit(faults.length === 0 ? 0 : 1);
