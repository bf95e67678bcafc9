import { describe, expect, it } from "vitest";
import type { KeySpec } from "../../src/dkim/key-material.ts";
import { checkProvider } from "../../src/agent/check-provider.ts";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { preview } from "../../src/cli/preview.ts";
import { AgentWorld, UNPROVEN } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";

const MINUTE_MS = 60_000;
const signal = new AbortController().signal;
const quick = policyOf({
	publishAheadMs: 0,
	schedule: scheduleOf("0 3 1 6 *"),
	verify: { ...policyOf().verify, soakMs: 0 },
});
const untried = { ...quick, providers: [UNPROVEN] };

function worldOf(): AgentWorld {
	const world = new AgentWorld([untried]);
	world.reconfigure([untried], UNPROVEN);
	return world;
}

/** The key in use was published with another provider, which is configured no more. */
async function movedAfterTurn(): Promise<AgentWorld> {
	const world = new AgentWorld([quick]);
	await world.wish(["example.com"]);
	await world.advance(10 * MINUTE_MS);
	expect(await world.states()).toMatchObject({ "202611": "active" });
	world.reconfigure([untried], UNPROVEN);
	return world;
}

describe("an adapter that was never tried on the real thing", () => {
	it("publishes nothing and has no key made before a check has passed, and says so once", async () => {
		const world = worldOf();
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		expect(world.changes).toEqual([]);
		expect(world.copies).toEqual([]);
		expect(world.told("publish_failed")).toEqual(["start"]);
		const told = world.events.find(({ event }) => event === "publish_failed");
		expect(told?.hint).toContain(`keyturn provider check ${UNPROVEN}`);
	});

	it("is no trouble of a domain any more that is to get no new key", async () => {
		const world = worldOf();
		await world.wish(["example.com"]);
		await world.tick();
		expect(world.told("publish_failed")).toEqual(["start"]);
		await world.ask({ kind: "remove", domains: ["example.com"] }, "w2");
		await world.advance(30 * MINUTE_MS);
		expect(world.told("publish_failed")).toEqual(["start", "end"]);
	});

	it("publishes once a check has passed on the account, and the trouble is over", async () => {
		const world = worldOf();
		await world.wish(["example.com"]);
		await world.tick();
		const asked = { provider: UNPROVEN, zone: null, waitMs: 0, say: () => undefined };
		expect(await world.agent.checkProvider(asked, signal)).toMatchObject({ outcome: "passed" });
		await world.advance(90 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("publish_failed")).toEqual(["start", "end"]);
	});

	it("is held by a check that did not pass", async () => {
		const world = worldOf();
		world.verdict = (selector) => (selector.startsWith("keyturn-check") ? "absent" : "right");
		const asked = { provider: UNPROVEN, zone: null, waitMs: 0, say: () => undefined };
		expect(await world.agent.checkProvider(asked, signal)).toMatchObject({ outcome: "waiting" });
		await world.wish(["example.com"]);
		await world.advance(90 * MINUTE_MS);
		expect(world.changes.filter(({ name }) => name.startsWith("2026"))).toEqual([]);
		expect(world.told("publish_failed")).toEqual(["start"]);
	});

	it.each([
		["at first", 0],
		["after one that passed", 1],
	])(
		"is held by a check whose record could not be removed, %s: nor could that of a key",
		async (_, passes) => {
			const world = worldOf();
			const asked = { provider: UNPROVEN, zone: null, waitMs: 0, say: () => undefined };
			for (let pass = 0; pass < passes; pass += 1)
				expect(await world.agent.checkProvider(asked, signal)).toMatchObject({ outcome: "passed" });
			world.change = (change) =>
				change.kind === "remove"
					? { kind: "refused", denied: false, why: "no such record", hint: null }
					: { kind: "done" };
			const report = await world.agent.checkProvider(asked, signal);
			expect(report).toMatchObject({ outcome: "waiting", left: [report.name], visibleAfterSeconds: 0 });
			expect(report.problem).toContain(`${report.name} could not be removed: no such record`);
			world.change = null;
			const before = world.changes.length;
			await world.wish(["example.com"]);
			await world.advance(90 * MINUTE_MS);
			expect(world.changes.slice(before)).toEqual([]);
			expect(world.told("publish_failed")).toEqual(["start"]);
		},
	);

	it("empties no record of a key before a check has passed", async () => {
		const world = await movedAfterTurn();
		const wish = { domains: ["example.com"], noSoak: false, unsigned: false, useStandby: false };
		await world.ask({ ...wish, kind: "revoke", selector: "202610" }, "w2");
		const before = world.changes.length;
		await world.advance(30 * MINUTE_MS);
		expect(world.changes.slice(before)).toEqual([]);
		const told = world.events.find(({ event }) => event === "retire_failed");
		expect(told?.hint).toContain(`keyturn provider check ${UNPROVEN}`);
	});

	it("puts back no record that has gone before a check has passed", async () => {
		const world = await movedAfterTurn();
		world.zone.clear();
		world.verdict = () => "absent";
		const before = world.changes.length;
		await world.advance(26 * 60 * MINUTE_MS);
		expect(world.changes.slice(before)).toEqual([]);
		expect(world.looks).toContain("202611");
	});

	it("is told by --dry-run", async () => {
		const world = worldOf();
		await world.tick();
		const { workbench } = commandBench(world);
		const { lines } = await preview(workbench, [untried], { now: true, stays: false, signal });
		expect(lines.join("\n")).toContain(`but not now: ${UNPROVEN}: nothing is published through it before`);
	});
});

