import { describe, expect, it } from "vitest";
import { AgentWorld, rolledBack } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const REVOKE = { kind: "revoke", noSoak: false, unsigned: false, useStandby: false } as const;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });

describe("a wish for a domain whose state cannot be read", () => {
	it("is kept for it, and done for the others once", async () => {
		const world = new AgentWorld([quick, { ...quick, domain: "example.org" }]);
		await world.tick();
		await world.damage("domains/example.org");
		await world.wish(["example.com", "example.org"]);
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect((await world.store.wishes()).map((wish) => wish.domains)).toEqual([["example.org"]]);
	});

	it("stays as it is while there are no others, and goes where the domain is still not configured soon after", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		await world.damage("domains/example.com");
		await world.wish(["example.com"]);
		await world.wish(["example.net"], "w2");
		await world.tick();
		expect((await world.store.wishes()).map((wish) => wish.id)).toEqual(["w1", "w2"]);
		world.pass(10 * MINUTE_MS);
		await world.tick();
		expect((await world.store.wishes()).map((wish) => wish.id)).toEqual(["w1"]);
	});
});

describe("a new key asked for a domain that is leaving", () => {
	it("cannot be had, and hurries no first key that is asked for later", async () => {
		const world = new AgentWorld([policyOf({ publishAheadMs: 0 })]);
		await world.tick();
		await world.ask({ kind: "remove", domains: ["example.com"] });
		await world.tick();
		await world.ask({ kind: "rotate", domains: ["example.com"], noSoak: true }, "w2");
		await world.tick();
		expect(await world.store.wishes()).toEqual([]);
		expect((await world.state()).wants).toMatchObject({ rotate: null, remove: { id: "w1" } });
		await world.ask({ kind: "add", domains: ["example.com"], noSoak: false }, "w3");
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		await world.advance(60 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});

	it("is forgotten once it stays, where an earlier keyturn has taken it", async () => {
		const world = new AgentWorld([policyOf({ publishAheadMs: 0 })]);
		await world.tick();
		world.verdict = () => "absent";
		await world.ask({ kind: "rotate", domains: ["example.com"], noSoak: true });
		await world.tick();
		const { rotate } = (await world.state()).wants;
		expect(rotate).toMatchObject({ noSoak: true });
		await world.ask({ kind: "remove", domains: ["example.com"] }, "w2");
		await world.tick();
		const state = await world.state();
		await world.put({ ...state, wants: { ...state.wants, rotate } });
		await world.ask({ kind: "add", domains: ["example.com"], noSoak: false }, "w3");
		await world.tick();
		expect((await world.state()).wants).toMatchObject({ rotate: null, remove: null, add: { noSoak: false } });
	});

	it("turns none of those that share its key, nor does its own compromise turn it", async () => {
		const world = new AgentWorld([quick, { ...quick, domain: "example.org" }]);
		world.shareKey(["example.com", "example.org"]);
		await world.tick();
		world.refuse = ({ act }) =>
			act === "stage" ? { act: "refused", why: "failed", domains: [], message: "not now", hint: null } : null;
		await world.ask({ kind: "remove", domains: ["example.com"] });
		await world.ask({ kind: "rotate", domains: ["example.com"], noSoak: false }, "w2");
		await world.tick();
		expect((await world.state("example.org")).wants.rotate).toBeNull();
		await world.ask({ ...REVOKE, domains: ["example.com"], selector: "202610" }, "w3");
		await world.tick();
		expect((await world.state()).wants).toMatchObject({ rotate: null, revoke: [{ selector: "202610" }] });
	});
});

describe("a domain that stays after all", () => {
	const remove = { kind: "remove", domains: ["example.com"] } as const;

	it("whose way out came to nothing meanwhile owes nothing, and its next turn is not hurried", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		world.commit = (id, result) => world.loseAnswer(id, rolledBack(result));
		await world.ask(remove);
		await world.tick();
		await world.ask({ kind: "add", domains: ["example.com"], noSoak: true }, "w2");
		await world.advance(60_000);
		expect(await world.states()).toEqual({ "202610": "active" });
		const { wants, keys } = await world.state();
		expect(wants).toMatchObject({ remove: null, add: null });
		expect(keys[0]?.owes).toBeNull();
	});
	const revoke = { ...REVOKE, domains: ["example.com"], selector: "202610" } as const;

	it("gets a first key where its lines had gone by other hands, whatever became of its way out", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		world.commit = (id, result) => {
			try {
				return world.loseAnswer(id, rolledBack(result));
			} finally {
				world.lines.splice(0, Infinity);
			}
		};
		await world.ask(remove);
		await world.tick();
		await world.ask({ kind: "add", domains: ["example.com"], noSoak: true }, "w2");
		world.commit = (_id, result) => ({ act: "commit", result });
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
	});

	it.each([
		[remove, revoke],
		[revoke, remove],
	])(
		"turns away from a key that is compromised, whichever was asked for first: %#",
		async (first, second) => {
			const world = new AgentWorld([quick]);
			await world.tick();
			world.verdict = (selector) => (selector === "202610" ? "right" : "absent");
			world.refuse = ({ act }) =>
				act === "stage"
					? { act: "refused", why: "failed", domains: [], message: "not now", hint: null }
					: null;
			await world.ask(first);
			await world.tick();
			await world.ask(second, "w2");
			await world.tick();
			await world.ask({ kind: "add", domains: ["example.com"], noSoak: false }, "w3");
			await world.tick();
			expect(await world.states()).toMatchObject({ "202610": "active" });
			world.refuse = null;
			world.verdict = () => "right";
			await world.advance(24 * 60 * MINUTE_MS);
			const { "202610": compromised, ...others } = await world.states();
			expect(compromised).toBe("revoked");
			expect(Object.values(others)).toContain("active");
		},
	);
});
