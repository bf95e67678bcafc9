/**
 * Verifies, inside a test host, every message from a number on that reached the sink, against the DNS as it is now, at
 * each server alone: a receiver may ask any of them. Writes one line of JSON for each.
 * judge.ts DIRECTORY FIRST-NUMBER SERVER...
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Arrival } from "../host/fate.ts";
import { judge, numberOf, receiverAt } from "./verdict.ts";

const [directory = "/var/lib/sink", first = "0", ...servers] = process.argv.slice(2);
const receivers = servers.map((server) => receiverAt(server));

for (const file of readdirSync(directory).filter((name) => name.endsWith(".eml"))) {
	const message = readFileSync(join(directory, file));
	const number = numberOf(message);
	if (number === null || number < Number(first)) continue;
	const judged = await Promise.all(receivers.map(async (each) => judge(message, each)));
	const arrival: Arrival = {
		number,
		selector: judged[0]?.selector ?? null,
		selectors: judged[0]?.selectors ?? [],
		verdicts: judged.map(({ server, reason }) => ({ server, reason })),
	};
	process.stdout.write(`${JSON.stringify(arrival)}\n`);
}