describe("a provider whose limit is below the record of the next key", () => {
	const long = { ...quick, key: { algorithm: "rsa", bits: 8192 } as const };

	it("is told before a key is made", async () => {
		const world = new AgentWorld([{ ...long, record: { ...quick.record, notes: "n".repeat(3000) } }]);
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		expect(world.copies).toEqual([]);
		const told = world.events.find(({ event }) => event === "publish_failed");
		expect(told?.detail).toMatch(/has 44\d\d octets, and home takes 4096 at most/);
	});

	/** An Ed25519 key fits beside these notes, and an RSA key does not. */
	const full = { ...quick.record, notes: "n".repeat(3690) };
	const rsa = { algorithm: "rsa", bits: 2048 } as const;
	const ed25519 = { algorithm: "ed25519" } as const;

	async function turnedTogether(first: KeySpec, second: KeySpec): Promise<AgentWorld> {
		const world = new AgentWorld([
			{ ...quick, domain: "b.example", key: first },
			{ ...quick, domain: "a.example", key: second, record: full },
		]);
		world.shareKey(["b.example", "a.example"]);
		await world.wish(["a.example"]);
		await world.advance(30 * MINUTE_MS);
		return world;
	}

	it("is held against the key that domains turn to together", async () => {
		const world = await turnedTogether(ed25519, rsa);
		expect(world.told("publish_failed")).toEqual([]);
		expect(await world.states("a.example")).toMatchObject({ "202611": "active" });
	});

	it("is told though a key of the domain's own setting would fit", async () => {
		const world = await turnedTogether(rsa, ed25519);
		expect(world.told("publish_failed")).toEqual(["start"]);
		const told = world.events.find(({ event }) => event === "publish_failed");
		expect(told?.detail).toMatch(/^a.example: the record of its next key has 41\d\d octets/);
		expect(keyOf(await world.state("a.example"), "202611")).toBeNull();
	});
});

describe("a check of a provider", () => {
	it.each([
		[
			"that is gone within the wait",
			20,
			{ outcome: "passed", left: [] as string[], warnings: [] as string[] },
		],
		["that is not", 40, { outcome: "waiting", left: [expect.any(String)], warnings: [expect.any(String)] }],
	])("waits for a record that only DNS shows to go: one %s", async (_, minutes, expected) => {
		const world = new AgentWorld([quick]);
		const home = world.ports.providers.get("home");
		if (home === undefined) throw new Error("the world has no provider");
		const clock = createSleepingClock();
		let toldAtMs: number | null = null;
		world.change = (change) => {
			if (change.kind !== "remove") return { kind: "done" };
			toldAtMs ??= clock.uptimeMs();
			if (clock.uptimeMs() - toldAtMs >= minutes * MINUTE_MS) return { kind: "done" };
			return { kind: "unknown", why: "DNS still shows it", isAwaited: true };
		};
		const ports = {
			...world.ports,
			clock: { ...clock, deadline: () => AbortSignal.abort() },
			providers: new Map([["home", { ...home, readsBack: "dns" as const }]]),
		};
		const settings = { host: "mx1", policies: [quick], signers: [], providers: [] };
		const said: string[] = [];
		const say = (words: string): void => void said.push(words);
		const check = { provider: "home", zone: null, waitMs: 30 * MINUTE_MS, say };
		expect(await checkProvider({ ports, settings }, check, signal)).toMatchObject(expected);
		expect(said.slice(-2)).toEqual([
			expect.stringMatching(/^removing keyturn-check-/),
			"waiting for every name server to serve it no more",
		]);
	});

	const listed = (domain: string, address: string) =>
		policyOf({ domain, verify: { ...quick.verify, nameservers: [{ address, port: 53 }] } });
	const one = listed("example.com", "192.0.2.1");
	const other = listed("mail.example.org", "192.0.2.2");

	it.each([
		["example.com", [one, other], one.verify.nameservers],
		["example.org", [one, other], other.verify.nameservers],
		["_domainkey.mail.example.org", [one, other], other.verify.nameservers],
		["example.net", [one, other], "auto"],
		["example.net", [one, { ...other, verify: one.verify }], one.verify.nameservers],
	])("asks the name servers that stand for %s", async (zone, policies, nameservers) => {
		const world = new AgentWorld(policies);
		const asked: unknown[] = [];
		const { propagation } = world.ports;
		const ports = {
			...world.ports,
			propagation: {
				...propagation,
				vacancy: async (...[domain, selector, verify, given]: Parameters<typeof propagation.vacancy>) => {
					asked.push(verify.nameservers);
					return propagation.vacancy(domain, selector, verify, given);
				},
			},
		};
		const settings = { host: "mx1", policies, signers: [], providers: [] };
		const check = { provider: "home", zone, waitMs: 0, say: () => undefined };
		await checkProvider({ ports, settings }, check, signal);
		expect(asked).toEqual([nameservers]);
	});
});
