import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { createPublisher } from "../../src/publishing/publisher.ts";
import { createTurns } from "../../src/publishing/turns.ts";
import { keyOf } from "../../src/rotation/domain-state.ts";
import type { Policy } from "../../src/rotation/policy.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { createLyingProvider } from "../fakes/lying-provider.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const quick = policyOf({
	publishAheadMs: 0,
	schedule: scheduleOf("0 3 1 6 *"),
	verify: { ...policyOf().verify, soakMs: 0 },
});

describe("a domain whose provider changes", () => {
	it("in the middle of a turn has its record published with the new one", async () => {
		const world = new AgentWorld([quick]);
		world.change = () => ({ kind: "refused", denied: false, why: "500", hint: null });
		await world.wish(["example.com"]);
		await world.tick();
		world.change = null;
		world.reconfigure([{ ...quick, providers: ["other"] }], "other");
		await world.advance(10 * MINUTE_MS);
		const key = keyOf(await world.state(), "202611");
		expect(key).toMatchObject({ state: "active", record: { providers: ["other"] } });
	});

	it("after it was published, has it published again where it is missing", async () => {
		const world = new AgentWorld([quick]);
		const owner = "202611._domainkey.example.com";
		world.verdict = (selector) =>
			selector === "202610" || (world.zone.get(owner) ?? []).length > 0 ? "right" : "absent";
		world.refuse = (request) =>
			request.act === "stage"
				? { act: "refused", why: "not_now", domains: [], message: "later", hint: null }
				: null;
		await world.wish(["example.com"]);
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "verified" });
		world.zone.clear();
		world.refuse = null;
		world.reconfigure([{ ...quick, providers: ["other"] }], "other");
		await world.advance(30 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});

	it("after it was published, has it published again by runs that know nothing of one another, too", async () => {
		const world = new AgentWorld([quick]);
		const owner = "202611._domainkey.example.com";
		world.verdict = (selector) => (selector === "202610" ? "right" : "absent");
		await world.wish(["example.com"]);
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "published" });
		world.zone.clear();
		for (let run = 0; run < 4; run += 1) {
			world.pass(2 * MINUTE_MS);
			world.restart();
			await world.tick();
		}
		expect(world.zone.get(owner)).toHaveLength(1);
	});

	it("after it was published, has its old record removed with the new one", async () => {
		const world = new AgentWorld([quick]);
		for (const id of ["w1", "w2"]) {
			await world.wish(["example.com"], id);
			await world.advance(MINUTE_MS);
			world.pass(MINUTE_MS);
		}
		world.reconfigure([{ ...quick, providers: ["other"] }], "other");
		await world.advance(16 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired", "202611b": "active" });
		expect(world.told("retire_failed")).toEqual([]);
	});
});

describe("a record that its provider loses again and again", () => {
	/** As where a zone kept elsewhere is put over it every minute. */
	async function pruned(): Promise<AgentWorld> {
		const world = new AgentWorld([quick]);
		world.verdict = (selector) => (selector === "202610" ? "right" : "absent");
		world.whileAsked = async () => {
			world.zone.clear();
			return Promise.resolve();
		};
		await world.wish(["example.com"]);
		await world.tick();
		return world;
	}

	it("is published ever less often, and told as published once, and as missing after verify.timeout", async () => {
		const world = await pruned();
		await world.advance(20 * MINUTE_MS);
		expect(world.changes).toHaveLength(4);
		await world.advance(23 * 60 * MINUTE_MS);
		expect(world.changes.length).toBeGreaterThan(20);
		expect(world.changes.length).toBeLessThan(32);
		expect(world.told("verification_failed")).toEqual([]);
		await world.advance(60 * MINUTE_MS);
		expect(world.told("verification_failed")).toEqual(["start"]);
		expect(world.told("published")).toHaveLength(1);
		world.whileAsked = async () => Promise.resolve();
		world.verdict = () => "right";
		await world.advance(60 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("verification_failed")).toEqual(["start", "end"]);
		expect(world.told("published")).toHaveLength(1);
	});

	it("is told as missing where every run is of a process of its own, too", async () => {
		const world = await pruned();
		for (let hours = 0; hours < 25; hours += 1) {
			world.pass(60 * MINUTE_MS);
			world.restart();
			await world.tick();
		}
		expect(world.told("verification_failed")).toEqual(["start"]);
		expect(world.told("published")).toHaveLength(1);
	});
});

