import { describe, expect, it } from "vitest";
import { recordText } from "../../src/dkim/key-material.ts";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { AgentWorld, rolledBack } from "../fakes/agent-world.ts";
import { serverReport } from "../fakes/doctor-facts.ts";
import { policyOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
const EMPTY = "v=DKIM1;k=ed25519;p=";

function revocation(
	selector: string,
	changes: { readonly useStandby?: boolean; readonly unsigned?: boolean } = {},
) {
	return {
		kind: "revoke" as const,
		domains: ["example.com"],
		selector,
		noSoak: false,
		unsigned: false,
		useStandby: false,
		...changes,
	};
}

describe("revoke", () => {
	it("turns the key in use first, then empties its record without grace", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		world.zone.set("202610._domainkey.example.com", [(await recordOf(world, "202610")) ?? ""]);
		world.verdict = (selector) => (selector === "202611" ? "absent" : "right");
		await world.ask(revocation("202610"));
		await world.advance(MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "active", "202611": "published" });
		expect(world.changes.map((change) => change.kind)).toEqual(["add"]);
		world.verdict = () => "right";
		await world.advance(30 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "revoked", "202611": "active" });
		expect(world.zone.get("202610._domainkey.example.com")).toEqual([EMPTY]);
		expect(world.told("revoked")).toEqual([null]);
		expect((await world.state()).wants).toMatchObject({ rotate: null, revoke: [] });
	});

	describe("looks at the name servers afterwards", () => {
		const VERDICTS = {
			wrong_key: "wrong",
			several_records: "wrong",
			absent_name: "absent",
			timeout: "unknown",
			unreadable_record: "wrong",
		} as const;

		async function emptied(outcome: keyof typeof VERDICTS) {
			const world = new AgentWorld([quick]);
			await world.tick();
			const server = serverReport({ outcome, sentence: `ns2: ${outcome}` });
			world.report = (selector) => {
				if (selector !== "202610") return { verdict: "right", servers: [], resolvers: [] };
				return { verdict: VERDICTS[outcome], servers: [server], resolvers: [] };
			};
			await world.ask(revocation("202610"));
			await world.advance(50 * MINUTE_MS);
			expect(await world.states()).toMatchObject({ "202610": "revoked" });
			expect(world.told("retire_failed")).toEqual([]);
			return world;
		}

		it.each(["wrong_key", "several_records"] as const)(
			"tells one that serves the key an hour later, until it does no more: %s",
			async (outcome) => {
				const world = await emptied(outcome);
				await world.advance(20 * MINUTE_MS);
				expect(world.told("retire_failed")).toEqual(["start"]);
				expect(world.events.find(({ event }) => event === "retire_failed")).toMatchObject({
					severity: "critical",
					summary: expect.stringContaining("some name servers serve the key still"),
					detail: `ns2: ${outcome}`,
				});
				world.report = null;
				await world.advance(20 * MINUTE_MS);
				expect(world.told("retire_failed")).toEqual(["start", "end"]);
			},
		);

		it("soon, though the key in use was looked at a moment ago", async () => {
			const soaking = { ...quick, verify: { ...quick.verify, soakMs: 30 * MINUTE_MS } };
			const world = new AgentWorld([soaking]);
			await world.tick();
			await world.ask(revocation("202610"));
			const seen: string[] = [];
			await world.advance(20 * MINUTE_MS);
			world.whileAsked = async (selector) => {
				seen.push(selector);
				return Promise.resolve();
			};
			await world.advance(20 * MINUTE_MS);
			expect(await world.states()).toMatchObject({ "202610": "revoked" });
			expect(seen).toContain("202610");
		});

		it("and takes the key's record out again where its zone has it once more", async () => {
			const world = await emptied("several_records");
			const name = "202610._domainkey.example.com";
			const { algorithm = "rsa", publicKey = "" } = keyOf(await world.state(), "202610") ?? {};
			const record = `v=DKIM1; k=${algorithm}; p=${recordText({ algorithm, bits: null, publicKey })}`;
			world.zone.set(name, [EMPTY, record]);
			await world.advance(30 * MINUTE_MS);
			expect(world.zone.get(name)).toEqual([EMPTY]);
		});

		it("and does not let the record go while one serves the key", { timeout: 60_000 }, async () => {
			const world = await emptied("wrong_key");
			for (let day = 0; day < 40; day += 1) await world.advance(DAY_MS);
			expect(await world.states()).toMatchObject({ "202610": "revoked" });
			expect(world.told("retire_failed")).not.toContain("end");
			world.report = null;
			await world.advance(3 * DAY_MS);
			expect(await world.states()).toMatchObject({ "202610": "retired" });
		});

		it.each(["absent_name", "timeout", "unreadable_record"] as const)(
			"but none that has not got it: %s",
			async (outcome) => {
				const world = await emptied(outcome);
				await world.advance(2 * DAY_MS);
				expect(world.told("retire_failed")).toEqual([]);
			},
		);
	});

	it("keeps the empty record for thirty days at least, then removes it", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		await world.ask(revocation("202610"));
		await world.advance(29 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "revoked" });
		expect(world.zone.get("202610._domainkey.example.com")).toEqual([EMPTY]);
		await world.advance(2 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retired" });
		expect(world.zone.get("202610._domainkey.example.com")).toEqual([]);
		expect(keyOf(await world.state(), "202610")?.reason).toBe("compromised");
	});

	it("does not use a key that was made before, unless that is asked for", async () => {
		for (const [useStandby, unsigned] of [
			[false, false],
			[true, false],
			[false, true],
			[true, true],
		] as const) {
			const world = new AgentWorld([{ ...quick, standby: true }]);
			await world.tick();
			await world.advance(MINUTE_MS);
			expect(await world.states()).toEqual({ "202610": "active", "202612": "verified" });
			await world.ask(revocation("202610", { useStandby, unsigned }));
			await world.advance(MINUTE_MS);
			const { "202610": old, "202611": fresh, "202612": standby } = await world.states();
			expect(old).toBe("revoked");
			expect([fresh, standby]).toEqual(useStandby ? [undefined, "active"] : ["active", "retired"]);
		}
	});

	it("unsigned, asked for because the fresh key is slow to be served, goes on with that key", async () => {
		const world = new AgentWorld([{ ...quick, standby: true }]);
		await world.tick();
		await world.advance(MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "active", "202612": "verified" });
		world.verdict = (selector) => (selector === "202611" ? "unknown" : "right");
		await world.ask(revocation("202610"));
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202610": "active", "202611": "published" });
		await world.ask(revocation("202610", { unsigned: true }), "w2");
		await world.advance(MINUTE_MS);
		expect(world.lines).toEqual([]);
		expect(await world.states()).toMatchObject({ "202610": "revoked", "202611": "published" });
		world.verdict = () => "right";
		await world.advance(30 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202610": "revoked", "202611": "active" });
	});

	it("unsigned takes the line out and empties the record at once, and signs again with a fresh key when it is everywhere", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		world.verdict = (selector) => (selector === "202611" ? "absent" : "right");
		await world.ask(revocation("202610", { unsigned: true }));
		await world.advance(MINUTE_MS);
		expect(world.lines).toEqual([]);
		expect(await world.states()).toEqual({ "202610": "revoked", "202611": "published" });
		expect(world.zone.get("202610._domainkey.example.com")).toEqual([EMPTY]);
		world.verdict = () => "right";
		await world.advance(30 * MINUTE_MS);
		expect(world.lines.map((line) => line.selector)).toEqual(["202611"]);
		expect(await world.states()).toEqual({ "202610": "revoked", "202611": "active" });
		expect((await world.state()).wants).toMatchObject({ rotate: null, revoke: [] });
	});

	it("turns once more where a key that was made before was on its way already", async () => {
		const world = new AgentWorld([{ ...quick, standby: true }]);
		await world.tick();
		await world.advance(MINUTE_MS);
		world.commit = (id, result) => world.loseAnswer(id, result);
		await world.wish(["example.com"], "turn");
		await world.tick();
		expect(await world.states()).toEqual({ "202610": "active", "202612": "verified" });
		world.commit = (_id, result) => ({ act: "commit", result });
		await world.ask(revocation("202610"));
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toMatchObject({
			"202610": "revoked",
			"202611": "active",
			"202612": "retiring",
		});
	});

	it("empties the record of a key that signed before at once, and its name is not gone back to", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		await world.wish(["example.com"], "turn");
		await world.advance(MINUTE_MS);
		await world.ask(revocation("202610"));
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "w2");
		await world.advance(MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "revoked", "202611": "active" });
	});

	it("empties nothing that a table still names", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		await world.wish(["example.com"], "turn");
		await world.advance(MINUTE_MS);
		const [line] = world.lines;
		if (line === undefined) throw new Error("nothing signs");
		world.lines.push({ ...line, selector: "202610", publicKey: "other", signs: false });
		await world.ask(revocation("202610"));
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		expect(world.told("retire_failed")).toEqual(["start"]);
		world.lines.pop();
		await world.advance(60 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202610": "revoked" });
		expect(world.told("retire_failed")).toEqual(["start", "end"]);
	});

	it("goes on trying the turn of a compromised key that was rolled back", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		world.commit = (_id, result) => ({
			act: "commit",
			result: {
				...result,
				outcome: "rolled_back",
				reason: "the probe failed",
				keys: result.keys.map((key) => ({ ...key, outcome: "rolled_back" })),
			},
		});
		await world.ask(revocation("202610"));
		await world.advance(60 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "active", "202611": "verified" });
		world.commit = (_id, result) => ({ act: "commit", result });
		await world.advance(2 * DAY_MS);
		expect(await world.states()).toEqual({ "202610": "revoked", "202611": "active" });
	});
});

