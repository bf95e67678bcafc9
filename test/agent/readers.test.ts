import { describe, expect, it } from "vitest";
import type { OtherReader } from "../../src/ports/door.ts";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { outlook } from "../../src/report/outlook.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { newHalf, policyOf } from "../fakes/policies.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const policy = policyOf({
	publishAheadMs: 0,
	verify: { ...policyOf().verify, soakMs: 0 },
	retire: { ...policyOf().retire, graceMs: 2 * DAY_MS, adopted: true },
});
const amavis: OtherReader = {
	program: "amavis",
	where: "/etc/amavis/conf.d/50-user line 12",
	domain: "example.com",
	selector: "202610",
	keyPath: "/keys/old",
	publicKey: null,
	problem: null,
};

/** 202610 was turned, and its grace is over in two days. */
async function turnedWorld(changes: Partial<typeof policy> = {}): Promise<AgentWorld> {
	const world = new AgentWorld([{ ...policy, ...changes }]);
	await world.tick();
	await world.wish(["example.com"], "turn");
	await world.advance(60_000);
	return world;
}

async function reasons(world: AgentWorld): Promise<string> {
	const planned = outlook(await world.state(), policy, { now: world.at, steadySince: null });
	if (planned.kind !== "wait") throw new Error(planned.step.kind);
	return planned.waits.flatMap((wait) => (wait.selector === "202610" ? [wait.reason] : [])).join();
}

function askRevoke(world: AgentWorld, selector: string): Promise<void> {
	return world.ask({
		kind: "revoke",
		domains: ["example.com"],
		selector,
		noSoak: false,
		unsigned: false,
		useStandby: false,
	});
}