describe("a zone that has moved to another DNS host", () => {
	async function moved() {
		const world = new AgentWorld([quick]);
		for (const id of ["w1", "w2"]) {
			await world.wish(["example.com"], id);
			await world.advance(MINUTE_MS);
			world.pass(MINUTE_MS);
		}
		const other = new Map(world.zone);
		world.reconfigureWith(
			[{ ...quick, providers: ["other"] }],
			new Map([
				["home", world.zone],
				["other", other],
			]),
		);
		return { world, other };
	}
	const OLD = "202611._domainkey.example.com";

	it("has its old record removed there, and from the host of before, which others still use", async () => {
		const { world, other } = await moved();
		await world.advance(16 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
		expect([world.zone.get(OLD), other.get(OLD)]).toEqual([[], []]);
	});

	it("in the middle of a turn has the record that was published at the one before removed from there as well", async () => {
		const world = new AgentWorld([quick]);
		world.verdict = (selector) => (selector === "202611" ? "unknown" : "right");
		await world.wish(["example.com"]);
		await world.advance(MINUTE_MS);
		expect(world.zone.get(OLD)).toHaveLength(1);
		const other = new Map<string, readonly string[]>();
		world.reconfigureWith(
			[{ ...quick, providers: ["other"] }],
			new Map([
				["home", world.zone],
				["other", other],
			]),
		);
		world.verdict = (selector) => (selector === "202611" && !other.has(OLD) ? "absent" : "right");
		await world.advance(60 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(keyOf(await world.state(), "202611")?.record.providers).toEqual(["other", "home"]);
		await world.wish(["example.com"], "w2");
		await world.advance(16 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
		expect([world.zone.get(OLD), other.get(OLD)]).toEqual([[], []]);
	});

	it("does not wait for the host of before, which may not have the zone any more", async () => {
		const { world, other } = await moved();
		world.change = (_, provider) =>
			provider === "home"
				? { kind: "refused", denied: false, why: "not the primary of the zone", hint: null }
				: { kind: "done" };
		await world.advance(16 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
		expect(other.get(OLD)).toEqual([]);
		expect(world.told("retire_failed")).toEqual([]);
		expect(
			world.events.find(({ event, selector }) => event === "retired" && selector === "202611")?.detail,
		).toContain(`${OLD} may stand at home still, where it was published before: home: `);
	});

	const EMPTY = "v=DKIM1;k=ed25519;p=";
	const compromised = {
		kind: "revoke",
		domains: ["example.com"],
		selector: "202611",
		noSoak: false,
	} as const;
	async function revoked(change: AgentWorld["change"]) {
		const { world, other } = await moved();
		world.change = change;
		await world.ask({ ...compromised, unsigned: false, useStandby: false }, "w3");
		await world.advance(3 * 60 * MINUTE_MS);
		return { world, other };
	}
	const refusing: AgentWorld["change"] = (_, provider) =>
		provider === "home" ? { kind: "refused", denied: false, why: "500", hint: null } : { kind: "done" };

	it("has a compromised key's record emptied there at once, and tells and tries until it is at the host of before", async () => {
		const { world, other } = await revoked(refusing);
		expect(other.get(OLD)).toEqual([EMPTY]);
		expect(await world.states()).toMatchObject({ "202611": "retiring" });
		expect((await world.state()).wants.revoke).toHaveLength(1);
		const told = world.events.find(({ event }) => event === "retire_failed");
		expect(told).toMatchObject({ severity: "critical", phase: "start", selector: "202611" });
		expect(told?.detail).toContain("may stand at home still");
		expect(told?.hint).toContain("take it out of `providers`");
		world.change = null;
		await world.advance(2 * 60 * MINUTE_MS);
		expect(world.zone.get(OLD)).toEqual([EMPTY]);
		expect(await world.states()).toMatchObject({ "202611": "revoked" });
		expect(world.told("retire_failed").at(-1)).toBe("end");
	});

	it("has the record of a compromised key emptied at the host of before though that of now does not answer", async () => {
		const { world, other } = await revoked((_, provider) =>
			provider === "other" ? { kind: "refused", denied: false, why: "500", hint: null } : { kind: "done" },
		);
		expect(world.zone.get(OLD)).toEqual([EMPTY]);
		expect(other.get(OLD)).not.toEqual([EMPTY]);
		expect(await world.states()).toMatchObject({ "202611": "retiring" });
	});

	it("waits for no host of before that has the zone no more", async () => {
		const { world } = await moved();
		world.zonesOf.set("home", ["example.net"]);
		world.change = refusing;
		await world.ask({ ...compromised, unsigned: false, useStandby: false }, "w3");
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "revoked" });
		expect(world.told("retire_failed")).toEqual([]);
		expect(world.events.find(({ event }) => event === "revoked")?.detail).not.toContain("home");
	});

	it("tells of one that is not configured any more", async () => {
		const { world, other } = await revoked(refusing);
		world.reconfigureWith([{ ...quick, providers: ["other"] }], new Map([["other", other]]));
		await world.advance(2 * 60 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "revoked" });
		expect(world.told("retire_failed").at(-1)).toBe("end");
		expect(world.events.find(({ event }) => event === "revoked")?.detail).toContain(
			"home is not configured any more",
		);
	});
});

describe("a provider that does not answer", () => {
	it("is waited for once, not at each of its domains", async () => {
		const domains = ["a.example", "b.example", "c.example"];
		const world = new AgentWorld(domains.map((domain) => ({ ...quick, domain })));
		world.zoneFaults.set(
			"home",
			new KeyturnError("provider.unreachable", "home: no answer", { retry: true }),
		);
		await world.wish(domains);
		await world.tick();
		expect(world.zonesAsked).toEqual(["202611._domainkey.a.example"]);
		expect(world.told("publish_failed")).toEqual(["start"]);
		world.zoneFaults.clear();
		await world.advance(10 * MINUTE_MS);
		for (const domain of domains) expect(await world.states(domain)).toMatchObject({ "202611": "active" });
	});
});

describe("a provider that", () => {
	/** The usual one, but for this. */
	function worldWith(changes: (usual: DnsProvider) => Partial<DnsProvider>): AgentWorld {
		const world = new AgentWorld([quick]);
		const { providers, sinks, pre } = world.ports;
		const usual = providers.get("home");
		if (usual === undefined) throw new Error("no provider");
		world.agent.configure(
			{ host: "mx1", policies: [quick], signers: [], providers: [] },
			{ providers: new Map([["home", { ...usual, ...changes(usual) }]]), sinks, pre },
		);
		return world;
	}

	it("says nothing of a change is not believed to have made it", async () => {
		const world = worldWith(() => ({ change: async () => Promise.resolve([]) }));
		await world.wish(["example.com"]);
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "pending" });
		expect(world.events.find(({ event }) => event === "publish_failed")?.detail).toBe(
			"the provider gave no result",
		);
	});

	it("does not say what it has is not said to have lost a record that is late", async () => {
		const world = worldWith(() => ({
			list: async () =>
				Promise.reject(new KeyturnError("provider.unreachable", "home: 500", { retry: true })),
		}));
		world.verdict = (selector) => (selector === "202611" ? "absent" : "right");
		await world.wish(["example.com"]);
		await world.advance(60 * MINUTE_MS);
		expect(world.changes).toHaveLength(1);
		world.verdict = () => "right";
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});
});