describe("a compromised key in use", () => {
	async function turnedWorld(): Promise<AgentWorld> {
		const world = new AgentWorld([quick]);
		await world.tick();
		await world.wish(["example.com"], "turn");
		await world.advance(MINUTE_MS);
		world.pass(MINUTE_MS);
		return world;
	}
	const turnedAway = { "202610": "retiring", "202611": "revoked", "202611b": "active" };

	it("is turned to a new one where the way back that was asked for next is given up", async () => {
		const world = await turnedWorld();
		world.verdict = (selector) => (selector === "202610" ? "absent" : "right");
		await world.ask(revocation("202611"), "w1");
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "w2");
		await world.advance(DAY_MS);
		expect(await world.states()).toEqual(turnedAway);
	});

	it("is turned to a new one where the switch back was rolled back", async () => {
		const world = await turnedWorld();
		world.commit = (_id, result) => ({ act: "commit", result: rolledBack(result) });
		await world.ask(revocation("202611"), "w1");
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "w2");
		await world.tick();
		world.commit = (_id, result) => ({ act: "commit", result });
		await world.advance(DAY_MS);
		expect(await world.states()).toEqual(turnedAway);
	});

	it("is turned without a soak where that is asked for while the switch to it has no known end", async () => {
		const world = new AgentWorld([{ ...quick, verify: { ...quick.verify, soakMs: 60 * MINUTE_MS } }]);
		await world.tick();
		await world.wish(["example.com"], "turn");
		const left: Promise<void>[] = [];
		world.commit = (id, result) => {
			world.commit = (_id, later) => ({ act: "commit", result: later });
			left.push(world.ask({ ...revocation("202611"), noSoak: true }, "w2"));
			return world.loseAnswer(id, result);
		};
		await world.advance(70 * MINUTE_MS);
		await Promise.all(left);
		expect(left).toHaveLength(1);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "revoked", "202611b": "active" });
	});

	it("is turned to one made since where the way back to it was under way when it was asked for", async () => {
		const world = new AgentWorld([{ ...quick, standby: true }]);
		await world.tick();
		await world.wish(["example.com"], "turn");
		await world.advance(60 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202612": "active", "202701": "verified" });
		world.commit = (id, result) => world.loseAnswer(id, result);
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "back");
		await world.tick();
		world.commit = (_id, result) => ({ act: "commit", result });
		await world.ask(revocation("202610"));
		await world.advance(60 * MINUTE_MS);
		const states = await world.states();
		expect(states).toMatchObject({ "202610": "revoked" });
		expect(states["202701"]).not.toBe("active");
		expect(Object.values(states)).toContain("active");
	});

	it("is turned to a new one where the switch to it was under way when it was asked for", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		world.commit = (id, result) => world.loseAnswer(id, result);
		await world.wish(["example.com"], "turn");
		await world.tick();
		expect(await world.states()).toEqual({ "202610": "active", "202611": "verified" });
		world.commit = (_id, result) => ({ act: "commit", result });
		await world.ask(revocation("202611"));
		await world.advance(DAY_MS);
		expect(await world.states()).toEqual(turnedAway);
	});
});

