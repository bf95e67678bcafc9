import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { AgentWorld, rolledBack } from "../fakes/agent-world.ts";
import { newHalf, policyOf, scheduleOf } from "../fakes/policies.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Nothing is due by its date. */
const policy = policyOf({
	publishAheadMs: 0,
	schedule: scheduleOf("0 3 1 6 *"),
	verify: { ...policyOf().verify, soakMs: 0 },
});
const HELD = { kind: "deferred", reason: "hook 1" } as const;

function soaking(soakMs: number): typeof policy {
	return { ...policy, verify: { ...policy.verify, soakMs } };
}

function summaries(world: AgentWorld): readonly string[] {
	return world.events.filter(({ event }) => event === "key_overdue").map(({ summary }) => summary);
}

async function revoking(unsigned: boolean, own = policy): Promise<AgentWorld> {
	const world = new AgentWorld([own]);
	await world.tick();
	const how = { noSoak: false, useStandby: false, unsigned };
	await world.ask({ kind: "revoke", domains: ["example.com"], selector: "202610", ...how });
	return world;
}

describe("a turn that was asked for", () => {
	it("to be rid of a compromised key is told a day later, though a program does no more than put it off", async () => {
		const world = await revoking(false);
		world.pre = () => HELD;
		await world.advance(23 * HOUR_MS);
		expect(world.told("key_overdue")).toEqual([]);
		await world.advance(3 * HOUR_MS);
		expect(summaries(world)).toEqual([
			"example.com: a new key was asked for on 2026-11-22T12:00:00.000Z; 202610, which is compromised, still signs",
		]);
		const event = world.events.find((one) => one.event === "key_overdue");
		expect(event?.detail).toContain("put off by hook 1");
		world.pre = () => ({ kind: "done" });
		await world.advance(3 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("key_overdue")).toEqual(["start", "end"]);
	});

	it("is not late while resolvers forget what was at the name of its key, for however long", async () => {
		const world = new AgentWorld([soaking(40 * HOUR_MS)]);
		await world.tick();
		await world.wish(["example.com"]);
		await world.advance(3 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("key_overdue")).toEqual([]);
	});

	it("is told until it is done, though that soak begins meanwhile", async () => {
		const world = new AgentWorld([soaking(DAY_MS)]);
		await world.tick();
		await world.wish(["example.com"]);
		world.verdict = (selector) => (selector === "202610" ? "right" : "absent");
		await world.advance(26 * HOUR_MS);
		expect(summaries(world)).toEqual([
			"example.com: a new key was asked for on 2026-11-22T12:00:00.000Z; 202610 still signs",
		]);
		world.verdict = () => "right";
		await world.advance(20 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		expect(world.told("key_overdue")).not.toContain("end");
		await world.advance(8 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("key_overdue").at(-1)).toBe("end");
	});

	it("is told no more once its domain leaves, or its entry is deleted", async () => {
		for (const leaves of [
			async (world: AgentWorld) => world.ask({ kind: "remove", domains: ["example.com"] }, "w2"),
			async (world: AgentWorld) => Promise.resolve(world.reconfigure([])),
		]) {
			const world = await revoking(false);
			world.pre = () => HELD;
			await world.advance(26 * HOUR_MS);
			await leaves(world);
			await world.tick();
			expect(world.told("key_overdue")).toEqual(["start", "end"]);
		}
	});
});

describe("a domain that nothing signs any more", () => {
	async function withoutPlace(): Promise<AgentWorld> {
		const world = await revoking(true);
		world.firstKeyFaults.push({ domain: "example.com", reason: "there is no place for it" });
		await world.advance(23 * HOUR_MS);
		expect(world.lines).toEqual([]);
		expect(world.told("key_overdue")).toEqual([]);
		await world.advance(3 * HOUR_MS);
		expect(world.told("key_overdue")).toEqual(["start"]);
		return world;
	}

	it("is told a day after its key was taken out, with what its next key lacks", async () => {
		const world = await withoutPlace();
		const event = world.events.find((one) => one.event === "key_overdue");
		expect(event?.summary).toMatch(
			/^example.com: no key is known to have signed for it since 2026-11-22T12:.*, and the next one is not in place$/,
		);
		expect(event?.detail).toContain("no first key for example.com: there is no place for it");
		expect(event?.hint).toContain("keyturn remove example.com");
		world.firstKeyFaults.splice(0);
		await world.advance(3 * HOUR_MS);
		expect(world.told("key_overdue")).toEqual(["start", "end"]);
	});

	it("is told no more once somebody has put a key there by hand, or it leaves", async () => {
		for (const isOver of [
			async (world: AgentWorld) => Promise.resolve(world.signWith("example.com", "own")),
			async (world: AgentWorld) => world.ask({ kind: "remove", domains: ["example.com"] }, "w2"),
		]) {
			const world = await withoutPlace();
			await isOver(world);
			await world.advance(2 * HOUR_MS);
			expect(world.told("key_overdue")).toEqual(["start", "end"]);
		}
	});

	it("is not said to be over where the door does not say what signs", async () => {
		const world = await withoutPlace();
		world.restart();
		world.refuse = () => {
			throw new KeyturnError("door.unreachable", "no answer", { retry: true });
		};
		await world.tick();
		expect(world.told("key_overdue")).toEqual(["start"]);
	});

	it("is not said to be over by a first key that was in the tables for a moment", async () => {
		const world = await withoutPlace();
		world.firstKeyFaults.splice(0);
		world.commit = (_id, result) => ({ act: "commit", result: rolledBack(result, "it does not sign") });
		await world.advance(5 * DAY_MS);
		expect(world.told("rolled_back").length).toBeGreaterThan(1);
		expect(world.told("key_overdue")).not.toContain("end");
	});

	it("is told with why its signer cannot be read", async () => {
		const world = await revoking(true, soaking(2 * HOUR_MS));
		await world.advance(HOUR_MS);
		world.signerProblem = "line 3: what is this?";
		await world.advance(24 * HOUR_MS);
		expect(world.told("key_overdue")).toEqual([]);
		await world.advance(4 * HOUR_MS);
		const event = world.events.find((one) => one.event === "key_overdue");
		expect(event?.detail).toContain("could not be read: line 3: what is this?");
	});

	it("is not told while resolvers forget what was at the name of its next key", async () => {
		const world = await revoking(true, soaking(40 * HOUR_MS));
		await world.advance(3 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("key_overdue")).toEqual([]);
	});

	it("is told neither when it was removed, nor at once when it comes back months later", async () => {
		const world = new AgentWorld([soaking(12 * HOUR_MS)]);
		await world.tick();
		await world.ask({ kind: "remove", domains: ["example.com"] });
		await world.advance(60 * DAY_MS);
		expect(world.lines).toEqual([]);
		world.verdict = () => "absent";
		await world.ask({ kind: "add", domains: ["example.com"], noSoak: false }, "w2");
		await world.advance(6 * HOUR_MS);
		world.verdict = () => "right";
		await world.advance(DAY_MS);
		expect(Object.values(await world.states())).toContain("active");
		expect(world.told("key_overdue")).toEqual([]);
	});

	it("is none where nothing ever has", async () => {
		const world = new AgentWorld([policy]);
		world.signNothing();
		world.firstKeyFaults.push({ domain: "example.com", reason: "there is no place for it" });
		await world.advance(3 * DAY_MS);
		expect(world.told("key_overdue")).toEqual([]);
	});

	it("is none where an administrator took its lines out: that is told as such", async () => {
		const world = new AgentWorld([policy]);
		await world.tick();
		world.signNothing();
		await world.advance(3 * DAY_MS);
		expect(world.told("drift_detected")[0]).toBe("start");
		expect(world.told("key_overdue")).toEqual([]);
	});
});

describe("a domain that an RSA key and an Ed25519 key sign", () => {
	const rsa = { algorithm: "rsa", bits: 2048 } as const;
	const both = { ...policy, key: rsa, keys: [rsa, { algorithm: "ed25519" } as const] };
	const publicKey = generateKeyPairSync("rsa", { modulusLength: 1024 })
		.publicKey.export({ format: "der", type: "spki" })
		.toString("base64");

	/** The RSA key is taken out, and there is no place for another. */
	async function withoutRsa(world: AgentWorld): Promise<void> {
		world.signNothing();
		world.signWithBoth("example.com", [
			["r1", publicKey],
			["e1", newHalf().publicKey],
		]);
		await world.tick();
		world.firstKeyFaults.push({ domain: "example.com", reason: "there is no place for it" });
		const how = { selector: "r1", noSoak: false, unsigned: true, useStandby: false };
		await world.ask({ kind: "revoke", domains: ["example.com"], ...how });
		await world.advance(2 * DAY_MS);
	}

	it("is told of once where both are gone", async () => {
		const world = new AgentWorld([both]);
		await withoutRsa(world);
		expect(world.lines).toEqual([]);
		expect(world.told("key_overdue").filter((phase) => phase === "start")).toHaveLength(1);
		expect(summaries(world)[0]).toContain("no key is known to have signed for it since");
	});

	it("is none that nothing signs where the second signer goes on", async () => {
		const signers = [
			{ signer: "main", swap: "restart" },
			{ signer: "second", swap: "restart" },
		] as const;
		const world = new AgentWorld([{ ...both, signers }]);
		world.ed25519Signer = "second";
		await withoutRsa(world);
		expect(world.lines).toHaveLength(1);
		expect(summaries(world).join()).not.toContain("no key is known to have signed");
	});
});
