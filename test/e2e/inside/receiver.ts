/**
 * Receivers all over the world, run inside a test host: verify each message that reached the sink as it comes, at each server
 * of its zone, and delete it. Of each key the last message is kept and verified again and again until it is so many hours
 * old, since mail may be that long under way. A server that does not answer decides nothing; one of them has to. Writes a
 * line of JSON for each message and each late look; ends with its standard input, once the sink is empty.
 * receiver.ts DIRECTORY LATE-HOURS SERVER...
 */

import { readdirSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Arrival, LateLook } from "../host/fate.ts";
import { judgeAtAll, numberOf, type Receiver, receiverAt, type Verdict } from "./verdict.ts";

const [directory = "/var/lib/sink", lateHours = "120", ...servers] = process.argv.slice(2);
const HOUR_MS = 3_600_000;
const LOOK_MS = 500;
const kept = new Map<string, { readonly domain: string; readonly message: Buffer; readonly at: number }>();
const over = new AbortController();
process.stdin.on("close", () => over.abort()).resume();
let lookedAt = 0;

for (;;) {
	const isOver = over.signal.aborted;
	const receivers = servers.map((server) => receiverAt(server, { timeout: 1000, tries: 2 }));
	const files = readdirSync(directory).filter((name) => name.endsWith(".eml"));
	for (const file of files) await receive(join(directory, file), receivers);
	if (process.uptime() * 1000 - lookedAt > LOOK_MS) await lookLate(receivers);
	if (isOver && files.length === 0) break;
	await sleep(100);
}

async function receive(path: string, receivers: readonly Receiver[]): Promise<void> {
	const message = readFileSync(path);
	const number = numberOf(message);
	const answered = await answersOf(message, receivers);
	if (answered.length === 0) return;
	const selector = answered[0]?.selector ?? null;
	const verdicts = answered.map(({ server, reason }) => ({ server, reason }));
	if (number !== null) say({ number, selector, selectors: answered[0]?.selectors ?? [], verdicts });
	const domain = /^From: .*@(.*)\r$/m.exec(message.toString("latin1"))?.[1] ?? "";
	if (selector !== null) kept.set(`${domain} ${selector}`, { domain, message, at: Date.now() });
	unlinkSync(path);
}

async function answersOf(message: Buffer, receivers: readonly Receiver[]): Promise<Verdict[]> {
	const verdicts = await judgeAtAll(message, receivers);
	return verdicts.filter(({ isAnswered }) => isAnswered);
}

async function lookLate(receivers: readonly Receiver[]): Promise<void> {
	lookedAt = process.uptime() * 1000;
	for (const [key, { domain, message, at }] of kept) {
		const ageHours = (Date.now() - at) / HOUR_MS;
		if (ageHours > Number(lateHours)) {
			kept.delete(key);
			continue;
		}
		const answered = await answersOf(message, receivers);
		const shown = answered.find(({ reason }) => reason !== null) ?? answered[0];
		if (shown !== undefined)
			say({ domain, selector: shown.selector ?? "", ageHours: Math.round(ageHours), reason: shown.reason });
	}
}

function say(line: Arrival | LateLook): void {
	writeSync(1, `${JSON.stringify(line)}\n`);
}
