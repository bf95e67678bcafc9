import { describe, expect, it } from "vitest";
import { keyOf } from "../../src/rotation/domain-state.ts";
import type { LookReport } from "../../src/ports/propagation.ts";
import { AgentWorld, rolledBack } from "../fakes/agent-world.ts";
import { newHalf, policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const quick = policyOf({
	publishAheadMs: 0,
	verify: { ...policyOf().verify, soakMs: 0 },
	retire: { ...policyOf().retire, adopted: true },
});
const OWNER = "202611._domainkey.example.com";

/** 202611 was made and signs. */
async function turnedWorld(policy = quick): Promise<AgentWorld> {
	const world = new AgentWorld([policy]);
	await world.tick();
	await world.wish(["example.com"], "turn");
	await world.advance(MINUTE_MS);
	return world;
}

function changeLine(world: AgentWorld, changes: Partial<AgentWorld["lines"][number]>): void {
	const [line] = world.lines;
	if (line === undefined) throw new Error("nothing signs");
	world.lines.splice(0, 1, { ...line, ...changes });
}

async function publicKeyOf(world: AgentWorld, selector: string): Promise<string> {
	return keyOf(await world.state(), selector)?.publicKey ?? "";
}

/** 202611 was revoked, and 202611b signs. */
async function revokedWorld(): Promise<AgentWorld> {
	const world = await turnedWorld();
	await world.ask({
		kind: "revoke",
		domains: ["example.com"],
		selector: "202611",
		noSoak: false,
		unsigned: false,
		useStandby: false,
	});
	await world.advance(DAY_MS);
	expect(await world.states()).toMatchObject({ "202611": "revoked", "202611b": "active" });
	return world;
}

function lastSwitch(world: AgentWorld) {
	const [change] =
		world.doorRequests.flatMap((one) => (one.act === "stage" ? [one.changes] : [])).at(-1) ?? [];
	return { from: change?.from, to: change?.to?.selector };
}

function hints(world: AgentWorld): readonly (string | null)[] {
	return world.events.filter((event) => event.event === "drift_detected").map((event) => event.hint);
}

function drifts(world: AgentWorld): readonly (string | null)[] {
	return world.events.filter((event) => event.event === "drift_detected").map((event) => event.summary);
}

describe("drift", () => {
	it("is none where another keyturn has switched since the signer was looked at", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		const daemon = world.agent;
		world.restart();
		await world.wish(["example.com"], "turn");
		await world.advance(MINUTE_MS);
		const { keys } = await world.state();
		expect(keys.map(({ state }) => state)).toEqual(["retiring", "active"]);
		world.agent = daemon;
		await world.tick();
		expect(world.told("drift_detected")).toEqual([]);
		expect((await world.state()).keys).toEqual(keys);
	});

	it.each([
		[{ publicKey: null }, /rotate --now puts a new key in place/],
		[
			{ publicKey: null, problem: "its key file cannot be read: cannot stat /k: EIO" },
			/put that right: .* no new key takes its place/,
		],
	])("of %j is told with what mends it", async (changes, hint) => {
		const world = await turnedWorld();
		changeLine(world, changes);
		await world.advance(2 * HOUR_MS);
		expect(hints(world)).toEqual([expect.stringMatching(hint)]);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
	});

	it.each([
		[{ selector: "202610" }, "expected 202611 in the signer's tables, got 202610"],
		[{ signs: false }, "no line of the signing table uses 202611 any more: mail goes out unsigned"],
		[{ publicKey: null }, "expected the key of 202611, got no readable key"],
		[{ publicKey: newHalf().publicKey }, `expected the key whose record is ${OWNER}, got another key`],
		[{ unsafe: "everybody can read it" }, "the signer refuses it: everybody can read it"],
		[{ problem: "it is cut" }, "the line of 202611: it is cut"],
	])("of %j is named, and its end is told", async (changes, words) => {
		const world = await turnedWorld();
		const before = [...world.lines];
		changeLine(world, changes);
		await world.advance(2 * HOUR_MS);
		expect(drifts(world)).toEqual([expect.stringContaining(words)]);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
		world.lines.splice(0, 1, ...before);
		await world.advance(2 * HOUR_MS);
		expect(world.told("drift_detected")).toEqual(["start", "end"]);
	});

	it("of a running signer that has other tables is found daily, and its end each hour", async () => {
		const world = await turnedWorld();
		await world.advance(3 * DAY_MS);
		expect(world.probed.map(({ selector }) => selector)).toEqual(["202611", "202611", "202611"]);
		expect(world.probed[0]).toMatchObject({
			signer: "main",
			domain: "example.com",
			record: expect.stringMatching(/^v=/),
		});
		world.probeFault = () => "signed with 202610 of example.com, expected 202611";
		await world.advance(DAY_MS);
		expect(drifts(world).slice(0, 1)).toEqual([
			"example.com: the tables name 202611, but the running signer does not sign with it: signed with 202610 of example.com, expected 202611",
		]);
		expect(world.events.at(-1)).toMatchObject({
			severity: "critical",
			hint: expect.stringContaining("reload"),
		});
		world.probeFault = () => null;
		await world.advance(2 * HOUR_MS);
		expect(world.told("drift_detected").at(-1)).toBe("end");
	});

	it("of a running signer keeps the record of the old key, which it may sign with", async () => {
		const world = await turnedWorld({ ...quick, retire: { ...quick.retire, graceMs: 2 * DAY_MS } });
		world.probeFault = () => "signed with 202610 of example.com, expected 202611";
		await world.advance(5 * DAY_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
		expect(world.events.find(({ event }) => event === "retire_failed")).toMatchObject({
			selector: "202610",
			detail: expect.stringContaining("does not sign with it: signed with 202610 of example.com"),
			hint: expect.stringContaining("record of 202610"),
		});
		world.probeFault = () => null;
		await world.advance(2 * HOUR_MS);
		expect(await world.states()).toEqual({ "202610": "retired", "202611": "active" });
		expect(world.told("retire_failed").at(-1)).toBe("end");
	});

	it("of the tables is told without asking the running signer, nor is a door that gives no answer one", async () => {
		const world = await turnedWorld();
		world.refuse = (request) =>
			request.act === "inspect" && request.probe !== undefined
				? { act: "refused", why: "failed", domains: [], message: "no", hint: null }
				: null;
		await world.advance(2 * DAY_MS);
		expect(drifts(world)).toEqual([]);
		world.refuse = null;
		changeLine(world, { publicKey: null });
		await world.advance(2 * DAY_MS);
		expect(world.probed).toEqual([]);
	});

	it("is no key of somebody else's beside ours", async () => {
		const world = await turnedWorld();
		const [line] = world.lines;
		if (line === undefined) throw new Error("nothing signs");
		world.lines.push({ ...line, selector: "newsletter", entry: "news", publicKey: newHalf().publicKey });
		await world.advance(2 * HOUR_MS);
		expect(drifts(world)).toEqual([]);
	});

	it("says that the signer's configuration cannot be read", async () => {
		const world = await turnedWorld();
		world.signerProblem = "KeyTable: no such file";
		await world.advance(2 * HOUR_MS);
		expect(drifts(world)).toEqual([expect.stringContaining("cannot be read: KeyTable: no such file")]);
	});
});

describe("a retired key found in use again", () => {
	async function restoredWorld(): Promise<AgentWorld> {
		const world = await turnedWorld();
		const old = keyOf(await world.state(), "202611")?.publicKey ?? "";
		await world.wish(["example.com"], "w2");
		await world.advance(16 * DAY_MS);
		expect(await world.states()).toMatchObject({
			"202611": "retired",
			"202611b": "retiring",
			"202612": "active",
		});
		expect(world.zone.get(OWNER)).toEqual([]);
		world.signWith("example.com", "202611", old);
		return world;
	}

	it("has its record published again at once, and is taken over when every server has it", async () => {
		const world = await restoredWorld();
		world.verdict = (selector) => (selector === "202611" ? "absent" : "right");
		await world.advance(2 * HOUR_MS);
		expect(world.zone.get(OWNER)).toHaveLength(1);
		expect(drifts(world)).toEqual([expect.stringMatching(/202611 again, whose record was removed on/)]);
		world.verdict = () => "right";
		await world.advance(2 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "active", "202612": "retiring" });
		expect(world.told("drift_detected")).toEqual(["start", "end"]);
	});

	it("that is taken out again before it is everywhere is not turned to, and keeps its record for grace", async () => {
		const world = await restoredWorld();
		const now = await publicKeyOf(world, "202612");
		world.verdict = (selector) => (selector === "202611" ? "absent" : "right");
		await world.advance(2 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "published", "202612": "active" });
		world.signWith("example.com", "202612", now);
		await world.advance(3 * HOUR_MS);
		world.verdict = () => "right";
		await world.advance(5 * DAY_MS);
		expect(lastSwitch(world)).toMatchObject({ to: "202612" });
		expect(await world.states()).toMatchObject({ "202611": "retiring", "202612": "active" });
		expect(world.zone.get(OWNER)).toHaveLength(1);
		expect(world.events.findLast(({ event }) => event === "given_up")?.summary).toBe(
			"example.com: 202611 is given up: the tables name it no more, and 202612 signs",
		);
		await world.advance(10 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
		expect(world.zone.get(OWNER)).toEqual([]);
	});

	it("is told until its record is everywhere where no other key signs, too", async () => {
		const world = new AgentWorld([{ ...quick, schedule: scheduleOf("0 3 1 6 *") }]);
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		const old = await publicKeyOf(world, "202611");
		await world.ask({ kind: "remove", domains: ["example.com"] }, "w2");
		await world.advance(16 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
		await world.ask({ kind: "add", domains: ["example.com"], noSoak: false }, "w3");
		world.signWith("example.com", "202611", old);
		world.verdict = () => "absent";
		world.restart();
		await world.advance(2 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		expect(world.told("drift_detected")).toEqual(["start"]);
		world.verdict = () => "right";
		await world.advance(2 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("drift_detected")).toEqual(["start", "end"]);
	});

	it("does not get in the way of the next key, nor is it given up", async () => {
		const world = await restoredWorld();
		world.verdict = (selector) => (selector === "202611" ? "absent" : "right");
		await world.advance(2 * HOUR_MS);
		world.reconfigure([{ ...quick, key: { algorithm: "rsa", bits: 2048 } }]);
		await world.advance(2 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
	});

	it("that was revoked is told and turned away from at once, and its record stays empty", async () => {
		const world = await revokedWorld();
		const { length } = world.changes;
		world.signWith("example.com", "202611", await publicKeyOf(world, "202611"));
		world.restart();
		await world.advance(5 * MINUTE_MS);
		expect(drifts(world)[0]).toMatch(/the signer uses 202611 again, which is revoked/);
		expect(await world.states()).toMatchObject({
			"202611": "revoked",
			"202611b": "retiring",
			"202611c": "active",
		});
		expect(lastSwitch(world)).toEqual({ from: "202611", to: "202611c" });
		expect(world.changes.slice(length).map(({ kind, name }) => [kind, name])).toEqual([
			["add", "202611c._domainkey.example.com"],
		]);
		expect(world.told("drift_detected")).toEqual(["start", "end"]);
		expect((await world.state()).wants.rotate).toBeNull();
	});

	it("that was revoked is turned away from without soak: its mail fails already", async () => {
		const world = await revokedWorld();
		world.reconfigure([{ ...quick, verify: { ...quick.verify, soakMs: HOUR_MS } }]);
		world.signWith("example.com", "202611", await publicKeyOf(world, "202611"));
		await world.advance(5 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611c": "active" });
	});

	it("is turned away from after its empty record is removed, too, and where its private half is known", async () => {
		const world = await revokedWorld();
		await world.advance(31 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
		world.signWith("example.com", "202611", await publicKeyOf(world, "202611"));
		world.restart();
		await world.advance(5 * MINUTE_MS);
		expect(lastSwitch(world)).toMatchObject({ from: "202611" });
		expect(await world.states()).toMatchObject({ "202611": "retired" });
	});

	describe("beside the key in use", () => {
		async function besideWorld() {
			const world = await revokedWorld();
			const publicKey = await publicKeyOf(world, "202611");
			const [line] = world.lines;
			if (line === undefined) throw new Error("nothing signs");
			world.lines.push({ ...line, selector: "202611", entry: "more", publicKey });
			world.restart();
			return world;
		}

		it("that was revoked is told, and its lines are given to the key in use at once", async () => {
			const world = await besideWorld();
			const inUse = keyOf(await world.state(), "202611b");
			await world.advance(5 * MINUTE_MS);
			expect(drifts(world)[0]).toContain("the signer's tables also use 202611, which is revoked");
			expect(lastSwitch(world)).toEqual({ from: "202611", to: "202611b" });
			expect(world.lines.map(({ selector }) => selector)).toEqual(["202611b"]);
			expect(keyOf(await world.state(), "202611b")).toEqual(inUse);
			await world.advance(HOUR_MS);
			expect(world.told("drift_detected")).toEqual(["start", "end"]);
		});

		it("waits where the door refuses, and says why", async () => {
			const world = await besideWorld();
			world.refuse = (request) =>
				request.act === "stage"
					? { act: "refused", why: "preflight", domains: [], message: "opendkim -n: no", hint: null }
					: null;
			await world.advance(5 * MINUTE_MS);
			expect(world.told("swap_failed")).toEqual(["start"]);
			expect(keyOf(await world.state(), "202611b")).toMatchObject({
				state: "active",
				owes: { act: "switch", id: null, tries: 1 },
			});
			world.refuse = null;
			await world.advance(HOUR_MS);
			expect(lastSwitch(world)).toEqual({ from: "202611", to: "202611b" });
			expect(keyOf(await world.state(), "202611b")?.owes).toBeNull();
		});

		it("is tried again a day after it was rolled back, and the key in use stays what it is", async () => {
			const world = await besideWorld();
			const { commit } = world;
			world.commit = (_id, result) => ({ act: "commit", result: rolledBack(result, "unsigned") });
			await world.advance(5 * MINUTE_MS);
			expect(world.told("rolled_back")).toHaveLength(1);
			expect(await world.states()).toMatchObject({ "202611": "revoked", "202611b": "active" });
			world.commit = commit;
			await world.advance(DAY_MS + HOUR_MS);
			expect(world.lines.map(({ selector }) => selector)).toEqual(["202611b"]);
		});

		it("is settled where the answer to it was lost", async () => {
			const world = await besideWorld();
			world.commit = (id, result) => world.loseAnswer(id, result);
			await world.advance(5 * MINUTE_MS);
			expect(keyOf(await world.state(), "202611b")).toMatchObject({ state: "active", owes: null });
			expect(world.requested("stage")).toBe(3);
		});
	});
});

describe("a key that was put in place of the one in use", () => {
	it("is what the next key takes the lines from, and its grace begins anew", async () => {
		const world = await turnedWorld();
		const old = await publicKeyOf(world, "202610");
		await world.advance(10 * DAY_MS);
		world.signWith("example.com", "202610", old);
		await world.advance(10 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		await world.wish(["example.com"], "w3");
		await world.advance(5 * MINUTE_MS);
		expect(lastSwitch(world)).toMatchObject({ from: "202610" });
		await world.advance(13 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		await world.advance(4 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retired" });
	});

	it("keeps its record for grace after it was last seen, whoever takes it out again", async () => {
		const world = await turnedWorld();
		const old = await publicKeyOf(world, "202610");
		await world.advance(12 * DAY_MS);
		const lines = [...world.lines];
		world.signWith("example.com", "202610", old);
		await world.advance(3 * HOUR_MS);
		world.lines.splice(0, 1, ...lines);
		await world.advance(13 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		await world.advance(4 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retired" });
	});

	it("keeps the records of those before it, too: whether mail verifies with its own is not looked at", async () => {
		const world = new AgentWorld([{ ...quick, schedule: scheduleOf("0 3 1 6 *") }]);
		for (const id of ["w1", "w2"]) {
			await world.wish(["example.com"], id);
			await world.advance(MINUTE_MS);
		}
		expect(await world.states()).toMatchObject({ "202611": "retiring", "202611b": "active" });
		world.signWith("example.com", "202611", await publicKeyOf(world, "202611"));
		await world.advance(18 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring", "202611": "retiring" });
		expect(world.events.map(({ detail }) => detail)).toContainEqual(
			expect.stringContaining("the signer uses another key than 202611b"),
		);
	});

	it("or is gone altogether: the next key gets lines of its own", async () => {
		const world = await turnedWorld();
		world.signNothing();
		world.restart();
		await world.wish(["example.com"], "w3");
		await world.advance(5 * MINUTE_MS);
		expect(lastSwitch(world)).toEqual({ from: null, to: "202611b" });
		expect(await world.states()).toMatchObject({ "202611": "retiring", "202611b": "active" });
	});
});

describe("the record of the key in use that its provider lost", () => {
	it("is published again, twice at most", async () => {
		const world = await turnedWorld();
		world.verdict = (selector) =>
			selector !== "202611" || (world.zone.get(OWNER) ?? []).length > 0 ? "right" : "absent";
		for (const isPutBack of [true, true, false]) {
			world.zone.set(OWNER, []);
			await world.advance(1.2 * DAY_MS);
			expect(world.zone.get(OWNER)).toHaveLength(isPutBack ? 1 : 0);
		}
		expect(world.told("verification_failed").slice(0, 5)).toEqual(["start", "end", "start", "end", "start"]);
	});

	it("that is empty has the key turned away from: the host was put back to before it was revoked", async () => {
		const world = await turnedWorld({ ...quick, schedule: scheduleOf("0 3 1 6 *") });
		const before = world.stateFiles();
		await world.ask({ ...REVOKE, domains: ["example.com"], selector: "202611" });
		await world.advance(HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "revoked", "202611b": "active" });
		world.report = (selector) =>
			selector === "202611" ? emptied(world) : { verdict: "right", servers: [], resolvers: [] };
		world.taken.add("202611b");
		const { keys } = await world.state();
		world.signWith("example.com", "202611", keys.find(({ selector }) => selector === "202611")?.publicKey);
		await world.restoreState(before);
		await world.advance(HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring", "202611c": "active" });
		const told = world.events.find(
			({ event, selector }) => event === "verification_failed" && selector === "202611",
		);
		expect(told?.hint).toContain("it was revoked");
	});

	it("that is empty has no key made before take its place: whoever took the one may have read both", async () => {
		const world = await turnedWorld({ ...quick, standby: true });
		await world.advance(HOUR_MS);
		const [, inUse = "", ahead = ""] = Object.keys(await world.states());
		expect(await world.states()).toMatchObject({ [inUse]: "active", [ahead]: "verified" });
		world.report = (selector) =>
			selector === inUse ? emptied(world) : { verdict: "right", servers: [], resolvers: [] };
		await world.advance(1.2 * DAY_MS);
		const states = await world.states();
		expect(states[inUse]).toBe("retiring");
		expect(["retiring", "retired"]).toContain(states[ahead]);
		expect(Object.values(states)).toContain("active");
	});

	it("that is empty is only told where keyturn did not make its key", async () => {
		const world = new AgentWorld([quick]);
		world.report = () => emptied(world);
		await world.tick();
		await world.advance(1.2 * DAY_MS);
		expect(await world.states()).toEqual({ "202610": "active" });
		expect(world.told("verification_failed")).toContain("start");
	});

	it("stays away where keyturn did not make it", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		world.verdict = () => "absent";
		await world.advance(1.2 * DAY_MS);
		expect(world.changes).toEqual([]);
		expect(world.told("verification_failed")).toContain("start");
	});
});

const REVOKE = { kind: "revoke", noSoak: false, unsigned: false, useStandby: false } as const;

function emptied(world: AgentWorld): Pick<LookReport, "verdict" | "servers" | "resolvers"> {
	const said = {
		server: "ns1",
		address: "192.0.2.1",
		sentence: "ns1: an empty p=",
		at: world.at.toISOString(),
	};
	const rest = { serial: 1, ttlSeconds: 60, txtRecords: 1, chunks: [], signed: null };
	return { verdict: "wrong", servers: [{ ...said, ...rest, outcome: "revoked" }], resolvers: [] };
}