describe("a zone that was cut out of the one that a record was written into", () => {
	const CUT = "_domainkey.example.com";

	async function cut(changes: Parameters<typeof policyOf>[0] = {}) {
		const world = new AgentWorld([quick]);
		for (const id of ["w1", "w2"]) {
			await world.wish(["example.com"], id);
			await world.advance(MINUTE_MS);
			world.pass(MINUTE_MS);
		}
		expect(await world.states()).toMatchObject({ "202611": "retiring", "202611b": "active" });
		world.zonesChanged.length = 0;
		world.hidden = new Map(world.zone);
		world.cuts.add(CUT);
		if (Object.keys(changes).length > 0) world.reconfigure([{ ...quick, ...changes }]);
		return world;
	}
	const compromised = { kind: "revoke", domains: ["example.com"], selector: "202611" } as const;

	it.each([{}, { zone: CUT }])("is where it is emptied, as well as where it was: %o", async (changes) => {
		const world = await cut(changes);
		await world.ask({ ...compromised, noSoak: false, unsigned: false, useStandby: false }, "w3");
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "revoked" });
		expect(world.zonesChanged).toEqual([CUT, "example.com"]);
	});

	it.each([null, new Map<string, readonly string[]>()])(
		"is all that counts where the provider has the other no more, or nothing stands there: %o",
		async (hidden) => {
			const world = await cut();
			world.hidden = hidden;
			await world.advance(16 * DAY_MS);
			expect(await world.states()).toMatchObject({ "202611": "retired" });
			expect(world.zonesChanged).toEqual([CUT]);
			expect(world.told("retire_failed")).toEqual([]);
		},
	);

	it("is not taken for the other where the provider cannot be asked for it", async () => {
		const world = await cut();
		world.zoneFaults.set("home", new KeyturnError("provider.unreachable", "home: 500", { retry: true }));
		await world.ask({ ...compromised, noSoak: false, unsigned: false, useStandby: false }, "w3");
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring" });
		world.zoneFaults.clear();
		await world.advance(60 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "revoked" });
		expect(world.zonesChanged).toEqual([CUT, "example.com"]);
	});

	it("gets a record that was to be published before it", async () => {
		const world = new AgentWorld([quick]);
		world.verdict = (selector) => (selector === "202611" ? "absent" : "right");
		await world.wish(["example.com"]);
		await world.tick();
		expect(world.zonesChanged).toEqual(["example.com"]);
		world.cuts.add(CUT);
		world.zone.clear();
		await world.advance(20 * MINUTE_MS);
		expect(world.zonesChanged.slice(1, 2)).toEqual([CUT]);
	});
});

