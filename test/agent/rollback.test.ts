import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { AgentWorld, rolledBack } from "../fakes/agent-world.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });

/** 202610 was adopted, 202611 made and switched to by hand. */
async function turnedWorld(policy = quick): Promise<AgentWorld> {
	const world = new AgentWorld([policy]);
	await world.tick();
	await world.wish(["example.com"], "turn");
	await world.advance(MINUTE_MS);
	expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
	return world;
}

describe("rollback", () => {
	it("looks at the old record again, switches back, and holds the domain until the next due date", async () => {
		const world = await turnedWorld();
		world.pass(DAY_MS);
		const looked = world.looks.length;
		await world.ask({ kind: "rollback", domains: ["example.com"] });
		await world.advance(MINUTE_MS);
		expect(world.looks.slice(looked)).toContain("202610");
		expect(await world.states()).toEqual({ "202610": "active", "202611": "retiring" });
		expect(world.lines.map((line) => line.selector)).toEqual(["202610"]);
		expect((await world.state()).wants.rollback).toBeNull();
		await world.advance(7 * DAY_MS);
		expect(await world.states()).toEqual({ "202610": "active", "202611": "retiring" });
		await world.advance(2 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring", "202612": "active" });
	});

	it("keeps the old record while it is gone back to, though its grace is over", async () => {
		const world = await turnedWorld({ ...quick, retire: { ...quick.retire, adopted: true } });
		world.verdict = (selector) => (selector === "202610" ? "unknown" : "right");
		world.pass(13 * DAY_MS);
		await world.ask({ kind: "rollback", domains: ["example.com"] });
		await world.tick();
		await world.advance(3 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring", "202611": "active" });
		expect(world.changes.filter((change) => change.kind === "remove")).toEqual([]);
		world.verdict = () => "right";
		await world.advance(2 * 60 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202610": "active" });
	});

	it("does not go back to a key whose record is gone, and says so", async () => {
		const world = await turnedWorld();
		world.verdict = (selector) => (selector === "202610" ? "absent" : "right");
		await world.ask({ kind: "rollback", domains: ["example.com"] });
		await world.advance(MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
		expect((await world.state()).wants.rollback).toBeNull();
		expect(keyOf(await world.state(), "202610")?.reason).toContain("its record does not verify");
		expect(world.told("swap_failed")).toEqual(["start"]);
		expect(world.requested("commit")).toBe(1);
	});

	it("is given up, once and told, where neither the agent nor the door has the key any more", async () => {
		const world = await turnedWorld();
		world.refuse = ({ act }) =>
			act === "stage"
				? {
						act: "refused",
						why: "invalid",
						domains: ["example.com"],
						message: "no key is here",
						hint: "give the key",
					}
				: null;
		await world.ask({ kind: "rollback", domains: ["example.com"] });
		await world.advance(2 * 60 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
		const { wants, keys } = await world.state();
		expect(wants.rollback).toBeNull();
		expect(keys.map(({ owes }) => owes)).toEqual([null, null]);
		expect(world.requested("stage")).toBe(2);
		expect(world.told("swap_failed")).toEqual(["start"]);
		expect(world.told("given_up")).toEqual([]);
	});

	it.each([
		[{ kind: "remove" }, ["202610"], { "202610": "retired" }],
		[
			{ kind: "rotate", noSoak: true },
			["202610", "202611"],
			{ "202610": "retired", "202611": "retired", "202611b": "active" },
		],
	] as const)(
		"that was under way when %o was asked for, and was not done, is not tried again and holds no record",
		async (wish, gone, states) => {
			const world = await turnedWorld({
				...quick,
				schedule: scheduleOf("0 3 1 6 *"),
				retire: { ...quick.retire, adopted: true },
			});
			const usual = world.commit;
			world.commit = () => {
				throw new KeyturnError("door.unreachable", "no answer", { retry: true });
			};
			await world.ask({ kind: "rollback", domains: ["example.com"] });
			await world.tick();
			expect(keyOf(await world.state(), "202610")).toMatchObject({
				state: "verified",
				owes: { act: "switch" },
			});
			world.commit = usual;
			world.doorRequests.length = 0;
			await world.ask({ ...wish, domains: ["example.com"] }, "w2");
			await world.advance(7 * DAY_MS);
			expect(await world.states()).toMatchObject({ "202610": "retiring" });
			const to = world.doorRequests.flatMap((one) => (one.act === "stage" ? one.changes : []));
			expect(to.map((change) => change.to?.selector)).not.toContain("202610");
			expect((await world.state()).wants.rollback).toBeNull();
			expect(world.told("given_up")).toEqual([]);
			await world.advance(10 * DAY_MS);
			expect(await world.states()).toMatchObject(states);
			for (const selector of gone)
				expect(world.zone.get(`${selector}._domainkey.example.com`) ?? []).toEqual([]);
		},
	);

	it("that the door rolls back leaves the newer key signing, and is not tried again by itself", async () => {
		const world = await turnedWorld();
		world.commit = (_id, result) => ({
			act: "commit",
			result: {
				...result,
				outcome: "rolled_back",
				reason: "the probe failed",
				keys: result.keys.map((key) => ({ ...key, outcome: "rolled_back" })),
			},
		});
		await world.ask({ kind: "rollback", domains: ["example.com"] });
		await world.advance(5 * DAY_MS);
		expect(world.requested("commit")).toBe(2);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
		expect((await world.state()).wants.rollback).toBeNull();
	});

	it("that the door rolls back can be asked for again, though the key is of another algorithm", async () => {
		const world = await turnedWorld();
		world.restart([{ ...quick, key: { algorithm: "rsa", bits: 2048 } }]);
		await world.wish(["example.com"], "other");
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring", "202611b": "active" });
		world.commit = (_id, result) => ({ act: "commit", result: rolledBack(result) });
		await world.ask({ kind: "rollback", domains: ["example.com"] });
		await world.advance(5 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring", "202611b": "active" });
		world.commit = (_id, result) => ({ act: "commit", result });
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "w2");
		await world.advance(5 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active", "202611b": "retiring" });
	});

	it("leaves the next key that is made already for its date, and gives way to rotate --now", async () => {
		const world = new AgentWorld([{ ...quick, standby: true }]);
		await world.tick();
		await world.wish(["example.com"], "turn");
		await world.advance(MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202612": "active", "202701": "verified" });
		await world.ask({ kind: "rollback", domains: ["example.com"] });
		await world.advance(MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "active", "202612": "retiring", "202701": "verified" });
		world.verdict = (selector) => (selector === "202612" ? "unknown" : "right");
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "w2");
		await world.tick();
		expect((await world.state()).wants.rollback).toMatchObject({ selector: "202612" });
		await world.wish(["example.com"], "w3");
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202612": "retiring", "202701": "active" });
		expect((await world.state()).wants).toMatchObject({ rollback: null, rotate: null });
	});

	it("keeps the key that was on its way, asked for or due, until the next due date", async () => {
		const world = await turnedWorld();
		world.pass(DAY_MS);
		world.verdict = (selector) => (selector === "202611b" ? "unknown" : "right");
		await world.wish(["example.com"], "again");
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active", "202611b": "published" });
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "back");
		await world.advance(MINUTE_MS);
		world.verdict = () => "right";
		await world.advance(7 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "active", "202611b": "verified" });
		await world.advance(2 * DAY_MS);
		expect(await world.states()).toEqual({
			"202610": "retiring",
			"202611": "retiring",
			"202611b": "active",
		});
	});

	it.each([
		[
			{ kind: "rotate", noSoak: false },
			{ "202611": "retiring", "202611c": "active" },
		],
		[{ kind: "rollback" }, { "202611": "active", "202611b": "retiring" }],
	] as const)(
		"that is under way when %o is asked for is no new key, nor undone by a second one",
		async (wish, states) => {
			const world = await turnedWorld({ ...quick, schedule: scheduleOf("0 3 1 6 *") });
			world.pass(DAY_MS);
			await world.wish(["example.com"], "again");
			await world.advance(MINUTE_MS);
			expect(await world.states()).toMatchObject({ "202611": "retiring", "202611b": "active" });
			const usual = world.commit;
			const left: Promise<void>[] = [];
			world.commit = (id, result) => {
				if (left.length === 0) left.push(world.ask({ ...wish, domains: ["example.com"] }, "meanwhile"));
				return usual(id, result);
			};
			await world.ask({ kind: "rollback", domains: ["example.com"] }, "back");
			await world.tick();
			await Promise.all(left);
			expect(await world.states()).toMatchObject({ "202611": "active", "202611b": "retiring" });
			await world.advance(MINUTE_MS);
			expect(await world.states()).toMatchObject(states);
		},
	);

	it("whose end is not known when a new key is asked for is followed by that key", async () => {
		const world = await turnedWorld({ ...quick, schedule: scheduleOf("0 3 1 6 *") });
		world.pass(DAY_MS);
		const usual = world.commit;
		world.commit = (id, result) => world.loseAnswer(id, result);
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "back");
		await world.tick();
		world.commit = usual;
		await world.wish(["example.com"], "again");
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring", "202611b": "active" });
	});

	it("goes back to the key that signed before, not to one whose switch failed and that was given up since", async () => {
		const world = await turnedWorld();
		world.pass(DAY_MS);
		const usual = world.commit;
		world.commit = (_id, result) => ({ act: "commit", result: rolledBack(result) });
		await world.wish(["example.com"], "again");
		await world.advance(MINUTE_MS);
		world.commit = usual;
		world.reconfigure([{ ...quick, key: { algorithm: "rsa", bits: 2048 } }]);
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "active", "202611b": "retiring" });
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "back");
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202610": "active", "202611": "retiring" });
	});

	it("is had where nothing signs any more, since the key in use was taken out meanwhile", async () => {
		const world = await turnedWorld();
		const revocation = { selector: "202611", noSoak: false, unsigned: true, useStandby: false };
		await world.ask({ kind: "revoke", domains: ["example.com"], ...revocation });
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "w2");
		await world.advance(MINUTE_MS);
		expect(world.lines.map((line) => line.selector)).toEqual(["202610"]);
		expect(await world.states()).toEqual({ "202610": "active", "202611": "revoked" });
	});

	it("is no way to keep a domain that leaves, and does not keep it from a key when it is added again", async () => {
		const world = await turnedWorld();
		world.pass(MINUTE_MS);
		await world.ask({ kind: "remove", domains: ["example.com"] });
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "w2");
		await world.advance(MINUTE_MS);
		expect(world.lines).toEqual([]);
		expect((await world.state()).wants.rollback).toBeNull();
		await world.ask({ kind: "add", domains: ["example.com"], noSoak: false }, "w3");
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring", "202611b": "active" });
	});

	it("is over once the key in use was turned away from as compromised meanwhile", async () => {
		const world = await turnedWorld();
		world.verdict = (selector) => (selector === "202610" ? "unknown" : "right");
		await world.ask({ kind: "rollback", domains: ["example.com"] });
		await world.tick();
		const revocation = { selector: "202611", noSoak: false, unsigned: false, useStandby: false };
		await world.ask({ kind: "revoke", domains: ["example.com"], ...revocation }, "w2");
		await world.advance(MINUTE_MS);
		world.verdict = () => "right";
		await world.advance(DAY_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "revoked", "202611b": "active" });
		expect((await world.state()).wants.rollback).toBeNull();
	});

	it("takes back that its record was to go: an adopted key's stays after its next turn as well", async () => {
		const world = await turnedWorld();
		await world.ask({ kind: "retire", domains: ["example.com"], selector: "202610" });
		await world.advance(MINUTE_MS);
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "w2");
		await world.advance(60 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring", "202611": "retired" });
	});

	it("that comes to nothing leaves no trouble about a removal that is asked for no more", async () => {
		const world = await turnedWorld({ ...quick, schedule: scheduleOf("0 3 1 6 *") });
		await world.ask({ kind: "retire", domains: ["example.com"], selector: "202610" });
		world.change = ({ kind }) =>
			kind === "remove" ? { kind: "refused", denied: false, why: "busy", hint: null } : { kind: "done" };
		await world.advance(15 * DAY_MS);
		expect(world.told("retire_failed")).toContain("start");
		world.verdict = (selector) => (selector === "202610" ? "absent" : "right");
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "back");
		await world.advance(DAY_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
		expect((await world.state()).wants).toMatchObject({ retire: [], rollback: null });
		expect(world.told("retire_failed").at(-1)).toBe("end");
	});

	it("without a key to go back to changes nothing", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		const before = await world.store.load("domains/example.com");
		await world.ask({ kind: "rollback", domains: ["example.com"] });
		await world.advance(MINUTE_MS);
		expect(await world.store.load("domains/example.com")).toEqual(before);
		expect(await world.store.wishes()).toEqual([]);
	});
});
