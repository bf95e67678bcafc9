import { describe, expect, it } from "vitest";
import type { DoorAnswer } from "../../src/ports/door.ts";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { AgentWorld, rolledBack } from "../fakes/agent-world.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const quick = { publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 as const } };

describe("a tick", () => {
	it("adopts what is in use, touches nothing, and then has nothing to do", async () => {
		const world = new AgentWorld();
		await world.tick();
		expect(await world.states()).toEqual({ "202610": "active" });
		expect((await world.state()).keys[0]?.origin).toBe("adopted");
		const before = await world.store.load("domains/example.com");
		await world.tick();
		expect(await world.store.load("domains/example.com")).toEqual(before);
		expect(world.changes).toEqual([]);
		expect(world.requested("stage")).toBe(0);
	});

	it("turns a key when it is due, and removes the record of the one before after grace", async () => {
		const world = new AgentWorld();
		await world.advance(10 * DAY_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202612": "active" });
		await world.advance(35 * DAY_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202612": "retiring", "202701": "active" });
		await world.advance(10 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring", "202612": "retired" });
		expect(world.changes.filter((change) => change.kind === "remove")).toHaveLength(1);
		expect(world.told("retired")).toEqual([null]);
	});

	it("makes one turn of several missed months", async () => {
		const world = new AgentWorld();
		await world.tick();
		world.pass(100 * DAY_MS);
		await world.advance(MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202703": "active" });
	});
});

describe("rotate --now", () => {
	it("asked for fifty times is one turn", async () => {
		const world = new AgentWorld();
		await world.tick();
		for (let count = 0; count < 50; count += 1) await world.wish(["example.com"], `w${count}`);
		await world.advance(MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
		expect(world.requested("commit")).toBe(1);
		expect((await world.state()).wants.rotate).toBeNull();
		expect(await world.store.wishes()).toEqual([]);
	});

	it.each([
		["DNS", (world: AgentWorld) => void world.taken.add("202611")],
		[
			"the tables",
			({ lines }: AgentWorld) =>
				void lines.push(...lines.map((line) => ({ ...line, selector: "202611", signs: false }))),
		],
	])("takes the next name when this month's is taken in %s", async (_, take) => {
		const world = new AgentWorld();
		take(world);
		await world.wish(["example.com"]);
		await world.advance(MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611b": "active" });
	});

	it("makes no key while nobody says whether its name is free, and tells that", async () => {
		const world = new AgentWorld();
		world.unknown.add("202611");
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "active" });
		expect(world.events.find(({ event }) => event === "publish_failed")).toMatchObject({
			summary: "example.com: no new key, since it cannot be told whether its name is free",
			detail: "202611._domainkey.example.com is unknown",
		});
		world.unknown.clear();
		await world.advance(60 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("publish_failed").at(-1)).toBe("end");
	});

	it("takes no name that the state has, though neither the tables nor DNS have it any more", async () => {
		const world = new AgentWorld();
		for (const id of ["w1", "w2"]) {
			await world.wish(["example.com"], id);
			await world.advance(MINUTE_MS);
		}
		world.zone.delete("202611._domainkey.example.com");
		await world.wish(["example.com"], "w3");
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({
			"202611": "retiring",
			"202611b": "retiring",
			"202611c": "active",
		});
	});

	it("still finds a name when sixty of them are of keys of its own", async () => {
		const world = new AgentWorld();
		for (let turn = 1; turn <= 62; turn += 1) {
			await world.wish(["example.com"], `w${turn}`);
			await world.advance(MINUTE_MS);
		}
		expect(await world.states()).toMatchObject({ "202611bi": "retiring", "202611bj": "active" });
	});
});

describe("a switch", () => {
	it("is not done while a server is wrong, and the old key goes on signing", async () => {
		const world = new AgentWorld();
		world.verdict = (selector) => (selector === "202610" ? "right" : "absent");
		await world.wish(["example.com"]);
		await world.advance(DAY_MS + 30 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "active", "202611": "published" });
		expect(world.requested("stage")).toBe(0);
		expect(world.told("verification_failed")).toEqual(["start"]);
		world.verdict = () => "right";
		await world.advance(30 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("verification_failed")).toEqual(["start", "end"]);
	});

	it("looks as seldom as it is told to, and else ten minutes apart in the end", async () => {
		const looksIn = async (intervalMs: number) => {
			const policy = policyOf({ publishAheadMs: 0 });
			const world = new AgentWorld([{ ...policy, verify: { ...policy.verify, intervalMs } }]);
			world.verdict = (selector) => (selector === "202610" ? "right" : "absent");
			await world.wish(["example.com"]);
			await world.advance(DAY_MS / 2);
			return world.looks.filter((selector) => selector === "202611").length;
		};
		expect(await looksIn(2 * 60 * MINUTE_MS)).toBeLessThanOrEqual(7);
		expect(await looksIn(MINUTE_MS)).toBeGreaterThan(60);
	});

	it("goes back to waiting when the look after staging finds a server wrong", async () => {
		const world = new AgentWorld();
		let looks = 0;
		world.verdict = (selector) => {
			if (selector !== "202611") return "right";
			looks += 1;
			return looks === 2 ? "wrong" : "right";
		};
		await world.wish(["example.com"]);
		await world.tick();
		expect(world.requested("commit")).toBe(0);
		expect(world.doorRequests.some((request) => request.act === "drop" && request.staged.length === 1)).toBe(
			true,
		);
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});

	it("is only put off when the look after staging gets no answer", async () => {
		const world = new AgentWorld();
		let looks = 0;
		world.verdict = (selector) => (selector === "202611" && (looks += 1) === 2 ? "unknown" : "right");
		await world.wish(["example.com"]);
		await world.tick();
		expect(looks).toBe(2);
		expect([world.requested("stage"), world.requested("commit")]).toEqual([1, 0]);
		expect(await world.states()).toEqual({ "202610": "active", "202611": "verified" });
		await world.advance(5 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("swap_failed")).toEqual([]);
	});

	it("is not done with a key whose offline message is not signed", async () => {
		const world = new AgentWorld();
		world.signs = false;
		await world.wish(["example.com"]);
		await world.tick();
		expect(world.requested("commit")).toBe(0);
		expect(world.told("swap_failed")).toEqual(["start"]);
		expect(await world.states()).toMatchObject({ "202610": "active", "202611": "verified" });
	});

	it("that was rolled back is not tried again for a day, but for rotate --now", async () => {
		const world = new AgentWorld();
		world.commit = (_id, result) => ({ act: "commit", result: rolledBack(result, "no handshake") });
		await world.wish(["example.com"]);
		await world.advance(12 * 60 * MINUTE_MS);
		expect(world.requested("commit")).toBe(1);
		expect(world.told("rolled_back")).toEqual([null]);
		expect(world.told("swap_failed")).toEqual(["start", "repeat"]);
		expect(await world.states()).toMatchObject({ "202610": "active", "202611": "verified" });
		world.commit = (_id, result) => ({ act: "commit", result });
		await world.wish(["example.com"], "w2");
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("swap_failed").at(-1)).toBe("end");
	});

	it("that is rolled back again and again stops the mail server ever more seldom", async () => {
		const world = new AgentWorld();
		world.commit = (_id, result) => ({
			act: "commit",
			result: {
				...result,
				outcome: "rolled_back",
				keys: result.keys.map((key) => ({ ...key, outcome: "rolled_back", reason: "no handshake" })),
			},
		});
		await world.wish(["example.com"]);
		const days: number[] = [];
		for (let day = 0; day < 8; day += 1) {
			await world.advance(DAY_MS - 60 * MINUTE_MS);
			days.push(world.requested("commit"));
			await world.advance(60 * MINUTE_MS + 3 * MINUTE_MS);
		}
		expect(days).toEqual([1, 2, 2, 3, 3, 3, 3, 4]);
	});

	it("whose answer was lost is taken over from the door's result", async () => {
		const world = new AgentWorld();
		world.commit = (id, result) => world.loseAnswer(id, result);
		await world.wish(["example.com"]);
		await world.tick();
		expect(keyOf(await world.state(), "202611")?.owes?.id).not.toBeNull();
		await world.advance(5 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring", "202611": "active" });
		expect(world.requested("commit")).toBe(1);
		expect(world.told("recovered")).toEqual([null]);
	});

	it("waits for the servers again when a record verified ahead goes wrong before its date", async () => {
		const ahead = policyOf({ ...quick, publishAheadMs: 3 * DAY_MS });
		const world = new AgentWorld([ahead]);
		await world.advance(7 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202612": "verified" });
		world.verdict = (selector) => (selector === "202612" ? "absent" : "right");
		await world.advance(DAY_MS + 60 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202610": "active", "202612": "published" });
		expect(world.requested("commit")).toBe(0);
	});

	it("is put off by no daily look at a record verified ahead that gets no answer", async () => {
		const world = new AgentWorld([policyOf({ ...quick, publishAheadMs: 3 * DAY_MS })]);
		await world.advance(7 * DAY_MS);
		world.verdict = (selector) => (selector === "202612" ? "unknown" : "right");
		world.looks.length = 0;
		await world.advance(DAY_MS + 60 * MINUTE_MS);
		expect(world.looks).toContain("202612");
		expect(await world.states()).toEqual({ "202610": "active", "202612": "verified" });
		world.verdict = () => "right";
		await world.advance(DAY_MS);
		expect(await world.states()).toMatchObject({ "202612": "active" });
	});

	it("that never began is planned anew under a new id", async () => {
		const world = new AgentWorld();
		let asked = 0;
		world.refuse = (request) => {
			if (request.act !== "commit") return null;
			asked += 1;
			if (asked === 1) throw new Error("the door died");
			return null;
		};
		await world.wish(["example.com"]);
		await world.advance(10 * MINUTE_MS);
		const ids = world.doorRequests.flatMap((request) => (request.act === "stage" ? [request.id] : []));
		expect(new Set(ids).size).toBe(2);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});

	it("of several domains is one commit, and leaves behind the one that the door refuses", async () => {
		const two = ["example.com", "example.org"].map((domain) => policyOf({ ...quick, domain }));
		const world = new AgentWorld(two);
		world.refuse = (request): DoorAnswer | null =>
			request.act === "stage" && request.changes.some((change) => change.domain === "example.org")
				? {
						act: "refused",
						why: "unsafe",
						domains: ["example.org"],
						message: "its key would not be safe",
						hint: null,
					}
				: null;
		await world.wish(["example.com", "example.org"]);
		await world.advance(MINUTE_MS);
		expect(await world.states("example.com")).toMatchObject({ "202611": "active" });
		expect(await world.states("example.org")).toEqual({ "202610": "active", "202611": "verified" });
		expect(world.told("swap_failed")).toEqual(["start"]);
		world.refuse = null;
		await world.advance(20 * MINUTE_MS);
		expect(await world.states("example.org")).toMatchObject({ "202611": "active" });
	});

	it("of several domains due together is one commit", async () => {
		const two = ["example.com", "example.org"].map((domain) => policyOf({ ...quick, domain }));
		const world = new AgentWorld(two);
		let looks = 0;
		world.verdict = (selector) => {
			looks += selector === "202611" ? 1 : 0;
			return looks === 1 ? "absent" : "right";
		};
		await world.wish(["example.com", "example.org"]);
		await world.advance(2 * MINUTE_MS);
		expect(await world.states("example.com")).toMatchObject({ "202611": "active" });
		expect(await world.states("example.org")).toMatchObject({ "202611": "active" });
		expect(world.requested("commit")).toBe(1);
	});
});

describe("publishing", () => {
	it("that the provider denies is told once for all domains, and does not disturb the keys in use", async () => {
		const two = ["example.com", "example.org"].map((domain) => policyOf({ ...quick, domain }));
		const world = new AgentWorld(two);
		world.change = () => ({ kind: "refused", denied: true, why: "home: 403", hint: "give it DNS:Edit" });
		await world.wish(["example.com", "example.org"]);
		await world.advance(MINUTE_MS);
		expect(world.told("provider_denied")).toEqual(["start"]);
		expect(await world.states()).toEqual({ "202610": "active", "202611": "pending" });
		world.change = null;
		await world.advance(3 * 60 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("provider_denied")).toEqual(["start", "end"]);
	});

	it("beside something foreign gives the name up and takes the next", async () => {
		const world = new AgentWorld();
		world.change = (change) =>
			change.kind === "add" && change.name.startsWith("202611.")
				? { kind: "occupied", values: ["v=spf1 -all"] }
				: { kind: "done" };
		await world.wish(["example.com"]);
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired", "202611b": "active" });
		expect(world.told("given_up")).toEqual([null]);
	});

	it("is done again when the provider has lost the record", async () => {
		const world = new AgentWorld();
		world.verdict = (selector) =>
			(world.zone.get(`${selector}._domainkey.example.com`) ?? []).length > 0 || selector === "202610"
				? "right"
				: "absent";
		let adds = 0;
		world.change = () => {
			adds += 1;
			if (adds === 1) setTimeoutlessly(() => world.zone.clear());
			return { kind: "done" };
		};
		const setTimeoutlessly = (act: () => void): void => void Promise.resolve().then(act);
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		expect(adds).toBe(2);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});
});

describe("removal", () => {
	async function retiring(): Promise<AgentWorld> {
		const world = new AgentWorld([policyOf({ ...quick, schedule: scheduleOf("0 3 1 6 *") })]);
		await world.wish(["example.com"]);
		await world.advance(MINUTE_MS);
		await world.wish(["example.com"], "w2");
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring", "202611b": "active" });
		return world;
	}

	it("waits while a live table still names the key", async () => {
		const world = await retiring();
		const line = world.lines[0];
		if (line !== undefined) world.lines.push({ ...line, selector: "202611", signs: false });
		await world.advance(16 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring" });
		expect(world.events.find(({ event }) => event === "retire_failed")?.detail).toContain(
			"202611 is still named by the signer's tables",
		);
		expect(world.changes.filter((change) => change.kind === "remove")).toEqual([]);
	});

	it("waits while whether a live table names the key cannot be told", async () => {
		const world = await retiring();
		world.otherSigners.push({
			signer: "other",
			swap: "restart",
			tableHash: "h",
			lines: [],
			firstKeyFaults: [],
			notes: [],
			problem: "KeyTable: no such file",
			service: "other",
			running: true,
		});
		await world.advance(16 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring" });
		expect(world.events.find(({ event }) => event === "retire_failed")?.detail).toContain(
			"whether 202611 is still in use cannot be told",
		);
		expect(world.changes.filter((change) => change.kind === "remove")).toEqual([]);
		world.otherSigners.pop();
		await world.advance(DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
	});

	it("waits while the successor does not verify", async () => {
		const world = await retiring();
		world.verdict = (selector) => (selector.startsWith("202611b") ? "absent" : "right");
		await world.advance(DAY_MS);
		world.pass(14 * DAY_MS);
		await world.advance(DAY_MS / 2);
		expect(await world.states()).toMatchObject({ "202611": "retiring" });
		expect(world.events.find(({ event }) => event === "retire_failed")?.detail).toContain(
			"the record of 202611b, which took over, does not verify",
		);
		expect(world.told("verification_failed")).toContain("start");
	});

	it("of an adopted key's record asks nobody for its file, which keyturn did not make", async () => {
		const world = new AgentWorld([policyOf({ ...quick, retire: { ...policyOf().retire, adopted: true } })]);
		await world.wish(["example.com"]);
		await world.advance(120 * DAY_MS);
		expect(keyOf(await world.state(), "202610")).toMatchObject({ state: "retired", owes: null });
		const asked = world.doorRequests.flatMap((one) => (one.act === "drop" ? one.keys : []));
		expect(asked.map(({ selector }) => selector)).toContain("202611");
		expect(asked.map(({ selector }) => selector)).not.toContain("202610");
	});

	it("of a key file ends where the door holds it for somebody else's: its papers did not come along", async () => {
		const world = await retiring();
		await world.advance(20 * DAY_MS);
		const why = {
			gone: false,
			reason: "/keys/202611.private: keyturn did not make it",
			isForeign: true,
		} as const;
		world.refuse = (request) =>
			request.act === "drop" ? { act: "drop", keys: request.keys.map((key) => ({ ...key, ...why })) } : null;
		await world.advance(90 * DAY_MS);
		expect(keyOf(await world.state(), "202611")).toMatchObject({ state: "retired", owes: null });
		const { domains } = await world.tick();
		expect(domains[0]?.error).toBeNull();
	});

	it("of a key file that something needs still waits for a day, with its reason, and is no failure", async () => {
		const world = await retiring();
		await world.advance(20 * DAY_MS);
		world.refuse = (request) =>
			request.act === "drop"
				? {
						act: "drop",
						keys: request.keys.map((key) => ({ ...key, gone: false, reason: "openarc reads it" })),
					}
				: null;
		await world.advance(90 * DAY_MS);
		const asked = world.requested("drop");
		const { domains } = await world.tick();
		expect(domains[0]?.error).toBeNull();
		expect(domains[0]?.waits).toContainEqual(
			expect.objectContaining({ selector: "202611", reason: "its key file stays: openarc reads it" }),
		);
		await world.advance(DAY_MS);
		expect(world.requested("drop")).toBeLessThanOrEqual(asked + 2);
		world.refuse = null;
		await world.advance(DAY_MS);
		expect(keyOf(await world.state(), "202611")).toMatchObject({ state: "retired", owes: null });
	});

	it("counts grace anew from a jump of the clock, a day at least", async () => {
		const world = await retiring();
		world.at = new Date(world.at.getTime() + 20 * DAY_MS);
		await world.tick();
		expect(world.told("clock_suspect")).toEqual(["start"]);
		await world.advance(14 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring" });
		const { domains } = await world.tick();
		expect(domains[0]?.waits).toContainEqual(
			expect.objectContaining({ selector: "202611", reason: expect.stringContaining("the clock jumped") }),
		);
		await world.advance(2 * 60 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
		expect(world.told("clock_suspect").at(-1)).toBe("end");
	});
});

describe("telling", () => {
	it("keeps what cannot be delivered, across restarts too, and delivers it later", async () => {
		const world = new AgentWorld();
		world.sinkFails = true;
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		expect(world.events).toEqual([]);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		world.sinkFails = false;
		await world.advance(3 * 60 * MINUTE_MS);
		expect(world.told("switched")).toEqual([null]);
		expect(world.told("alert_undelivered")).toContain("end");
	});

	it("sets a damaged host document aside, says so, and goes on", async () => {
		const world = new AgentWorld();
		await world.tick();
		const lease = await world.store.lock(0, new AbortController().signal);
		if (lease === "held") throw new Error("held");
		const stored = await world.store.load("host");
		await world.store.save(lease, "host", { schema: 1, surprise: true }, stored?.revision ?? 0);
		await lease.release();
		await world.tick();
		expect(world.told("state_damaged")).toEqual(["start"]);
		expect(await world.states()).toEqual({ "202610": "active" });
	});

	it("leaves a domain alone whose state is damaged, and goes on with the others", async () => {
		const two = ["example.com", "example.org"].map((domain) => policyOf({ ...quick, domain }));
		const world = new AgentWorld(two);
		await world.tick();
		const lease = await world.store.lock(0, new AbortController().signal);
		if (lease === "held") throw new Error("held");
		const stored = await world.store.load("domains/example.org");
		await world.store.save(lease, "domains/example.org", { schema: 7 }, stored?.revision ?? 0);
		await lease.release();
		await world.wish(["example.com"]);
		await world.advance(MINUTE_MS);
		expect(world.told("state_damaged")).toEqual(["start"]);
		expect(await world.states("example.com")).toMatchObject({ "202611": "active" });
	});
});