describe("a record that is seen in DNS alone", () => {
	const OWNER = "202611._domainkey.example.com";

	/** The program has said done, and nothing stands there. */
	async function unseen() {
		const world = new AgentWorld([quick]);
		world.traits = { readsBack: "dns" };
		world.reconfigure([quick]);
		const stands = (): boolean => (world.zone.get(OWNER) ?? []).length > 0;
		world.verdict = (selector) => (selector === "202610" || stands() ? "right" : "absent");
		world.whileAsked = async () => world.zone.clear();
		await world.wish(["example.com"]);
		await world.tick();
		return world;
	}
	const published = (world: AgentWorld): number => world.changes.length;

	it("is late for an hour, and published again then, though its program said done", async () => {
		const world = await unseen();
		await world.advance(55 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		expect(published(world)).toBe(1);
		world.whileAsked = async () => {};
		await world.advance(20 * MINUTE_MS);
		expect(published(world)).toBe(2);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});

	it("is published again ever more rarely where it never comes, and that is told in time", async () => {
		const world = await unseen();
		await world.advance(25 * 60 * MINUTE_MS);
		expect(published(world)).toBe(6);
		expect(world.told("verification_failed")).toEqual(["start"]);
	});
});

describe("a provider that lost what others have in the zone", () => {
	const lost = {
		kind: "refused",
		denied: false,
		why: "home: example.com was written, and no longer shows @ MX mail.example.com.",
		hint: "put it back by hand",
		isFinal: true,
	} as const;
	const what = { severity: "critical", phase: "start", hint: lost.hint };

	it("has that told as critical, at once, whatever else is told of it already", async () => {
		const world = new AgentWorld([quick]);
		world.change = () => ({ kind: "refused", denied: false, why: "500", hint: null });
		await world.wish(["example.com"]);
		await world.tick();
		world.change = () => lost;
		await world.advance(2 * MINUTE_MS);
		world.change = null;
		await world.advance(10 * MINUTE_MS);
		expect(world.told("publish_failed")).toEqual(["start", "repeat", "end"]);
		expect(world.events.filter(({ event }) => event === "publish_failed")[1]).toMatchObject({
			...what,
			phase: "repeat",
			detail: expect.stringContaining("no longer shows @ MX"),
		});
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});

	it("when an old record goes, has that told as critical, too", async () => {
		const world = new AgentWorld([quick]);
		for (const id of ["w1", "w2"]) {
			await world.wish(["example.com"], id);
			await world.advance(MINUTE_MS);
			world.pass(MINUTE_MS);
		}
		let isLost = false;
		world.change = (change) => {
			if (change.kind !== "remove" || isLost) return { kind: "done" };
			isLost = true;
			return lost;
		};
		await world.advance(16 * DAY_MS);
		expect(world.told("retire_failed")).toEqual(["start", "end"]);
		expect(world.events.find(({ event }) => event === "retire_failed")).toMatchObject({
			...what,
			detail: expect.stringContaining("no longer shows @ MX"),
		});
		expect(await world.states()).toMatchObject({ "202611": "retired" });
	});
});

describe("a record that was written into another zone than the world asks", () => {
	it("is told at once, since waiting does not help, and once only", async () => {
		const world = new AgentWorld([quick]);
		world.verdict = (selector) => (selector === "202610" ? "right" : "absent");
		world.worldZone = "_domainkey.example.com";
		await world.wish(["example.com"]);
		await world.advance(60 * MINUTE_MS);
		expect(world.told("verification_failed")).toEqual(["start"]);
		const told = world.events.find(({ event }) => event === "verification_failed");
		expect(told?.summary).toContain(
			"in the zone _domainkey.example.com, and it was written into example.com",
		);
		world.worldZone = null;
		world.verdict = () => "right";
		await world.advance(10 * MINUTE_MS);
		expect(world.told("verification_failed")).toEqual(["start", "end"]);
	});
});

describe("a wish", () => {
	it("written by hand does not damage the state", async () => {
		const world = new AgentWorld([quick]);
		world.verdict = (selector) => (selector === "202610" ? "right" : "absent");
		await world.store.leaveWish({
			id: "by-hand",
			at: "2026-11-22T12:00:00Z",
			kind: "rotate",
			domains: ["example.com"],
			noSoak: false,
		});
		await world.tick();
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "published" });
		expect(world.told("state_damaged")).toEqual([]);
	});
});

