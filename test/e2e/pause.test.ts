/** What may happen in the pause of a turn by restart: the plug pulled, agent and door dead, the host shut down. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, upAgentHost } from "./host/agent-host.ts";
import { expectUnhurt, isWell, judgementOf, randomFrom, turnUntil } from "./host/interruption.ts";
import { type MailRun, startMail } from "./host/mail-run.ts";
import { isActive, kill, runsAgain } from "./host/processes.ts";

const SEED = Number(process.env["KEYTURN_SEED"] ?? 20_261_122);
const CUTS = 5;
/** Messages a second: each is verified afterwards. */
const RATE = 10;
/** About as long as a turn takes. */
const TURN_MS = 7_000;
const random = randomFrom(SEED);
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "restart" });
	await host.script("systemctl enable -q keyturn-recover.service");
	await host.keyturn("rotate");
});
afterAll(async () => host.down());

test(`the plug pulled at ${CUTS} moments of a turn by restart`, async () => {
	const runs: MailRun[] = [];
	for (let index = 0; index < CUTS; index += 1) {
		const run = startMail(host, { connections: "short", perSecond: RATE });
		runs.push(run);
		await run.accepted(20);
		const before = await turnUntil(host, random() * TURN_MS, async () => host.cut());
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