describe("a tombstone", () => {
	it("stands for as long as configured once grace is over", async () => {
		const retire = { ...quick.retire, tombstoneMs: 5 * DAY_MS, adopted: true };
		const world = new AgentWorld([{ ...quick, retire }]);
		await world.tick();
		await world.wish(["example.com"], "turn");
		await world.advance(15 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "revoked" });
		expect(world.zone.get("202610._domainkey.example.com")).toEqual([EMPTY]);
		await world.advance(5 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retired" });
	});

	it("takes no record's place before its successor is seen right again", async () => {
		const retire = { ...quick.retire, tombstoneMs: 5 * DAY_MS, adopted: true };
		const world = new AgentWorld([{ ...quick, retire }]);
		await world.tick();
		await world.wish(["example.com"], "turn");
		await world.advance(13.5 * DAY_MS);
		world.verdict = () => "wrong";
		await world.advance(1.5 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		expect(world.events.find(({ event }) => event === "retire_failed")).toMatchObject({
			severity: "warning",
			detail: expect.stringContaining("does not verify"),
		});
		world.verdict = () => "right";
		await world.advance(DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "revoked" });
	});
});

describe("retire", () => {
	it("removes an adopted key's record once grace is over, and clears the wish", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		await world.wish(["example.com"], "turn");
		await world.advance(MINUTE_MS);
		await world.ask({ kind: "retire", domains: ["example.com"], selector: "202610" });
		await world.advance(13 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retiring" });
		await world.advance(2 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retired" });
		expect((await world.state()).wants.retire).toEqual([]);
	});

	it("removes an adopted key's record as it stands, though it was written anew since", async () => {
		for (const kind of ["retire", "revoke"] as const) {
			const world = new AgentWorld([quick]);
			const adopted = world.lines[0]?.publicKey ?? "";
			const written = (tags: string) =>
				`v=DKIM1; ${tags}k=ed25519; p=${recordText({ algorithm: "ed25519", bits: null, publicKey: adopted })}`;
			const name = "202610._domainkey.example.com";
			world.zone.set(name, [written("t=y; ")]);
			await world.tick();
			expect(await recordOf(world, "202610")).toBe(written("t=y; "));
			world.zone.set(name, ["somebody else's", written("")]);
			await world.wish(["example.com"], "turn");
			await world.advance(MINUTE_MS);
			await world.ask(
				kind === "revoke" ? revocation("202610") : { kind, domains: ["example.com"], selector: "202610" },
			);
			await world.advance(15 * DAY_MS);
			expect(world.zone.get(name)).toEqual(
				kind === "retire" ? ["somebody else's"] : ["somebody else's", EMPTY],
			);
		}
	});

	it("takes an empty record away before its time", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		await world.ask(revocation("202610"));
		await world.advance(MINUTE_MS);
		await world.ask({ kind: "retire", domains: ["example.com"], selector: "202610" });
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202610": "retired" });
	});

	it.each(["202611", "202608"])("of %s, which signs or is not known, changes nothing", async (selector) => {
		const world = new AgentWorld([quick]);
		await world.tick();
		await world.wish(["example.com"], "turn");
		await world.advance(MINUTE_MS);
		const before = await world.store.load("domains/example.com");
		await world.ask({ kind: "retire", domains: ["example.com"], selector });
		await world.tick();
		expect(await world.store.load("domains/example.com")).toEqual(before);
	});
});

async function recordOf(world: AgentWorld, selector: string): Promise<string | undefined> {
	return keyOf(await world.state(), selector)?.record.value;
}