describe("a zone with two DNS hosts", () => {
	const both = { ...quick, providers: ["home", "other"] };

	function twoHosts() {
		const world = new AgentWorld([both]);
		const other = new Map<string, readonly string[]>();
		world.reconfigureWith(
			[both],
			new Map([
				["home", world.zone],
				["other", other],
			]),
		);
		return { world, other };
	}

	it("has its record published when both took it, and removed from both", async () => {
		const { world, other } = twoHosts();
		let isDown = true;
		world.change = (_change, provider) =>
			isDown && provider === "other"
				? { kind: "refused", denied: false, why: "500", hint: null }
				: { kind: "done" };
		await world.wish(["example.com"]);
		await world.tick();
		expect(world.zone.get("202611._domainkey.example.com")).toHaveLength(1);
		expect(await world.states()).toMatchObject({ "202611": "pending" });
		expect(world.told("publish_failed")).toEqual(["start"]);
		isDown = false;
		await world.advance(10 * MINUTE_MS);
		expect(other.get("202611._domainkey.example.com")).toHaveLength(1);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("publish_failed")).toEqual(["start", "end"]);
		expect(world.events.find((event) => event.event === "published")?.summary).toContain("home and other");
		await world.wish(["example.com"], "w2");
		await world.advance(16 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired", "202611b": "active" });
		for (const zone of [world.zone, other]) expect(zone.get("202611._domainkey.example.com")).toEqual([]);
	});

	it.each([
		["does not answer", "provider.unreachable", "publish other", "publish_failed"],
		["denies its list of zones", "provider.denied", "denied other", "provider_denied"],
		["has not the zone", null, "publish other", "publish_failed"],
	] as const)("is told by the name of the one that %s", async (_, code, trouble, event) => {
		const { world } = twoHosts();
		if (code === null) world.zonesOf.set("other", []);
		else world.zoneFaults.set("other", new KeyturnError(code, "other: no"));
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		expect(world.events.map((one) => one.trouble)).toEqual([trouble]);
		expect(world.events[0]).toMatchObject({
			event,
			summary: "other: the record of 202611._domainkey.example.com could not be published",
		});
		world.zonesOf.clear();
		world.zoneFaults.clear();
		await world.advance(30 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told(event)).toEqual(["start", "end"]);
	});

	it("takes the next name where one of them has something at the first", async () => {
		const { world, other } = twoHosts();
		world.change = (change, provider) =>
			provider === "other" && change.kind === "add" && change.name.startsWith("202611.")
				? { kind: "occupied", values: ["foreign"] }
				: { kind: "done" };
		await world.wish(["example.com"]);
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired", "202611b": "active" });
		expect(world.zone.get("202611._domainkey.example.com")).toEqual([]);
		expect(other.get("202611b._domainkey.example.com")).toHaveLength(1);
	});
});