describe("a key that something else uses", () => {
	it("is known to be used while it signs still, and forgotten to be without a trace", async () => {
		const world = new AgentWorld([policy]);
		world.otherReaders = [amavis];
		await world.tick();
		expect(keyOf(await world.state(), "202610")).toMatchObject({ state: "active", usedBy: ["amavis"] });
		world.otherReaders = [];
		await world.advance(2 * HOUR_MS);
		const key = keyOf(await world.state(), "202610");
		expect(key).toMatchObject({ state: "active", uses: [{ signer: "main" }] });
		expect(key).not.toHaveProperty("usedBy");
	});

	it("keeps its record, status says who and where, and it goes once that is gone", async () => {
		const world = await turnedWorld();
		world.otherReaders = [amavis];
		await world.advance(5 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		expect(await reasons(world)).toBe(
			"amavis uses it too (/etc/amavis/conf.d/50-user line 12); its record stays until that is gone",
		);
		expect(world.told("retire_failed").slice(0, 1)).toEqual(["start"]);
		expect(world.events.find(({ event }) => event === "retire_failed")).toMatchObject({
			severity: "warning",
			selector: "202610",
			detail: expect.stringContaining("amavis uses it too"),
		});
		world.otherReaders = [];
		await world.advance(2 * HOUR_MS);
		expect(world.told("retire_failed").at(-1)).toBe("end");
		// It may have signed until then.
		await world.advance(policy.retire.graceMs - 2 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		expect(await reasons(world)).toContain("(grace)");
		await world.advance(2 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202610": "retired" });
	});

	it("that was taken from it before its record was to go keeps it for grace from when that was seen", async () => {
		const world = await turnedWorld();
		world.otherReaders = [amavis];
		await world.advance(2 * HOUR_MS);
		world.pass(3 * DAY_MS);
		world.otherReaders = [];
		await world.advance(2 * DAY_MS - 2 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		await world.advance(4 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202610": "retired" });
	});

	it("that was taken from it early keeps it no longer than grace from then", async () => {
		const world = await turnedWorld();
		world.otherReaders = [amavis];
		await world.advance(DAY_MS);
		world.otherReaders = [];
		await world.advance(policy.retire.graceMs + 8 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202610": "retired" });
		expect(world.told("retire_failed")).toEqual([]);
	});

	it("that a line which is left alone names keeps it for grace from when that line is seen gone", async () => {
		const world = await turnedWorld();
		const publicKey = keyOf(await world.state(), "202610")?.publicKey ?? "";
		world.signWithBoth("example.com", [["202610", publicKey]]);
		const line = world.lines.findIndex(({ selector }) => selector === "202610");
		world.lines[line] = { ...world.lines[line]!, problem: "a narrower pattern" };
		await world.advance(4 * DAY_MS);
		expect(world.events.find(({ event }) => event === "retire_failed")).toMatchObject({
			detail: expect.stringContaining("still named by the signer's tables"),
		});
		world.lines.splice(line, 1);
		await world.advance(policy.retire.graceMs + DAY_MS - HOUR_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		expect(await reasons(world)).toContain("(grace)");
		await world.advance(3 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202610": "retired" });
	});

	it.each([
		["the same name", { keyPath: null }, "retiring"],
		["the same selector of any domain", { domain: null }, "retiring"],
		["another selector", { selector: "arc" }, "retired"],
		["another domain", { domain: "example.net" }, "retired"],
		["no name, and another key", { domain: null, publicKey: newHalf().publicKey }, "retired"],
		["no name and no key that can be read", { domain: null, selector: null }, "retired"],
	] as const)("is one with %s", async (_, changes, state) => {
		const world = await turnedWorld();
		world.otherReaders = [{ ...amavis, ...changes }];
		await world.advance(5 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": state });
	});

	it("is known by the key itself where no name stands beside it", async () => {
		const world = await turnedWorld();
		const publicKey = keyOf(await world.state(), "202610")?.publicKey ?? "";
		world.otherReaders = [{ ...amavis, domain: null, selector: null, publicKey }];
		await world.advance(5 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
	});

	it("is known by the key itself where another domain is signed for with it", async () => {
		const world = await turnedWorld();
		const publicKey = keyOf(await world.state(), "202610")?.publicKey ?? "";
		world.otherReaders = [{ ...amavis, domain: "customer.example", publicKey }];
		await world.advance(5 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		expect(await reasons(world)).toContain("amavis uses it too");
	});

	it("is not emptied for a tombstone, but when it is compromised, and then that is told", async () => {
		const world = await turnedWorld({ retire: { ...policy.retire, tombstoneMs: DAY_MS } });
		world.otherReaders = [amavis];
		await world.advance(5 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		await askRevoke(world, "202610");
		await world.advance(60_000);
		expect(await world.states()).toMatchObject({ "202610": "revoked" });
		expect(world.events.find(({ event }) => event === "revoked")).toMatchObject({
			detail: expect.stringContaining("amavis uses it too (/etc/amavis/conf.d/50-user line 12)"),
			hint: expect.stringContaining("give it another"),
		});
	});

	it("is turned and gone back to all the same", async () => {
		const world = await turnedWorld();
		world.otherReaders = [amavis];
		await world.ask({ kind: "rollback", domains: ["example.com"] });
		await world.advance(60_000);
		expect(await world.states()).toMatchObject({ "202610": "active", "202611": "retiring" });
	});
});

describe("a configuration that cannot be looked into", () => {
	const unclear: OtherReader = {
		...amavis,
		domain: null,
		selector: null,
		keyPath: null,
		problem: "EIO",
	};

	it("holds old records, and says how to have them removed all the same", async () => {
		const world = await turnedWorld();
		world.otherReaders = [unclear];
		await world.advance(5 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		expect(await reasons(world)).toBe(
			"whether amavis uses it cannot be told (/etc/amavis/conf.d/50-user line 12: EIO); keyturn retire example.com 202610 removes its record all the same",
		);
		await world.ask({ kind: "retire", domains: ["example.com"], selector: "202610" });
		await world.advance(60_000);
		expect(await world.states()).toMatchObject({ "202610": "retired" });
	});

	it("is no way around one that says that it uses the key", async () => {
		const world = await turnedWorld();
		world.otherReaders = [unclear, amavis];
		await world.advance(5 * DAY_MS);
		await world.ask({ kind: "retire", domains: ["example.com"], selector: "202610" });
		await world.advance(60_000);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		expect(await reasons(world)).toContain("amavis uses it too");
	});
});
