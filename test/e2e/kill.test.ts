/** A slice of what may happen in the middle of a turn: the agent or the door killed at random moments. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentHost, upAgentHost } from "./host/agent-host.ts";
import { expectUnhurt, isWell, judgementOf, randomFrom, turnUntil } from "./host/interruption.ts";
import { startMail } from "./host/mail-run.ts";
import { kill } from "./host/processes.ts";

const SEED = Number(process.env["KEYTURN_SEED"] ?? 20_261_122);
const KILLS_EACH = 15;
/** Messages a second: each is verified afterwards. */
const RATE = 10;
/** About as long as a turn takes, in each mode. */
const TURN_MS = { reload: 5_000, restart: 7_000 } as const;
const random = randomFrom(SEED);
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" });
	await host.script("systemctl enable -q keyturn-recover.service");
	await host.keyturn("rotate");
});
afterAll(async () => host.down());

describe.each(["reload", "restart"] as const)(`killed in a turn by %s (seed ${SEED})`, (swap) => {
	test(`at ${KILLS_EACH} moments: afterwards all runs, with the old keys or the new`, async () => {
		await host.configure({ swap });
		const run = startMail(host, { connections: "short", perSecond: RATE, atMost: 20_000 });
		await run.accepted(20);
		let hits = 0;
		for (let index = 0; index < KILLS_EACH; index += 1) {
			const victim = index % 2 === 0 ? "door" : "main";
			const isHit = await killedTurn(swap, victim, `kill ${index + 1} of ${victim}`);
			if (isHit) hits += 1;
		}
		expect(hits).toBeGreaterThanOrEqual(KILLS_EACH / 3);
		expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
		expect((await host.keyturn("verify")).code).toBe(0);
		await run.accepted(20);
		expectUnhurt(await judgementOf(host, [run]));
	});
});

/** Begins a turn, kills one of its processes after a while, and has one tick put things right; whether it was there. */
async function killedTurn(
	swap: keyof typeof TURN_MS,
	victim: "door" | "main",
	what: string,
): Promise<boolean> {
	let isHit = false;
	const before = await turnUntil(host, random() * TURN_MS[swap], async () => {
		isHit = await kill(host, victim);
	});
	await isWell(host, before, what, { isTogether: swap === "restart" });
	return isHit;
}