describe("a provider that has something at every name", () => {
	it("uses up few names, says so, and goes on once it has nothing more there", async () => {
		const world = new AgentWorld();
		world.change = (change) => ({ kind: change.kind === "add" ? "occupied" : "done", values: ["foreign"] });
		await world.wish(["example.com"]);
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "retired", "202611b": "pending" });
		expect(world.told("publish_failed")).toEqual(["start"]);
		expect(world.events.find(({ event }) => event === "publish_failed")?.detail).toMatch(
			/^home: something else stands at 202611b\._domainkey\.example\.com, and stood at the name before it/,
		);
		await world.advance(24 * 60 * MINUTE_MS);
		expect(world.told("given_up").length).toBeGreaterThan(2);
		expect(world.told("given_up").length).toBeLessThan(15);
		world.change = null;
		await world.advance(24 * 60 * MINUTE_MS);
		expect(Object.values(await world.states())).toContain("active");
		expect((await world.states())["202610"]).not.toBe("active");
		expect(world.told("publish_failed").at(-1)).toBe("end");
	});
});

describe("a provider that cuts what it stores", () => {
	const rsa = { ...quick, domain: "example.test", key: { algorithm: "rsa", bits: 2048 } as const };
	const NAME = "202611._domainkey.example.test";

	async function cutWorld() {
		const world = new AgentWorld([rsa]);
		const provider = createLyingProvider();
		const { clock, ports } = world;
		const home = { ...provider, name: "home" };
		const publisher = createPublisher({ ...ports, provider: home, turns: createTurns(), clock });
		const configure = (policy: Policy): void =>
			world.agent.configure(
				{ host: "mx1", policies: [policy], signers: [], providers: [] },
				{ providers: new Map([["home", publisher]]), sinks: ports.sinks, pre: ports.pre },
			);
		configure(rsa);
		provider.next = Array.from({ length: 50 }, () => "cuts");
		await world.wish(["example.test"]);
		await world.advance(8 * 60 * MINUTE_MS);
		return { world, provider, configure };
	}

	it("gets one record, and what to do about it stays told until it is done", async () => {
		const { world, provider } = await cutWorld();
		expect(await world.states("example.test")).toMatchObject({ "202611": "pending" });
		expect([...provider.held.keys()]).toEqual([NAME]);
		expect(world.events.map(({ event, phase }) => `${event} ${phase}`)).toEqual([
			"publish_failed start",
			"publish_failed repeat",
		]);
		expect(world.events[0]?.detail).toContain(`at ${NAME} stands another value: 255 octets`);
		expect(world.events[1]).toMatchObject({
			detail: expect.stringContaining(`at ${NAME} stands what the provider made of the value: 255 octets`),
			hint: expect.stringContaining("remove that record by hand"),
		});
		provider.held.clear();
		provider.next = [];
		await world.advance(2 * 60 * MINUTE_MS);
		expect(await world.states("example.test")).toMatchObject({ "202611": "active" });
		expect(world.told("publish_failed")).toEqual(["start", "repeat", "end"]);
		expect(world.told("given_up")).toEqual([]);
	});

	it("has the record that it made of one told until it is gone, where a shorter key takes its place", async () => {
		const { world, provider, configure } = await cutWorld();
		configure({ ...rsa, key: { algorithm: "ed25519" } });
		await world.advance(2 * 60 * MINUTE_MS);
		expect(await world.states("example.test")).toMatchObject({ "202611": "retiring", "202611b": "active" });
		expect(world.told("retired")).toEqual([]);
		expect(world.told("retire_failed")).toEqual(["start"]);
		const told = world.events.find(({ event }) => event === "retire_failed");
		expect(told?.hint).toContain("remove that record by hand");
		provider.held.delete(NAME);
		await world.advance(2 * 60 * MINUTE_MS);
		expect(await world.states("example.test")).toMatchObject({ "202611": "retired" });
		expect(world.told("retire_failed")).toEqual(["start", "end"]);
	});

	it("is told by its check what it still has of the scratch record", async () => {
		const { world, provider } = await cutWorld();
		const asked = { provider: "home", zone: null, waitMs: 0, say: () => undefined };
		const report = await world.agent.checkProvider(asked, new AbortController().signal);
		const [, scratch = ""] = provider.held.keys();
		expect(scratch).toMatch(/^keyturn-check-/);
		expect(report).toMatchObject({ outcome: "failed", left: [scratch] });
		expect(report.warnings.join("\n")).toContain(`at ${scratch} stands what the provider made of the value`);
	});
});
