import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
/** 22 November, noon. */
const windowed = { ...quick, window: { fromMinute: 120, toMinute: 300 } };

function unsigned(policies = [quick]): AgentWorld {
	const world = new AgentWorld(policies);
	world.signNothing();
	return world;
}

async function add(world: AgentWorld, noSoak = false): Promise<void> {
	await world.ask({ kind: "add", noSoak, domains: world.policies.map(({ domain }) => domain) });
}

async function remove(world: AgentWorld): Promise<void> {
	await world.ask({ kind: "remove", domains: world.policies.map(({ domain }) => domain) });
}

function changesOf(world: AgentWorld) {
	return world.doorRequests.flatMap((request) => (request.act === "stage" ? request.changes : []));
}

describe("a domain that nothing signs for", () => {
	it("gets a key of this month, its record, and only then its lines", async () => {
		const world = unsigned();
		await world.tick();
		expect(await world.states()).toEqual({ "202611": "active" });
		expect(changesOf(world)).toMatchObject([
			{ domain: "example.com", from: null, to: { selector: "202611" } },
		]);
		const staged = world.doorRequests.findIndex(({ act }) => act === "stage");
		expect(staged).toBeGreaterThan(-1);
		expect(world.looks.length).toBeGreaterThan(1);
		expect(world.lines.map((line) => line.selector)).toEqual(["202611"]);
		const evidence = world.doorRequests.flatMap((request) =>
			request.act === "commit" ? request.evidence : [],
		);
		expect(evidence.map(({ selector }) => selector)).toEqual(["202611"]);
	});

	it("counts as turned: its next key is that of the next slot", async () => {
		const world = unsigned();
		await world.tick();
		await world.advance(8 * DAY_MS);
		expect(await world.states()).toEqual({ "202611": "active" });
		await world.advance(3 * DAY_MS);
		expect(await world.states()).toEqual({ "202611": "retiring", "202612": "active" });
	});

	it("has its key soak like any other", async () => {
		const world = unsigned([{ ...quick, verify: { ...quick.verify, soakMs: HOUR_MS } }]);
		await world.advance(50 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202611": "published" });
		expect(world.requested("stage")).toBe(0);
		await world.advance(20 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202611": "active" });
	});

	it("waits until nobody remembers what a wildcard answered for its name, be that more than a day", async () => {
		const world = unsigned([{ ...quick, verify: { ...quick.verify, soakMs: "auto" } }]);
		world.wildcardTtlSeconds = (2 * DAY_MS) / 1000;
		await world.advance(2 * DAY_MS - 5 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202611": "published" });
		world.restart();
		await world.advance(20 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202611": "active" });
	});

	it("is not switched on hope", async () => {
		const world = unsigned();
		world.verdict = () => "absent";
		await world.advance(DAY_MS);
		expect(await world.states()).toEqual({ "202611": "published" });
		expect(world.requested("stage")).toBe(0);
	});

	it("whose switch is not done goes unsigned, as is told", async () => {
		const world = unsigned();
		world.commit = (_id, result) => ({ act: "commit", result: { ...result, outcome: "undone", keys: [] } });
		await world.advance(MINUTE_MS);
		expect(world.events.find(({ event }) => event === "swap_failed")?.summary).toBe(
			"main: the switch to a new key was not done; until then its mail goes unsigned, as before",
		);
	});

	it("waits for its window, unless its key was asked for", async () => {
		const world = unsigned([windowed]);
		await world.advance(6 * HOUR_MS);
		expect(await world.states()).toEqual({ "202611": "verified" });
		await add(world);
		await world.tick();
		expect(await world.states()).toEqual({ "202611": "active" });
		expect((await world.state()).wants.add).toBeNull();
	});

	it("waits a day after the last pause, and not for it where the signer reloads", async () => {
		for (const swap of ["restart", "reload"] as const) {
			const world = unsigned([{ ...quick, swap }]);
			world.lastPauseAt = new Date(world.at.getTime() - HOUR_MS).toISOString();
			await world.tick();
			expect(await world.states()).toEqual({ "202611": swap === "restart" ? "verified" : "active" });
		}
	});

	it("has lines that keyturn cannot handle, and is left alone with the reason", async () => {
		for (const [changes, why] of [
			[{ problem: "it is an entry for several domains (%)" }, /several domains/],
			[{ publicKey: null }, /its key file cannot be read/],
		] as const) {
			const world = new AgentWorld([quick]);
			world.lines.splice(0, 1, ...world.lines.map((line) => ({ ...line, ...changes })));
			await add(world);
			const { domains } = await world.tick();
			expect(domains[0]?.waits).toMatchObject([
				{ until: null, reason: expect.stringMatching(why) as string },
			]);
			expect(world.changes).toEqual([]);
			expect(await world.states()).toEqual({});
		}
	});

	it("gets none where its signer says that it has no place for one", async () => {
		const world = unsigned();
		world.firstKeyFaults.push({ domain: "example.com", reason: "its mail is signed already" });
		const { domains } = await world.tick();
		expect(domains[0]?.waits[0]?.reason).toBe("no first key for example.com: its mail is signed already");
		expect(world.changes).toEqual([]);
		world.firstKeyFaults.splice(0);
		await world.advance(2 * HOUR_MS);
		expect(await world.states()).toEqual({ "202611": "active" });
	});

	it("gets none while its signer cannot be read", async () => {
		const world = unsigned();
		world.signerProblem = "the table is gone";
		await world.advance(HOUR_MS);
		expect(world.changes).toEqual([]);
	});

	it("is adopted as it is when somebody gives it lines meanwhile, and what was made ahead is for its next turn", async () => {
		const world = unsigned([windowed]);
		await world.tick();
		world.signWith("example.com", "byhand");
		await world.advance(5 * DAY_MS);
		expect(await world.states()).toEqual({ "202611": "verified", byhand: "active" });
		expect(world.requested("stage")).toBe(0);
		await world.advance(5 * DAY_MS);
		expect(await world.states()).toEqual({ "202611": "active", byhand: "retiring" });
	});

	it("is settled after a crash by the result, and is not switched twice", async () => {
		const world = unsigned();
		world.commit = (id, result) => world.loseAnswer(id, result);
		await world.tick();
		world.restart();
		await world.advance(HOUR_MS);
		expect(await world.states()).toEqual({ "202611": "active" });
		expect(world.requested("stage")).toBe(1);
	});
});

describe("asked to add a domain that a key signs for", () => {
	it("nothing is turned, also where it has to be adopted first", async () => {
		const world = new AgentWorld([quick]);
		await add(world);
		await world.tick();
		expect(await world.states()).toEqual({ "202610": "active" });
		await add(world);
		await world.advance(HOUR_MS);
		expect(await world.states()).toEqual({ "202610": "active" });
		expect((await world.state()).wants).toMatchObject({ add: null, rotate: null });
	});
});

describe("a domain that is to be removed", () => {
	/** With a key of ours in use. */
	async function turned(policies = [quick]): Promise<AgentWorld> {
		const world = unsigned(policies);
		await add(world, true);
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "active" });
		return world;
	}

	it("is signed no more first; its record goes after grace, and it gets no new key", async () => {
		const world = await turned([windowed]);
		await remove(world);
		await world.tick();
		expect(changesOf(world).at(-1)).toEqual({
			signer: "main",
			domain: "example.com",
			from: "202611",
			to: null,
		});
		expect(world.lines).toEqual([]);
		expect(await world.states()).toEqual({ "202611": "retiring" });
		expect(world.zone.get("202611._domainkey.example.com")).toHaveLength(1);

		await world.advance(13 * DAY_MS);
		expect(await world.states()).toEqual({ "202611": "retiring" });
		await world.advance(2 * DAY_MS);
		expect(await world.states()).toEqual({ "202611": "retired" });
		expect(world.zone.get("202611._domainkey.example.com")).toEqual([]);
		await world.advance(60 * DAY_MS);
		expect(await world.states()).toEqual({ "202611": "retired" });
		const { domains } = await world.tick();
		expect(domains[0]?.waits.map(({ reason }) => reason)).toContain(
			"example.com has left: its entry in keyturn.yaml can be deleted",
		);
	});

	it("has a key that was made ahead given up", async () => {
		const world = await turned([{ ...quick, publishAheadMs: 10 * DAY_MS, jitterMs: 0 }]);
		await world.advance(HOUR_MS);
		expect(await world.states()).toMatchObject({ "202612": "verified" });
		await remove(world);
		await world.advance(HOUR_MS);
		expect(await world.states()).toEqual({ "202611": "retiring", "202612": "retired" });
		expect(world.told("given_up")).toEqual([null]);
	});

	it("keeps the record of a key that keyturn did not make, and says so", async () => {
		const world = new AgentWorld([quick]);
		await remove(world);
		await world.advance(40 * DAY_MS);
		expect(world.lines).toEqual([]);
		expect(await world.states()).toEqual({ "202610": "retiring" });
		const { domains } = await world.tick();
		expect(domains[0]?.waits.map(({ reason }) => reason).join("; ")).toMatch(/keyturn did not make it/);
		expect(world.changes).toEqual([]);
	});

	it("stays when it is added again, with a new first key", async () => {
		const world = await turned();
		await remove(world);
		await world.tick();
		await add(world);
		await world.tick();
		expect(await world.states()).toEqual({ "202611": "retiring", "202611b": "active" });
		expect((await world.state()).wants).toMatchObject({ add: null, remove: null });
	});

	it("has its first key at once, whatever its window, where it was on its way out when it was added again", async () => {
		const world = new AgentWorld([windowed]);
		await world.tick();
		world.commit = (id, result) => world.loseAnswer(id, result);
		await remove(world);
		await world.tick();
		expect(await world.states()).toEqual({ "202610": "active" });
		world.commit = (_id, result) => ({ act: "commit", result });
		await add(world);
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
	});

	it("goes on being signed where the signer did not let go, which is told, and it is tried a day later, then two", async () => {
		const world = await turned();
		world.commit = (_id, result) => ({
			act: "commit",
			result: {
				...result,
				outcome: "rolled_back",
				reason: "still signed",
				keys: result.keys.map((key) => ({ ...key, outcome: "rolled_back" as const })),
			},
		});
		await remove(world);
		const tries = () => changesOf(world).filter(({ to }) => to === null).length;
		await world.advance(20 * HOUR_MS);
		expect(await world.states()).toEqual({ "202611": "active" });
		expect(world.told("swap_failed")[0]).toBe("start");
		expect(tries()).toBe(1);
		await world.advance(6 * HOUR_MS);
		expect(tries()).toBe(2);
		await world.advance(40 * HOUR_MS);
		expect(tries(), "from then on two days, four …").toBe(2);
		world.commit = (_id, result) => ({ act: "commit", result });
		await world.advance(10 * HOUR_MS);
		expect(await world.states()).toEqual({ "202611": "retiring" });
		expect(world.told("swap_failed").at(-1)).toBe("end");
	});

	it("is settled after a crash by the door's result", async () => {
		const world = await turned();
		await remove(world);
		world.commit = (id, result) => world.loseAnswer(id, result);
		await world.tick();
		expect((await world.state()).keys[0]).toMatchObject({ state: "active", owes: { act: "takeOut" } });
		world.restart();
		await world.advance(HOUR_MS);
		expect(await world.states()).toEqual({ "202611": "retiring" });
		expect(changesOf(world).filter(({ to }) => to === null)).toHaveLength(1);
		expect(world.told("recovered")).toEqual([null]);
	});

	it("is planned anew after a crash before the door heard of it", async () => {
		const world = await turned();
		await remove(world);
		world.refuse = ({ act }) => {
			if (act === "commit" || act === "drop")
				throw new KeyturnError("door.unreachable", "no answer", { retry: true });
			return null;
		};
		await world.tick();
		world.refuse = null;
		world.restart();
		await world.advance(HOUR_MS);
		expect(await world.states()).toEqual({ "202611": "retiring" });
		expect(world.lines).toEqual([]);
	});

	it("loses the line that is left where somebody edited the tables in the middle of it", async () => {
		const world = await turned();
		await remove(world);
		world.commit = () => {
			world.lines.splice(0, Infinity, ...world.lines.map((line) => ({ ...line, signs: false })));
			throw new KeyturnError("door.unreachable", "no answer", { retry: true });
		};
		await world.tick();
		world.commit = (_id, result) => ({ act: "commit", result });
		await world.advance(HOUR_MS);
		expect(await world.states()).toEqual({ "202611": "retiring" });
		expect(world.lines).toEqual([]);
	});

	it("has lost its lines by other hands: their last use counts a day later", async () => {
		const world = await turned();
		await remove(world);
		world.signNothing();
		const requests = world.requested("stage");
		await world.tick();
		expect(world.requested("stage")).toBe(requests);
		expect(await world.states()).toEqual({ "202611": "retiring" });
		expect((await world.state()).keys[0]?.uses[0]).toMatchObject({
			lastAt: null,
			lastAtLatest: new Date(world.at.getTime() + DAY_MS).toISOString(),
		});
	});

	it("leaves others that are refused behind, and takes the rest", async () => {
		const two = ["example.com", "example.org"].map((domain) => ({ ...quick, domain }));
		const world = new AgentWorld(two);
		world.refuse = (request) =>
			request.act === "stage" && request.changes.some(({ domain }) => domain === "example.org")
				? { act: "refused", why: "failed", domains: ["example.org"], message: "a line with %", hint: null }
				: null;
		await world.tick();
		await remove(world);
		await world.tick();
		expect(await world.states("example.com")).toEqual({ "202610": "retiring" });
		expect(await world.states("example.org")).toEqual({ "202610": "active" });
		expect(world.told("swap_failed")).toEqual(["start"]);
	});
});

describe("a key whose lines were taken out and are put back by hand", () => {
	async function putBack(): Promise<AgentWorld> {
		const world = new AgentWorld([quick]);
		await world.tick();
		const [key] = (await world.state()).keys;
		await remove(world);
		await world.advance(2 * DAY_MS);
		expect(await world.states()).toEqual({ "202610": "retiring" });
		world.signWith("example.com", "202610", key?.publicKey);
		world.restart();
		await world.advance(MINUTE_MS);
		return world;
	}

	it("is told while its domain is leaving, and left alone", async () => {
		const world = await putBack();
		expect(await world.states()).toEqual({ "202610": "retiring" });
		const told = world.events.find(({ event }) => event === "drift_detected");
		expect(told?.summary).toContain("the signer's tables name 202610 again");
		expect(told?.hint).toContain("keyturn add example.com");
	});

	it("is looked at before the record of an older one goes", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		for (const id of ["w1", "w2"]) {
			await world.wish(["example.com"], id);
			await world.advance(MINUTE_MS);
		}
		const { publicKey = "" } = keyOf(await world.state(), "202611b") ?? {};
		await remove(world);
		await world.advance(MINUTE_MS);
		world.signWith("example.com", "202611b", publicKey);
		world.verdict = (selector) => (selector === "202611b" ? "absent" : "right");
		await world.advance(quick.retire.graceMs + 2 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring", "202611b": "retiring" });
		world.verdict = () => "right";
		await world.advance(DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired", "202611b": "retiring" });
	});

	it("is turned at once when the domain is added again", async () => {
		const world = await putBack();
		await world.ask({ kind: "add", noSoak: false, domains: ["example.com"] }, "w9");
		await world.advance(HOUR_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
		expect(world.lines.map(({ selector }) => selector)).toEqual(["202611"]);
		expect((await world.state()).wants.add).toBeNull();
		expect(world.told("drift_detected")).toEqual(["start", "end"]);
	});

	it("is told where the file of that name holds another key, which no record verifies", async () => {
		const world = await putBack();
		await world.ask({ kind: "add", noSoak: false, domains: ["example.com"] }, "w9");
		world.signWith("example.com", "202610");
		world.restart();
		await world.advance(HOUR_MS);
		const critical = world.events.find(
			({ event, severity }) => event === "drift_detected" && severity === "critical",
		);
		expect(critical?.detail).toContain(
			"expected the key whose record is 202610._domainkey.example.com, got another key",
		);
		expect(critical?.hint).toContain("take its lines out");
		world.signNothing();
		world.restart();
		await world.advance(HOUR_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
		expect(world.told("drift_detected").at(-1)).toBe("end");
	});
});
