import { describe, expect, it } from "vitest";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { outlook } from "../../src/report/outlook.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const policy = policyOf({
	publishAheadMs: 0,
	jitterMs: 0,
	verify: { ...policyOf().verify, soakMs: 0 },
	retire: { ...policyOf().retire, graceMs: DAY_MS, adopted: true, publishPrivate: "/srv/keys" },
});
const RETIRED = "202611";

/** 202610 was adopted and is retired; 202611 was made, signed, and is retired since now. */
async function retiredWorld(changes: Partial<typeof policy.retire> = {}): Promise<AgentWorld> {
	const world = new AgentWorld([{ ...policy, retire: { ...policy.retire, ...changes } }]);
	await world.tick();
	await world.wish(["example.com"], "w1");
	await world.advance(MINUTE_MS);
	await world.wish(["example.com"], "w2");
	world.verdict = () => "right";
	for (let hours = 0; (await world.states())[RETIRED] !== "retired"; hours += 1) {
		if (hours > 72) throw new Error("it is never retired");
		await world.advance(HOUR_MS);
	}
	world.verdict = (selector) =>
		world.zone.get(`${selector}._domainkey.example.com`)?.length === 0 ? "absent" : "right";
	return world;
}

describe("the private half of a retired key", () => {
	it("is laid out seven days and the TTL after its record is gone, not before; then its file goes", async () => {
		const world = await retiredWorld();
		await world.advance(7 * DAY_MS);
		expect([...world.shelf]).toEqual([]);
		await world.advance(2 * HOUR_MS);
		expect([...world.shelf]).toEqual([[`/srv/keys/example.com/${RETIRED}`, `PEM of ${RETIRED}`]]);
		const key = keyOf(await world.state(), RETIRED);
		expect(key?.owes).toBeNull();
		expect(Date.parse(key?.disclosedAt ?? "") - Date.parse(key?.since ?? "")).toBeGreaterThanOrEqual(
			7 * DAY_MS + HOUR_MS,
		);
		const drops = world.doorRequests.flatMap((request) => (request.act === "drop" ? [request] : []));
		expect(drops.map(({ keys, reveal }) => [reveal?.[0]?.selector, keys[0]?.selector])).toEqual([
			[RETIRED, undefined],
			[undefined, RETIRED],
		]);
		expect(world.events.filter(({ event }) => event === "retired").at(-1)?.summary).toContain(
			"the private half of 202611 is published",
		);
	});

	it("and its file are asked of the signer that signed with it, whoever signs for the domain since", async () => {
		const world = await retiredWorld();
		world.restart([{ ...policy, signer: "other" }]);
		await world.advance(8 * DAY_MS);
		const drops = world.doorRequests.flatMap((request) =>
			request.act === "drop" ? [...request.keys, ...(request.reveal ?? [])] : [],
		);
		const key = { signer: "main", domain: "example.com", selector: RETIRED };
		expect(drops).toEqual([key, key]);
	});

	it("is announced by status", async () => {
		const world = await retiredWorld();
		const planned = outlook(await world.state(), policy, { now: world.at, steadySince: null });
		expect(planned.kind === "wait" ? planned.waits : planned).toContainEqual({
			selector: RETIRED,
			until: expect.any(Date),
			reason: "its private half is published then (retire.publish_private)",
		});
	});

	it("stays private where nothing is said, and one that was adopted always does", async () => {
		const quiet = await retiredWorld({ publishPrivate: null });
		await quiet.advance(100 * DAY_MS);
		expect([...quiet.shelf]).toEqual([]);
		const world = await retiredWorld();
		await world.advance(100 * DAY_MS);
		expect([...world.shelf.keys()]).toContain(`/srv/keys/example.com/${RETIRED}`);
		expect([...world.shelf.keys()].join()).not.toContain("202610");
	});

	it.each(["right", "wrong", "unknown"] as const)(
		"is not laid out while its record is %s anywhere, nor dropped, and that is told",
		async (verdict) => {
			const world = await retiredWorld();
			const usual = world.verdict;
			world.verdict = (selector) => (selector === RETIRED ? verdict : usual(selector));
			await world.advance(8 * DAY_MS);
			expect([...world.shelf]).toEqual([]);
			const failed = world.events.filter(({ event }) => event === "retire_failed");
			expect(failed[0]?.detail).toContain("its record is not gone everywhere");
			expect(keyOf(await world.state(), RETIRED)?.owes?.act).toBe("drop");
			world.verdict = usual;
			await world.advance(2 * DAY_MS);
			expect(world.shelf.size).toBe(1);
			expect(
				world.events.find(({ event, phase }) => event === "retire_failed" && phase === "end"),
			).toMatchObject({
				selector: RETIRED,
			});
		},
	);

	it("waits where the door does not give it, or the directory cannot be written to", async () => {
		const world = await retiredWorld();
		world.revealRefused = "a live table names a copy of it";
		await world.advance(8 * DAY_MS);
		expect(world.events.find(({ event }) => event === "retire_failed")?.detail).toContain(
			"the private half of 202611 is not given back: a live table names a copy of it",
		);
		world.revealRefused = null;
		world.shelfFails = true;
		await world.advance(2 * DAY_MS);
		expect(keyOf(await world.state(), RETIRED)).toMatchObject({ owes: { act: "drop" } });
		expect(keyOf(await world.state(), RETIRED)?.disclosedAt).toBeUndefined();
	});

	it.each([
		["gone at the alias' end", "absent_name", true],
		["gone there, where a wildcard answers for every name", "wildcard", true],
		["still there at the alias' end", "right", false],
		["not known there", "timeout", false],
	] as const)(
		"behind an alias, whose servers go on passing it on, is laid out once it is %s",
		async (_, outcome, isOut) => {
			const world = await retiredWorld();
			const server = {
				address: "192.0.2.1",
				sentence: "",
				at: world.at.toISOString(),
				serial: 1,
				ttlSeconds: 60,
				signed: null,
			};
			const passesOn = { ...server, server: "ns1", outcome: "right", txtRecords: 0, chunks: [] } as const;
			const atItsEnd = { ...server, server: "ns2", txtRecords: 1, chunks: [] } as const;
			world.report = (selector) => ({
				verdict: selector === RETIRED && outcome !== "right" ? "absent" : "right",
				servers: [passesOn, { ...atItsEnd, outcome: selector === RETIRED ? outcome : "right" }],
				resolvers: [],
			});
			await world.advance(8 * DAY_MS);
			expect(world.shelf.size).toBe(isOut ? 1 : 0);
		},
	);

	/** An administrator gave its key file to another domain, too, under another name. */
	async function copiedWorld(adopted: boolean): Promise<AgentWorld> {
		const world = await retiredWorld();
		const { publicKey = "" } = keyOf(await world.state(), RETIRED) ?? {};
		world.signWith("b.example", "copy", publicKey);
		world.restart([policy, { ...policy, domain: "b.example", retire: { ...policy.retire, adopted } }]);
		await world.advance(HOUR_MS);
		expect(await world.states("b.example")).toEqual({ copy: "active" });
		return world;
	}

	it.each([
		["stands", false, { copy: "retiring" }, 0],
		["is gone", true, { copy: "retired" }, 1],
	] as const)(
		"stays private while a copy signs for another domain, and after its turn if the record there %s",
		async (_, adopted, states, laidOut) => {
			const world = await copiedWorld(adopted);
			await world.advance(8 * DAY_MS);
			expect([...world.shelf.keys()].join()).not.toContain(`example.com/${RETIRED}`);
			const { domains } = await world.tick();
			expect(domains[0]?.waits).toContainEqual(
				expect.objectContaining({
					selector: RETIRED,
					reason: expect.stringContaining("stays private: b.example has the same key"),
				}),
			);
			await world.wish(["b.example"], "w3");
			await world.advance(4 * DAY_MS);
			expect(await world.states("b.example")).toMatchObject(states);
			const laid = [...world.shelf.keys()].filter((path) => path.endsWith(`example.com/${RETIRED}`));
			expect(laid).toHaveLength(laidOut);
		},
	);

	it("stays private while the state of another domain cannot be read", async () => {
		const world = await copiedWorld(true);
		await world.damage("domains/b.example");
		await world.advance(8 * DAY_MS);
		expect([...world.shelf]).toEqual([]);
		const { domains } = await world.tick();
		expect(domains[0]?.waits).toContainEqual(
			expect.objectContaining({
				selector: RETIRED,
				reason: expect.stringContaining("whether b.example has the same key cannot be told"),
			}),
		);
	});

	it("makes it a key that is never revived: found in use again, it is turned away from at once", async () => {
		const world = await retiredWorld();
		await world.advance(8 * DAY_MS);
		const { publicKey = "" } = keyOf(await world.state(), RETIRED) ?? {};
		world.signWith("example.com", RETIRED, publicKey);
		world.restart();
		await world.advance(5 * MINUTE_MS);
		expect(world.zone.get(`${RETIRED}._domainkey.example.com`)).toEqual([]);
		expect(await world.states()).toMatchObject({ [RETIRED]: "retired" });
		expect(world.lines.map(({ selector }) => selector)).not.toContain(RETIRED);
		expect(world.events.find(({ event }) => event === "drift_detected")?.summary).toBe(
			"example.com: the signer uses 202611 again, whose private half is known to everybody",
		);
	});

	it("waits as long anew when the clock jumped: how long its record had been gone cannot be told", async () => {
		const world = await retiredWorld();
		world.at = new Date(world.at.getTime() + 8 * DAY_MS);
		await world.tick();
		await world.advance(7 * DAY_MS);
		expect([...world.shelf]).toEqual([]);
		expect(world.told("clock_suspect")).toEqual(expect.not.arrayContaining(["end"]));
		await world.advance(2 * HOUR_MS);
		expect(world.shelf.size).toBe(1);
	});
});
