import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { newHalf, policyOf } from "../fakes/policies.ts";

const DAY_MS = 86_400_000;
const policy = policyOf({
	publishAheadMs: 0,
	selector: { kind: "ring", names: ["kt1", "kt2"] },
	verify: { ...policyOf().verify, soakMs: 0 },
	retire: { ...policyOf().retire, adopted: true },
});

async function ringWorld(changes: Partial<typeof policy> = {}): Promise<AgentWorld> {
	const world = new AgentWorld([{ ...policy, ...changes }]);
	world.signWith("example.com", "kt1");
	await world.tick();
	return world;
}

describe("a ring of selectors", () => {
	it("uses each name again for a new key, once the one before is gone for everybody", async () => {
		const world = await ringWorld();
		const first = keyOf(await world.state(), "kt1")?.publicKey;
		await world.advance(10 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "retiring", kt2: "active" });
		await world.advance(31 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "active", kt2: "retiring" });
		expect(keyOf(await world.state(), "kt1")?.publicKey).not.toBe(first);
		// The file of a key that was in use before ours is not ours to drop.
		const dropped = () =>
			world.doorRequests.flatMap((request) =>
				request.act === "drop" ? request.keys.map(({ selector }) => selector) : [],
			);
		expect(dropped()).toEqual([]);
		await world.advance(31 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "retiring", kt2: "active" });
		expect(dropped()).toEqual(["kt2"]);
	});

	it("gives no name again while a clock that was set on is in doubt, by which the key before is long gone", async () => {
		const world = await ringWorld({ retire: { ...policy.retire, graceMs: 7 * DAY_MS } });
		await world.advance(19 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "retired", kt2: "active" });
		world.at = new Date(world.at.getTime() + 40 * DAY_MS);
		await world.tick();
		expect(world.told("clock_suspect")).toEqual(["start"]);
		expect(await world.states()).toEqual({ kt1: "retired", kt2: "active" });
		const { domains } = await world.tick();
		expect(domains[0]?.waits.map(({ reason }) => reason).join()).toMatch(
			/no name of the ring is free: kt1: free again on .*; kt2: active/,
		);
		await world.advance(9 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "active", kt2: "retiring" });
	});

	describe("with a name whose key file the door will not delete", () => {
		const needed = (world: AgentWorld, selector: string): void => {
			const why = { gone: false, reason: `/keys/${selector}.private: openarc reads it` };
			world.refuse = (request) =>
				request.act === "drop"
					? {
							act: "drop",
							keys: request.keys.map((key) => ({
								...key,
								...(key.selector === selector ? why : { gone: true, reason: null }),
							})),
						}
					: null;
		};

		const three = {
			selector: { kind: "ring", names: ["kt1", "kt2", "kt3"] },
			retire: { ...policy.retire, graceMs: 7 * DAY_MS },
		} as const;

		it("takes the next", async () => {
			const world = await ringWorld(three);
			await world.advance(72 * DAY_MS);
			expect(await world.states()).toEqual({ kt1: "active", kt2: "retired", kt3: "retiring" });
			needed(world, "kt2");
			await world.advance(28 * DAY_MS);
			expect(await world.states()).toEqual({ kt1: "retiring", kt2: "retired", kt3: "active" });
			expect(world.told("publish_failed")).toEqual([]);
		});

		it("says so where it has no other, and goes on once the file may go", async () => {
			const world = await ringWorld();
			await world.advance(41 * DAY_MS);
			needed(world, "kt2");
			await world.advance(31 * DAY_MS);
			expect(await world.states()).toEqual({ kt1: "active", kt2: "retired" });
			expect(world.told("publish_failed")[0]).toBe("start");
			const told = world.events.find(({ event }) => event === "publish_failed");
			expect(told?.detail).toContain("kt2: its key file stays: /keys/kt2.private: openarc reads it");
			const report = await world.tick();
			expect(report.domains[0]?.waits.map((wait) => wait.reason).join()).toContain("kt2: its key file stays");
			world.refuse = null;
			await world.advance(DAY_MS);
			expect(await world.states()).toEqual({ kt1: "retiring", kt2: "active" });
			expect(world.told("publish_failed").at(-1)).toBe("end");
		});

		it("takes another for all that turn together, whoever's file it is", async () => {
			const names = ["example.com", "example.org"];
			const world = new AgentWorld(names.map((domain) => ({ ...policy, ...three, domain })));
			world.shareKey(names, "kt1");
			await world.tick();
			await world.advance(72 * DAY_MS);
			for (const domain of names)
				expect(await world.states(domain)).toEqual({ kt1: "active", kt2: "retired", kt3: "retiring" });
			world.refuse = (request) =>
				request.act === "drop"
					? {
							act: "drop",
							keys: request.keys.map((key) =>
								key.selector === "kt2" && key.domain === "example.org"
									? { ...key, gone: false, reason: "openarc reads it" }
									: { ...key, gone: true, reason: null },
							),
						}
					: null;
			await world.advance(28 * DAY_MS);
			for (const domain of names)
				expect(await world.states(domain)).toEqual({ kt1: "retiring", kt2: "retired", kt3: "active" });
			expect(world.told("given_up")).toEqual([]);
		});
	});

	it("goes on where the door has lost its papers, and holds the file of a key of ours for somebody else's", async () => {
		const world = await ringWorld();
		await world.advance(41 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "active", kt2: "retiring" });
		const why = {
			gone: false,
			reason: "/keys/kt2.private: keyturn did not make it",
			isForeign: true,
		} as const;
		world.refuse = (request) =>
			request.act === "drop" ? { act: "drop", keys: request.keys.map((key) => ({ ...key, ...why })) } : null;
		await world.advance(31 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "retiring", kt2: "active" });
	});

	it("waits, and names what stands at each of its names, while none is free", async () => {
		const world = await ringWorld({ retire: { ...policy.retire, graceMs: 60 * DAY_MS } });
		await world.advance(45 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "retiring", kt2: "active" });
		const report = await world.tick();
		expect(report.domains[0]?.waits.map((wait) => wait.reason).join()).toContain(
			"no name of the ring is free: kt1: retiring; kt2: active",
		);
		expect(world.told("publish_failed")[0]).toBe("start");
		expect(world.told("key_overdue")).toContain("start");
		const told = world.events.map(({ event }) => event);
		expect(told.indexOf("publish_failed")).toBeLessThan(told.indexOf("key_overdue"));
		world.reconfigure([{ ...policy, selector: { kind: "ring", names: ["kt1", "kt2", "kt3"] } }]);
		await world.advance(DAY_MS);
		expect(await world.states()).toMatchObject({ kt3: "active" });
		expect(world.told("publish_failed").at(-1)).toBe("end");
	});

	it("says how to free the name of a key that it did not make and whose record stays", async () => {
		const world = await ringWorld({ retire: { ...policy.retire, adopted: false } });
		await world.advance(10 * DAY_MS);
		const before = await world.tick();
		expect(before.domains[0]?.waits).toContainEqual(
			expect.objectContaining({
				selector: "kt1",
				reason: expect.stringMatching(/; so does its name in the ring/),
			}),
		);
		await world.advance(31 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "retiring", kt2: "active" });
		const { domains } = await world.tick();
		expect(domains[0]?.waits.map((wait) => wait.reason).join()).toContain(
			"kt1: its record stays, since keyturn did not make it: keyturn retire example.com kt1, or retire.adopted: true; kt2: active",
		);
		await world.ask({ kind: "retire", domains: ["example.com"], selector: "kt1" });
		await world.advance(16 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "active", kt2: "retiring" });
	});

	it("gives a name of one algorithm to a key of the other", async () => {
		const RSA = { algorithm: "rsa", bits: 2048 } as const;
		const names = ["kt1", "kt2", "kt3", "kt4", "kt5"];
		const world = new AgentWorld([
			{ ...policy, selector: { kind: "ring", names }, key: RSA, keys: [RSA, { algorithm: "ed25519" }] },
		]);
		world.signNothing();
		world.signWithBoth("example.com", [
			["r1", rsaPublicKey()],
			["e1", newHalf().publicKey],
		]);
		await world.tick();
		await world.advance(9 * DAY_MS);
		expect(await world.states()).toMatchObject({ kt1: "active", kt2: "active" });
		await world.advance(63 * DAY_MS);
		const { keys } = await world.state();
		const signing = keys.filter(({ state }) => state === "active");
		expect(signing.map(({ selector, algorithm }) => `${selector} ${algorithm}`)).toEqual([
			"kt5 rsa",
			"kt1 ed25519",
		]);
		expect(world.told("state_damaged")).toEqual([]);
		const dropped = world.doorRequests.flatMap((request) => (request.act === "drop" ? request.keys : []));
		expect(dropped.map(({ selector }) => selector)).toEqual(["kt1"]);
	});

	it("is that of the first of those that share a key, for all of them", async () => {
		const names = ["example.com", "example.org"];
		const { selector: template } = policyOf();
		const world = new AgentWorld([
			{ ...policy, domain: "example.com" },
			{ ...policy, domain: "example.org", selector: template },
		]);
		world.shareKey(names, "kt1");
		await world.tick();
		await world.advance(41 * DAY_MS);
		for (const name of names) expect(await world.states(name)).toEqual({ kt1: "active", kt2: "retiring" });
	});

	it("says of which of those that share a key a name is not free", async () => {
		const names = ["example.com", "example.org"];
		const world = new AgentWorld([
			{ ...policy, domain: "example.com" },
			{ ...policy, domain: "example.org", retire: { ...policy.retire, adopted: false } },
		]);
		world.shareKey(names, "kt1");
		await world.tick();
		await world.advance(41 * DAY_MS);
		const { domains } = await world.tick();
		expect(domains[0]?.waits.map((wait) => wait.reason).join()).toMatch(
			/kt1: its record stays, .*: keyturn retire example.org kt1, .* \(example.org\); kt2: active/,
		);
	});
});

function rsaPublicKey(): string {
	const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
	return publicKey.export({ format: "der", type: "spki" }).toString("base64");
}
