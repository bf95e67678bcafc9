/**
 * The plug of a whole mail host pulled at random moments of a turn under mail, booted again, every message verified:
 * `npm run plug-test`. KEYTURN_CUTS says how often in all, KEYTURN_SEED which moments, KEYTURN_FROM with which of each
 * mode to begin (what an earlier run came to), `-t reload` takes one mode only.
 */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, upAgentHost } from "../e2e/host/agent-host.ts";
import { expectUnhurt, isWell, judgementOf, randomFrom, turnUntil } from "../e2e/host/interruption.ts";
import { startMail } from "../e2e/host/mail-run.ts";

const SEED = Number(process.env["KEYTURN_SEED"] ?? 20_261_123);
const CUTS_EACH = Math.ceil(Number(process.env["KEYTURN_CUTS"] ?? 100) / 2);
/** From 1: those before it are passed over. */
const FROM = Number(process.env["KEYTURN_FROM"] ?? 1);
/** Messages a second: each is verified afterwards. */
const RATE = 10;
/** About as long as a turn takes, in each mode, and a little more: a cut just after it counts too. */
const TURN_MS = { reload: 5_000, restart: 7_000 } as const;
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" });
	await host.script("systemctl enable -q keyturn-recover.service");
	await host.keyturn("rotate");
});
afterAll(async () => host.down());

test.each(["reload", "restart"] as const)(`by %s at ${CUTS_EACH} moments (seed ${SEED})`, async (swap) => {
	await host.configure({ swap });
	const random = randomFrom(SEED);
	const sum = { cuts: 0, turned: 0, accepted: 0, arrived: 0, unsigned: 0, invalid: 0, lost: 0 };
	for (let index = 0; index < CUTS_EACH; index += 1) {
		const afterMs = Math.round(random() * TURN_MS[swap]);
		if (index + 1 < FROM) continue;
		const what = `cut ${index + 1} by ${swap}, ${afterMs} ms into the turn`;
		const run = startMail(host, { connections: "short", perSecond: RATE });
		await run.accepted(20);
		const before = await turnUntil(host, afterMs, async () => host.cut());
		await run.stop();
		await host.boot();
		await isWell(host, before, what, { isTogether: swap === "restart" });
		const after = await host.selectors();
		const again = startMail(host, { connections: "short", perSecond: RATE });
		await again.accepted(10);
		const judgement = await judgementOf(host, [run, again]);
		sum.cuts += 1;
		if (JSON.stringify(after) !== JSON.stringify(before)) sum.turned += 1;
		sum.accepted += judgement.accepted;
		sum.arrived += sumOf(judgement.valid) + sumOf(judgement.invalid) + judgement.unsigned;
		sum.unsigned += judgement.unsigned;
		sum.invalid += sumOf(judgement.invalid);
		sum.lost += judgement.lost;
		console.log(`${what}: ${JSON.stringify(sum)}`);
		expect(judgement, what).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0 });
	}
	expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
	expect((await host.keyturn("verify")).code).toBe(0);
	const last = startMail(host, { connections: "short" });
	await last.accepted(100);
	expectUnhurt(await judgementOf(host, [last]));
});

function sumOf(counts: Readonly<Record<string, number>>): number {
	return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
