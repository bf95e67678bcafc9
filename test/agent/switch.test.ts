import { describe, expect, it, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { dueSoonAfterStop } from "../fakes/soon-after-stop.ts";
import { AgentWorld, rolledBack } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
const two = ["example.com", "example.org"].map((domain) => ({ ...quick, domain }));

function unreachable(): never {
	throw new KeyturnError("door.unreachable", "no answer", { retry: true });
}

describe.each([
	["while packages are being installed", "packages", 10],
	["while the host starts, or one of its services", "not_now", 1],
] as const)("what would stop services %s", (_, why, minutes) => {
	/** The door refuses each commit, as long as it is held. */
	function heldWorld(): { readonly world: AgentWorld; readonly free: () => void } {
		const world = new AgentWorld();
		let isHeld = true;
		world.refuse = ({ act }) =>
			act === "commit" && isHeld ? { act: "refused", why, domains: [], message: "later", hint: null } : null;
		return { world, free: () => void (isHeld = false) };
	}

	it("is a switch that is postponed without an alarm, and done soon afterwards", async () => {
		const { world, free } = heldWorld();
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		expect(world.told("swap_failed")).toEqual([]);
		expect(keyOf(await world.state(), "202611")).toMatchObject({ state: "verified", owes: { tries: 0 } });
		free();
		await world.advance(minutes * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});

	it("is a key that is taken out, likewise", async () => {
		const { world, free } = heldWorld();
		await world.tick();
		await world.ask({ kind: "remove", domains: ["example.com"] });
		await world.advance(30 * MINUTE_MS);
		expect(world.told("swap_failed")).toEqual([]);
		expect(keyOf(await world.state(), "202610")).toMatchObject({ state: "active", owes: { tries: 0 } });
		free();
		await world.advance(minutes * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
	});
});

test.each([
	["that is to be taken out", { kind: "remove", domains: ["example.com"] }],
	["that is to be put to use", { kind: "rotate", domains: ["example.com"], noSoak: false }],
] as const)("a key %s is told of where the host starts for hours", async (_, wish) => {
	const world = new AgentWorld();
	await world.tick();
	world.refuse = ({ act }) =>
		act === "commit" ? { act: "refused", why: "not_now", domains: [], message: "later", hint: null } : null;
	await world.ask(wish);
	await world.advance(50 * MINUTE_MS);
	expect(world.told("swap_failed")).toEqual([]);
	await world.advance(70 * MINUTE_MS);
	expect(world.told("swap_failed")).toEqual(["start"]);
	world.refuse = null;
	await world.advance(10 * MINUTE_MS);
	expect(world.told("swap_failed")).toEqual(["start", "end"]);
});

test("a key that waits for a day after the last stop goes along with the next, though a look at its record is due as well", async () => {
	const world = new AgentWorld(two.map((one) => ({ ...one, publishAheadMs: 9 * DAY_MS })));
	await dueSoonAfterStop(world);
	const staged = () => world.doorRequests.flatMap((one) => (one.act === "stage" ? [one.changes] : []));
	const { domains } = await world.tick();
	expect(domains.map(({ waits }) => waits.map(({ reason }) => reason).join())).toEqual([
		expect.stringContaining("one pause a night"),
		expect.stringContaining("one pause a night"),
	]);
	expect(staged()).toEqual([]);
	await world.wish(["example.com"]);
	// A new process looks at once.
	world.restart();
	await world.tick();
	expect(staged().map((changes) => changes.map(({ domain }) => domain))).toEqual([
		["example.com", "example.org"],
	]);
});

describe("a switch whose end is not known", () => {
	it("is never begun a second time, however long the door is silent", async () => {
		const world = new AgentWorld();
		await world.wish(["example.com"]);
		world.commit = (id, result) => world.loseAnswer(id, rolledBack(result, "no signature"));
		await world.tick();
		world.refuse = unreachable;
		await world.advance(30 * MINUTE_MS);
		expect(world.requested("stage")).toBe(1);
		world.refuse = null;
		await world.advance(60 * MINUTE_MS);
		// The door's result was not lost: its rollback holds the next attempt for a day.
		expect(world.requested("stage")).toBe(1);
		expect(world.told("rolled_back")).toEqual([null]);
	});

	it("is begun again though the door drops nothing, as long as another signer cannot be read", async () => {
		const world = new AgentWorld();
		await world.wish(["example.com"]);
		world.commit = unreachable;
		await world.tick();
		world.commit = (_id, result) => ({ act: "commit", result });
		world.refuse = ({ act }) =>
			act === "drop"
				? { act: "refused", why: "failed", domains: [], message: "signer other: no table", hint: null }
				: null;
		await world.advance(20 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});

	it("is asked for again where the door itself could not keep its end, a rollback with all that follows from it", async () => {
		const world = new AgentWorld();
		await world.wish(["example.com"]);
		world.commit = (id, result) => {
			try {
				return world.loseAnswer(id, rolledBack(result, "no signature"));
			} catch {
				return { act: "refused", why: "unsettled", domains: [], message: "the disk is full", hint: null };
			}
		};
		await world.tick();
		expect(keyOf(await world.state(), "202611")?.owes?.id).not.toBeNull();
		await world.advance(60 * MINUTE_MS);
		expect(world.requested("stage")).toBe(1);
		expect(world.told("rolled_back")).toEqual([null]);
	});

	it.each(["202611", "202610"])(
		"waits for the services of a host that starts, though its tables name %s by then",
		async (named) => {
			const world = new AgentWorld();
			await world.tick();
			const before = keyOf(await world.state(), "202610")?.publicKey ?? "";
			await world.wish(["example.com"]);
			world.commit = (id, result) => {
				world.pending = { reason: "switch 0a waits for its services", hint: "", services: [] };
				return world.loseAnswer(id, rolledBack(result, "no signature"));
			};
			await world.tick();
			const next = keyOf(await world.state(), "202611")?.publicKey ?? "";
			world.signWith("example.com", named, named === "202611" ? next : before);
			world.restart();
			await world.advance(5 * MINUTE_MS);
			expect(await world.states()).toMatchObject({ "202610": "active", "202611": "verified" });
			world.signWith("example.com", "202610", before);
			world.pending = null;
			await world.advance(12 * 60 * MINUTE_MS);
			expect(world.told("rolled_back")).toEqual([null]);
			expect(world.requested("commit"), "the next attempt is a day later").toBe(1);
			expect(await world.states()).toMatchObject({ "202610": "active", "202611": "verified" });
		},
	);

	it("is not taken for done where a line of that name has another key", async () => {
		const world = new AgentWorld();
		await world.wish(["example.com"]);
		world.commit = unreachable;
		await world.tick();
		world.signWith("example.com", "202611");
		await world.advance(5 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "active", "202611": "verified" });
		expect(world.told("switched")).toEqual([]);
	});

	it("waits while the signer cannot be read", async () => {
		const world = new AgentWorld();
		await world.wish(["example.com"]);
		world.commit = unreachable;
		await world.tick();
		const lines = world.lines.splice(0);
		world.signerProblem = "the table is gone";
		await world.advance(10 * MINUTE_MS);
		expect(keyOf(await world.state(), "202611")?.owes?.id).not.toBeNull();
		world.lines.push(...lines);
		world.signerProblem = null;
		world.commit = (_id, result) => ({ act: "commit", result });
		await world.advance(60 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});
});

describe("a key whose copy cannot be read", () => {
	it("stays behind, and every other is switched", async () => {
		const world = new AgentWorld(two);
		await world.wish(["example.com", "example.org"]);
		world.failCopy = "example.com";
		await world.advance(30 * MINUTE_MS);
		expect(await world.states("example.org")).toMatchObject({ "202611": "active" });
		expect(await world.states("example.com")).toMatchObject({ "202611": "verified" });
		expect(keyOf(await world.state("example.com"), "202611")?.owes?.id).toBeNull();
		expect(world.events.find(({ event }) => event === "swap_failed")).toMatchObject({
			domains: ["example.com"],
			detail: "the copy: no permission",
		});
		world.failCopy = null;
		await world.advance(30 * MINUTE_MS);
		expect(await world.states("example.com")).toMatchObject({ "202611": "active" });
	});
});

describe("a switch whose end is not known, to a key whose file cannot be read for a moment,", () => {
	it("is neither given up nor begun again, and taken over once it can", async () => {
		const world = new AgentWorld();
		await world.wish(["example.com"]);
		world.commit = unreachable;
		await world.tick();
		const [line] = world.lines;
		if (line === undefined) throw new Error("nothing signs");
		const problem = "its key file cannot be read: cannot stat /k: EIO";
		world.lines.splice(0, 1, { ...line, selector: "202611", publicKey: null, problem });
		await world.advance(10 * MINUTE_MS);
		expect(keyOf(await world.state(), "202611")?.owes?.id).not.toBeNull();
		expect(world.requested("drop")).toBe(0);
		const publicKey = keyOf(await world.state(), "202611")?.publicKey ?? null;
		world.lines.splice(0, 1, { ...line, selector: "202611", publicKey, problem: null });
		await world.advance(60 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.requested("stage")).toBe(1);
	});
});

test("a signer that cannot be read is what a domain waits for, in its own words", async () => {
	const world = new AgentWorld();
	world.lines.splice(0);
	world.signerProblem = "/etc/opendkim.conf: no KeyTable";
	const { domains } = await world.tick();
	expect(domains[0]?.waits).toMatchObject([
		{ until: null, reason: "the signer's configuration could not be read: /etc/opendkim.conf: no KeyTable" },
	]);
});

describe("a tick that is told to stop", () => {
	it("in the middle of a commit takes its result over first", async () => {
		const world = new AgentWorld();
		const stopping = new AbortController();
		await world.wish(["example.com"]);
		world.commit = (_id, result) => {
			stopping.abort();
			return { act: "commit", result };
		};
		await expect(world.tick(stopping.signal)).rejects.toThrow();
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
	});

	it("counts nothing that ended by it as a failure", async () => {
		const world = new AgentWorld();
		const stopping = new AbortController();
		await world.wish(["example.com"]);
		world.refuse = (request) => {
			if (request.act !== "stage") return null;
			stopping.abort();
			return unreachable();
		};
		await expect(world.tick(stopping.signal)).rejects.toThrow();
		world.refuse = null;
		world.restart();
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("swap_failed")).toEqual([]);
	});
});

describe("a door that is busy", () => {
	it("is asked again later, and nobody is told that the end of a switch is not known", async () => {
		const world = new AgentWorld();
		await world.wish(["example.com"]);
		world.refuse = (request) =>
			request.act === "stage" || request.act === "drop"
				? { act: "refused", why: "busy", domains: [], message: "another is at work", hint: null }
				: null;
		await world.tick();
		expect(JSON.stringify(await world.store.load("host"))).toContain("the old key goes on signing");
		world.refuse = null;
		await world.advance(20 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("swap_failed")).toEqual(["start", "end"]);
	});
});

describe("a result", () => {
	it("of several signers is each key's own", async () => {
		const world = new AgentWorld(two);
		await world.wish(["example.com", "example.org"]);
		world.commit = (_id, result) => ({
			act: "commit",
			result: {
				...result,
				outcome: "conflict",
				reason: "a table was changed",
				keys: result.keys.map((key) =>
					key.domain === "example.org" ? { ...key, outcome: "rolled_back" } : key,
				),
			},
		});
		await world.tick();
		expect(await world.states("example.com")).toMatchObject({ "202611": "active" });
		expect(await world.states("example.org")).toMatchObject({ "202610": "active", "202611": "verified" });
	});

	it("says where a key in use is not proven", async () => {
		const world = new AgentWorld();
		await world.wish(["example.com"]);
		world.commit = (_id, result) => ({
			act: "commit",
			result: { ...result, keys: result.keys.map((key) => ({ ...key, reason: "not proven: unsigned" })) },
		});
		await world.tick();
		expect(world.events.find((event) => event.event === "switched")?.detail).toContain("not proven");
	});

	it.each(["rolled_back", "conflict"] as const)(
		"that is a %s keeps the record through grace, since mail may have been signed with it",
		async (outcome) => {
			const world = new AgentWorld();
			await world.wish(["example.com"]);
			world.commit = (_id, result) => ({
				act: "commit",
				result: { ...rolledBack(result, "no signature"), outcome },
			});
			await world.tick();
			const rsa = { ...quick, key: { algorithm: "rsa" as const, bits: 1024 } };
			world.reconfigure([rsa]);
			await world.advance(13 * DAY_MS);
			expect(world.told("given_up")).toEqual([null]);
			expect(await world.states()).toMatchObject({ "202611": "retiring" });
			expect(world.changes.filter((change) => change.kind === "remove")).toEqual([]);
		},
	);

	it("of a reload has the old key in use for a day more at most, over connections that were open", async () => {
		const world = new AgentWorld([quick]);
		await world.wish(["example.com"]);
		world.commit = (_id, result) => ({ act: "commit", result: { ...result, oldProcessGone: false } });
		const { at } = world;
		await world.tick();
		expect(keyOf(await world.state(), "202610")).toMatchObject({
			state: "retiring",
			uses: [{ lastAt: null, lastAtLatest: new Date(at.getTime() + DAY_MS).toISOString() }],
		});
	});

	it("that is done ends the trouble of one that was not, even where the process gets no further", async () => {
		const world = new AgentWorld([quick]);
		await world.wish(["example.com"]);
		world.commit = (_id, result) => ({ act: "commit", result: rolledBack(result, "no signature") });
		await world.tick();
		world.commit = (_id, result) => ({ act: "commit", result });
		world.failRemove = true;
		await world.wish(["example.com"], "w2");
		await world.tick();
		world.restart();
		world.failRemove = false;
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("swap_failed")).toEqual(["start", "end"]);
	});

	it("taken over for one domain is not doubted when the next domain's cannot be saved", async () => {
		const world = new AgentWorld(two);
		await world.wish(["example.com", "example.org"]);
		world.commit = (_id, result) => {
			world.failSave = "example.org";
			return { act: "commit", result };
		};
		await world.tick();
		world.failSave = null;
		const trouble = world.events.find((event) => event.event === "swap_failed");
		expect(trouble?.domains).toEqual(["example.org"]);
		await world.advance(5 * MINUTE_MS);
		expect(await world.states("example.org")).toMatchObject({ "202611": "active" });
		expect(world.told("swap_failed")).toEqual(["start", "end"]);
	});
});
