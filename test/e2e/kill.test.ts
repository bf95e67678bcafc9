/** A slice of what may happen in the middle of a turn: the agent or the door killed, the plug pulled, at random moments. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentHost, upAgentHost } from "./host/agent-host.ts";
import { expectUnhurt, isWell, judgementOf, randomFrom, turnUntil } from "./host/interruption.ts";
import { type MailRun, startMail } from "./host/mail-run.ts";
import { isActive, kill, runsAgain } from "./host/processes.ts";

const SEED = Number(process.env["KEYTURN_SEED"] ?? 20_261_122);
const KILLS_EACH = 15;
const CUTS = 5;
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

test(`the plug pulled at ${CUTS} moments of a turn by restart`, async () => {
	await host.configure({ swap: "restart" });
	const runs: MailRun[] = [];
	for (let index = 0; index < CUTS; index += 1) {
		const run = startMail(host, { connections: "short", perSecond: RATE });
		runs.push(run);
		await run.accepted(20);
		const before = await turnUntil(host, random() * TURN_MS.restart, async () => host.cut());
		await run.stop();
		await host.boot();
		await isWell(host, before, `cut ${index + 1}`);
	}
	expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
	expect((await host.keyturn("verify")).code).toBe(0);
	const last = startMail(host, { connections: "short" });
	await last.accepted(100);
	expectUnhurt(await judgementOf(host, [...runs, last]));
});

test("with agent and door dead in the middle of the pause, the services come back by themselves", async () => {
	await host.configure({ swap: "restart" });
	const run = startMail(host, { connections: "short", perSecond: RATE });
	await run.accepted(20);
	const before = await host.selectors();
	const turn = host.start(["keyturn", "rotate", "--now"]);
	turn.stdin.end();
	await host.eventually("OpenDKIM is being stopped", async () => !(await isActive(host, "opendkim")));
	expect(await kill(host, "main")).toBe(true);
	expect(await kill(host, "door")).toBe(true);
	expect(await isActive(host, "postfix@-")).toBe(false);
	await host.eventually("OpenDKIM and Postfix run", async () => runsAgain(host), 240);
	await run.accepted(20);
	await isWell(host, before, "after the dead man's switch");
	expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
	expectUnhurt(await judgementOf(host, [run]));
});

test("shut down in the middle of the pause and booted again, all runs, with the old keys or the new", async () => {
	await host.configure({ swap: "restart" });
	const run = startMail(host, { connections: "short", perSecond: RATE });
	await run.accepted(20);
	const before = await host.selectors();
	const turn = host.start(["keyturn", "rotate", "--now"]);
	turn.stdin.on("error", () => undefined).end();
	await host.eventually("OpenDKIM is being stopped", async () => !(await isActive(host, "opendkim")));
	await host.shutDown();
	await run.stop();
	await host.boot();
	await isWell(host, before, "after the shutdown");
	expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
	expect((await host.keyturn("verify")).code).toBe(0);
	const last = startMail(host, { connections: "short" });
	await last.accepted(100);
	expectUnhurt(await judgementOf(host, [run, last]));
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
