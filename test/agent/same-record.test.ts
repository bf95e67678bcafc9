import { describe, expect, it } from "vitest";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { newHalf, policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const NAMES = ["a.example", "b.example"] as const;
const TARGET = "kt2.keys.example.net";
const policy = policyOf({
	publishAheadMs: 0,
	schedule: scheduleOf("0 3 1 6 *"),
	selector: { kind: "ring", names: ["kt1", "kt2", "kt3"] },
	verify: { ...policyOf().verify, soakMs: 0 },
	retire: { ...policyOf().retire, adopted: true },
});

/** Two domains that share a key file, whose names of a ring are aliases of the same records; both sign with kt2. */
async function sharedWorld(tombstoneMs: number): Promise<AgentWorld> {
	const retire = { ...policy.retire, tombstoneMs };
	const world = new AgentWorld(NAMES.map((domain) => ({ ...policy, domain, retire })));
	for (const domain of NAMES)
		for (const selector of ["kt1", "kt2", "kt3"])
			world.aliases.set(`${selector}._domainkey.${domain}`, `${selector}.keys.example.net`);
	world.shareKey(NAMES, "kt1");
	await world.wish(NAMES);
	await world.advance(10 * MINUTE_MS);
	for (const domain of NAMES) expect(await world.states(domain)).toMatchObject({ kt2: "active" });
	return world;
}

describe("a record that names of two domains lead to", () => {
	it.each([
		["removed", 0, []],
		["kept empty for a while", 2 * DAY_MS, [expect.stringMatching(/;p=$/)]],
	] as const)("stays for the other when one leaves, and is %s with the last", async (_, tombstoneMs, end) => {
		const world = await sharedWorld(tombstoneMs);
		const value = keyOf(await world.state("b.example"), "kt2")?.record.value;
		await world.ask({ kind: "remove", domains: ["a.example"] }, "w2");
		await world.advance(20 * DAY_MS);
		expect(await world.states("a.example")).toMatchObject({ kt2: "retired" });
		expect(await world.states("b.example")).toMatchObject({ kt2: "active" });
		expect(world.zone.get(TARGET)).toEqual([value]);
		expect(
			world.events.find(({ event, selector }) => event === "retired" && selector === "kt2"),
		).toMatchObject({
			domains: ["a.example"],
			summary: "a.example: kt2 is retired; its record stays for b.example",
		});
		await world.ask({ kind: "remove", domains: ["b.example"] }, "w3");
		await world.advance(15 * DAY_MS);
		expect(world.zone.get(TARGET)).toEqual(end);
		await world.advance(3 * DAY_MS);
		expect(await world.states("b.example")).toMatchObject({ kt2: "retired" });
		expect(world.zone.get(TARGET)).toEqual([]);
	});

	it.each([0, 2 * DAY_MS])(
		"goes once where both give it up at one time (tombstone %i)",
		async (tombstoneMs) => {
			const world = await sharedWorld(tombstoneMs);
			await world.ask({ kind: "remove", domains: NAMES }, "w2");
			await world.advance(20 * DAY_MS);
			for (const domain of NAMES) expect(await world.states(domain)).toMatchObject({ kt2: "retired" });
			expect(world.zone.get(TARGET)).toEqual([]);
			expect(world.changes.filter(({ kind, name }) => kind === "remove" && name === TARGET)).toHaveLength(1);
		},
	);

	it("stays while the state of a domain cannot be read, and says so", async () => {
		const world = await sharedWorld(0);
		await world.ask({ kind: "remove", domains: ["a.example"] }, "w2");
		await world.advance(DAY_MS);
		await world.damage("domains/b.example");
		await world.advance(14 * DAY_MS);
		expect(await world.states("a.example")).toMatchObject({ kt2: "retiring" });
		expect(world.zone.get(TARGET)).toHaveLength(1);
		const { domains } = await world.tick();
		expect(domains.find(({ domain }) => domain === "a.example")?.waits).toContainEqual(
			expect.objectContaining({
				selector: "kt2",
				reason: expect.stringContaining("whether b.example needs its record too cannot be told"),
			}),
		);
	});

	it("is emptied for both when the key is compromised", async () => {
		const world = await sharedWorld(0);
		await world.ask(
			{
				kind: "revoke",
				domains: ["a.example"],
				selector: "kt2",
				unsigned: true,
				useStandby: false,
				noSoak: true,
			},
			"w2",
		);
		await world.advance(DAY_MS);
		for (const domain of NAMES) expect(await world.states(domain)).toMatchObject({ kt2: "revoked" });
		expect(world.zone.get(TARGET)).toEqual([expect.stringMatching(/;p=$/)]);
		await world.advance(40 * DAY_MS);
		for (const domain of NAMES) expect(await world.states(domain)).toMatchObject({ kt2: "retired" });
		expect(world.zone.get(TARGET)).toEqual([]);
	});
});

describe("a compromised key of two domains that do not turn together, with one record", () => {
	const shared = "kt1.keys.example.net";
	const asked = {
		kind: "revoke",
		selector: "kt1",
		unsigned: false,
		useStandby: false,
		noSoak: true,
	} as const;

	/** The next key of the second is not served yet. */
	async function revokedWorld(): Promise<AgentWorld> {
		const world = new AgentWorld(NAMES.map((domain) => ({ ...policy, domain })));
		const { publicKey } = newHalf();
		for (const domain of NAMES) {
			world.signWith(domain, "kt1", publicKey);
			world.aliases.set(`kt1._domainkey.${domain}`, shared);
		}
		await world.tick();
		const value = keyOf(await world.state("a.example"), "kt1")?.record.value ?? "";
		world.zone.set(shared, [value]);
		world.report = (selector, domain) => ({
			verdict: domain === "b.example" && selector !== "kt1" ? "absent" : "right",
			servers: [],
			resolvers: [],
		});
		await world.ask({ ...asked, domains: ["a.example"] });
		await world.advance(30 * MINUTE_MS);
		return world;
	}

	it("is emptied once both sign with others, and until then that is told", async () => {
		const world = await revokedWorld();
		expect(await world.states("a.example")).toMatchObject({ kt1: "retiring", kt2: "active" });
		expect(await world.states("b.example")).toMatchObject({ kt1: "active", kt2: "published" });
		expect(world.zone.get(shared)).toEqual([expect.not.stringMatching(/;p=$/)]);
		expect(world.events.find(({ event }) => event === "retire_failed")).toMatchObject({
			severity: "critical",
			domains: ["a.example"],
			detail:
				"a.example: mail of b.example is still signed with the key of kt1, whose record is kt1.keys.example.net, too",
			hint: expect.stringContaining("--unsigned"),
		});
		world.report = null;
		await world.advance(2 * HOUR_MS);
		for (const domain of NAMES) expect(await world.states(domain)).toMatchObject({ kt1: "revoked" });
		expect(world.zone.get(shared)).toEqual([expect.stringMatching(/;p=$/)]);
		expect(world.told("retire_failed").at(-1)).toBe("end");
	});
});

describe("a key of a configured domain", () => {
	const host = { ...policy, domain: "host.example", retire: { ...policy.retire, graceMs: 2 * DAY_MS } };

	/** Its file signs for another domain, too, whose name is an alias of its record, and which keyturn.yaml does not name. */
	async function turnedWorld(): Promise<AgentWorld> {
		const world = new AgentWorld([host]);
		const publicKey = world.lines[0]?.publicKey ?? "";
		world.signWith("customer.example", "202610", publicKey);
		world.aliases.set("202610._domainkey.customer.example", "202610._domainkey.host.example");
		await world.tick();
		await world.wish(["host.example"]);
		await world.advance(10 * MINUTE_MS);
		return world;
	}

	it("keeps its record while a line of another domain signs with it, says so, and for grace from when that is gone", async () => {
		const world = await turnedWorld();
		await world.advance(5 * DAY_MS);
		expect(await world.states("host.example")).toMatchObject({ "202610": "retiring", kt1: "active" });
		expect(world.events.find(({ event }) => event === "retire_failed")).toMatchObject({
			detail: "main signs for customer.example with it too; its record stays until that is gone",
			hint: expect.stringContaining("keyturn.yaml"),
		});
		world.lines.splice(0, Infinity, ...world.lines.filter(({ domain }) => domain === "host.example"));
		await world.advance(2 * DAY_MS);
		expect(await world.states("host.example")).toMatchObject({ "202610": "retiring" });
		await world.advance(2 * DAY_MS);
		expect(await world.states("host.example")).toMatchObject({ "202610": "retired" });
		expect(world.told("retire_failed").at(-1)).toBe("end");
	});

	it("is left to that domain once keyturn.yaml names it", async () => {
		const world = await turnedWorld();
		await world.advance(5 * DAY_MS);
		world.restart([host, { ...host, domain: "customer.example" }]);
		await world.advance(5 * DAY_MS);
		expect(await world.states("host.example")).toMatchObject({ "202610": "retired" });
		expect(await world.states("customer.example")).toMatchObject({ "202610": "active" });
		expect(world.events.find(({ event }) => event === "retired")).toMatchObject({
			summary: "host.example: 202610 is retired; its record stays for customer.example",
		});
	});

	it("that is compromised is emptied all the same, and that is told", async () => {
		const world = await turnedWorld();
		const asked = { unsigned: false, useStandby: false, noSoak: true };
		await world.ask({ kind: "revoke", domains: ["host.example"], selector: "202610", ...asked }, "w2");
		await world.advance(MINUTE_MS);
		expect(await world.states("host.example")).toMatchObject({ "202610": "revoked" });
		expect(world.events.find(({ event }) => event === "revoked")).toMatchObject({
			detail: expect.stringContaining("main signs for customer.example with it too"),
			hint: expect.stringContaining("give it another"),
		});
	});
});
