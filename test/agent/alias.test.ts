import { describe, expect, it } from "vitest";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { AgentWorld, UNPROVEN } from "../fakes/agent-world.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const NAME = "202611._domainkey.example.com";
const TARGET = "202611.keys.example.net";
const quick = policyOf({
	publishAheadMs: 0,
	schedule: scheduleOf("0 3 1 6 *"),
	verify: { ...policyOf().verify, soakMs: 0 },
});
const neighbour = { ...quick, domain: "example.net", providers: ["other"] };

/** The record of the next key is an alias into example.net, which `home` does not have. */
function worldWith(policies = [quick], others: readonly string[] = ["other"]) {
	const world = new AgentWorld(policies);
	const zones = new Map(others.map((name) => [name, new Map<string, readonly string[]>()]));
	world.reconfigureWith(policies, new Map([["home", world.zone], ...zones]));
	world.aliases.set(NAME, TARGET);
	world.zonesOf.set("home", ["example.com"]);
	return { world, zones };
}

describe("a key record's name that is an alias into another zone", () => {
	it.each([
		["the provider that has that zone", [quick]],
		["the provider of the domain configured there", [quick, neighbour]],
	])("is written to by %s, and the record removed there", async (_, policies) => {
		const { world, zones } = worldWith(policies);
		await world.wish(["example.com"]);
		await world.advance(10 * MINUTE_MS);
		expect(zones.get("other")?.get(TARGET)).toHaveLength(1);
		expect([...world.zone.keys()].filter((name) => name.includes("202611"))).toEqual([]);
		expect(keyOf(await world.state(), "202611")).toMatchObject({
			state: "active",
			record: { name: NAME, owner: TARGET, providers: ["other"], zone: "example.net" },
		});
		await world.wish(["example.com"], "w2");
		await world.advance(16 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired", "202611b": "active" });
		expect(zones.get("other")?.get(TARGET)).toEqual([]);
		expect(keyOf(await world.state(), "202611b")?.record.providers).toEqual(["home"]);
	});

	it("stays with its own provider where that one has the zone, too", async () => {
		const { world, zones } = worldWith();
		world.zonesOf.set("home", ["example.com", "example.net"]);
		await world.wish(["example.com"]);
		await world.advance(10 * MINUTE_MS);
		expect(world.zone.get(TARGET)).toHaveLength(1);
		expect(zones.get("other")?.get(TARGET)).toBeUndefined();
	});

	it("has no key made where nobody configured has the zone, and says so once", async () => {
		const { world } = worldWith();
		world.zonesOf.set("other", []);
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		expect(world.changes).toEqual([]);
		expect(world.copies).toEqual([]);
		expect(world.told("publish_failed")).toEqual(["start"]);
		const told = world.events.find(({ event }) => event === "publish_failed");
		expect(told?.detail).toContain(`${NAME} is an alias of ${TARGET}, and no configured provider has a zone`);
		world.zonesOf.delete("other");
		await world.advance(90 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("publish_failed")).toEqual(["start", "end"]);
	});

	it("has no key made where two have the zone", async () => {
		const { world } = worldWith([quick], ["other", "third"]);
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		expect(world.copies).toEqual([]);
		const told = world.events.find(({ event }) => event === "publish_failed");
		expect(told?.detail).toContain("both other and third have a zone example.net");
	});

	it("has no key made before the provider there was checked", async () => {
		const { world } = worldWith([quick], [UNPROVEN]);
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		expect(world.copies).toEqual([]);
		const told = world.events.find(({ event }) => event === "publish_failed");
		expect(told?.hint).toContain(`keyturn provider check ${UNPROVEN}`);
	});
});

describe("an alias that went after the record was written where it led", () => {
	async function worldWithout(verdict: "absent" | "unknown" = "absent") {
		const { world, zones } = worldWith();
		world.verdict = (selector) => (selector === "202611" ? verdict : "right");
		await world.wish(["example.com"]);
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		world.aliases.delete(NAME);
		return { world, zones };
	}

	it("is told at once, and after verify.timeout another key's record goes to the name itself", async () => {
		const { world, zones } = await worldWithout();
		await world.advance(60 * MINUTE_MS);
		const told = world.events.find(({ event }) => event === "verification_failed");
		expect(told?.summary).toContain(`looks for the record at ${NAME}, and it was written at ${TARGET}`);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		await world.advance(DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired", "202611b": "active" });
		expect(zones.get("other")?.get(TARGET)).toEqual([]);
		expect(keyOf(await world.state(), "202611b")?.record.providers).toEqual(["home"]);
		expect(world.told("given_up")).toEqual([null]);
		expect(world.told("verification_failed").at(-1)).toBe("end");
	});

	it("gives up nothing while the servers are silent", async () => {
		const { world } = await worldWithout("unknown");
		await world.advance(3 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
	});

	it("gives up nothing where the name itself holds", async () => {
		const { world } = await worldWithout();
		world.aliases.set(NAME, TARGET);
		await world.advance(3 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
	});
});

describe("a trouble of the provider that writes where the alias leads", () => {
	async function refusedWorld(denied: boolean) {
		const { world, zones } = worldWith();
		world.change = ({ kind }, provider) =>
			provider === "other" && kind === "add"
				? { kind: "refused", denied, why: "no", hint: null }
				: { kind: "done" };
		await world.wish(["example.com"]);
		await world.advance(90 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "pending" });
		return { world, zones };
	}

	it.each([
		["publish_failed", false],
		["provider_denied", true],
	] as const)("lasts until it takes the record (%s)", async (event, denied) => {
		const { world, zones } = await refusedWorld(denied);
		world.restart();
		world.reconfigureWith([quick], new Map([["home", world.zone], ...zones]));
		await world.tick();
		expect(world.told(event)).toEqual(["start"]);
		world.change = null;
		await world.advance(90 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told(event)).toEqual(["start", "end"]);
	});

	it("is over with the key", async () => {
		const { world } = await refusedWorld(true);
		await world.ask({ kind: "remove", domains: ["example.com"] }, "w2");
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "retired" });
		expect(world.told("provider_denied")).toEqual(["start", "end"]);
	});

	it("is over when another is to write there, though that one fails as well", async () => {
		const { world } = await refusedWorld(true);
		world.zonesOf.set("home", ["example.com", "example.net"]);
		world.change = () => ({ kind: "refused", denied: false, why: "no", hint: null });
		await world.advance(90 * MINUTE_MS);
		expect(world.told("provider_denied")).toEqual(["start", "end"]);
		expect(world.told("publish_failed")).toEqual(["start"]);
	});

	it("is over when that provider is configured no more", async () => {
		const { world } = await refusedWorld(true);
		world.reconfigure([quick]);
		await world.tick();
		expect(world.told("provider_denied")).toEqual(["start", "end"]);
	});
});
