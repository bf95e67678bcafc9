/** A slice of what may happen in the middle of a turn: the agent or the door killed, the plug pulled, at random moments. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentHost, KEY_TABLE, upAgentHost } from "./host/agent-host.ts";
import { type Judgement, judgeMail, type MailRun, startMail } from "./host/mail-run.ts";

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
			const isHit = await killedTurn(victim, random() * TURN_MS[swap], `kill ${index + 1} of ${victim}`);
			if (isHit) hits += 1;
		}
		expect(hits).toBeGreaterThanOrEqual(KILLS_EACH / 3);
		expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
		expect((await host.keyturn("verify")).code).toBe(0);
		await run.accepted(20);
		expectUnhurt(await judgementOf([run]));
	});
});

test(`the plug pulled at ${CUTS} moments of a turn by restart`, async () => {
	await host.configure({ swap: "restart" });
	const runs: MailRun[] = [];
	for (let index = 0; index < CUTS; index += 1) {
		const run = startMail(host, { connections: "short", perSecond: RATE });
		runs.push(run);
		await run.accepted(20);
		const before = await turnUntil(random() * TURN_MS.restart, async () => host.cut());
		await run.stop();
		await host.boot();
		await isWell(before, `cut ${index + 1}`);
	}
	expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
	expect((await host.keyturn("verify")).code).toBe(0);
	const last = startMail(host, { connections: "short" });
	await last.accepted(100);
	expectUnhurt(await judgementOf([...runs, last]));
});

test("with agent and door dead in the middle of the pause, the services come back by themselves", async () => {
	await host.configure({ swap: "restart" });
	const run = startMail(host, { connections: "short", perSecond: RATE });
	await run.accepted(20);
	const before = await host.selectors();
	const turn = host.start(["keyturn", "rotate", "--now"]);
	turn.stdin.end();
	await host.eventually("OpenDKIM is being stopped", async () => !(await isActive("opendkim")));
	expect(await kill("main")).toBe(true);
	expect(await kill("door")).toBe(true);
	expect(await isActive("postfix@-")).toBe(false);
	await host.eventually("OpenDKIM and Postfix run", async () => runsAgain(), 240);
	await run.accepted(20);
	await isWell(before, "after the dead man's switch");
	expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
	expectUnhurt(await judgementOf([run]));
});

/** Begins a turn, kills one of its processes after a while, and has one tick put things right; whether it was there. */
async function killedTurn(victim: "door" | "main", afterMs: number, what: string): Promise<boolean> {
	let isHit = false;
	const before = await turnUntil(afterMs, async () => {
		isHit = await kill(victim);
	});
	await isWell(before, what);
	return isHit;
}

/** Answers the selectors before it. */
async function turnUntil(
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

/** After one tick: services run, and all domains sign with the old key or all with the new one. */
async function isWell(before: Readonly<Record<string, string>>, what: string): Promise<void> {
	await host.eventually(
		`${what}: a tick is done`,
		async () => (await host.keyturn("rotate")).code !== 75,
		120,
	);
	await host.eventually(`${what}: the services run`, runsAgain);
	const selectors = await host.selectors();
	const old = host.domains.filter((domain) => selectors[domain] === before[domain]);
	expect(Object.keys(selectors), `${what}: ${await host.read(KEY_TABLE)}`).toHaveLength(host.domains.length);
	expect([0, host.domains.length], `${what}: ${JSON.stringify(selectors)}`).toContain(old.length);
}

/** By process id; in the host there is nobody's else. Whether there was one. */
async function kill(program: "door" | "main"): Promise<boolean> {
	const { stdout } = await host.in([
		"sh",
		"-c",
		`for pid in $(pgrep -f '^[^ ]*node .*dist/src/${program}[.]js'); do kill -KILL $pid && echo $pid; done`,
	]);
	return stdout !== "";
}

async function isActive(unit: string): Promise<boolean> {
	return (await host.in(["systemctl", "is-active", "--quiet", unit])).code === 0;
}

async function runsAgain(): Promise<boolean> {
	return (await isActive("opendkim")) && (await isActive("postfix@-"));
}

async function judgementOf(runs: readonly MailRun[]): Promise<Judgement> {
	for (const run of runs) await run.stop();
	return judgeMail(host, runs);
}

function expectUnhurt(judgement: Judgement): void {
	expect(judgement).toMatchObject({ unsigned: 0, invalid: {}, lost: 0, rejected: 0 });
	expect(judgement.accepted).toBeGreaterThanOrEqual(100);
}

/** mulberry32: the same moments for the same seed. */
function randomFrom(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
	};
}
