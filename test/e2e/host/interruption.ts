/** Turns of a booted host that are broken off, and what must be found after them. */

import { expect } from "vitest";
import { type AgentHost, KEY_TABLE } from "./agent-host.ts";
import { type Judgement, judgeMail, type MailRun } from "./mail-run.ts";
import { runsAgain } from "./processes.ts";

/** Answers the selectors before it. */
export async function turnUntil(
	host: AgentHost,
	afterMs: number,
	interrupt: () => Promise<void>,
): Promise<Readonly<Record<string, string>>> {
	const before = await host.selectors();
	const turn = host.start(["keyturn", "rotate", "--now"]);
	turn.stdin.on("error", () => undefined).end();
	turn.stdout.resume();
	turn.stderr.resume();
	await new Promise((resolve) => setTimeout(resolve, afterMs));
	await interrupt();
	return before;
}

/**
 * After one tick: services run, and each domain signs with the old key or the new one; all with the same of them, unless
 * each was on its way by itself, as by reload, where nobody waits for the others.
 */
export async function isWell(
	host: AgentHost,
	before: Readonly<Record<string, string>>,
	what: string,
	{ isTogether }: { readonly isTogether: boolean } = { isTogether: true },
): Promise<void> {
	await host.eventually(
		`${what}: a tick is done`,
		async () => (await host.keyturn("rotate")).code !== 75,
		120,
	);
	await host.eventually(`${what}: the services run`, async () => runsAgain(host));
	const selectors = await host.selectors();
	const old = host.domains.filter((domain) => selectors[domain] === before[domain]);
	expect(Object.keys(selectors), `${what}: ${await host.read(KEY_TABLE)}`).toHaveLength(host.domains.length);
	if (isTogether)
		expect([0, host.domains.length], `${what}: ${JSON.stringify(selectors)}`).toContain(old.length);
	else expect((await host.keyturn("verify")).code, `${what}: ${JSON.stringify(selectors)}`).toBe(0);
}

export async function judgementOf(host: AgentHost, runs: readonly MailRun[]): Promise<Judgement> {
	for (const run of runs) await run.stop();
	return judgeMail(host, runs);
}

export function expectUnhurt(judgement: Judgement): void {
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0 });
	expect(judgement.accepted).toBeGreaterThanOrEqual(100);
}

/** mulberry32: the same moments for the same seed. */
export function randomFrom(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
	};
}
