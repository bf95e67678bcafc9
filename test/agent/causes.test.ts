import { describe, expect, it } from "vitest";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
const two = ["example.com", "example.org"].map((domain) => ({ ...quick, domain }));

describe("a trouble", () => {
	it("of the key in use is over when another signs", async () => {
		const world = new AgentWorld();
		world.verdict = (selector) => (selector === "202610" ? "absent" : "right");
		await world.tick();
		expect(world.told("verification_failed")).toEqual(["start"]);
		await world.wish(["example.com"]);
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("verification_failed")).toEqual(["start", "end"]);
	});

	it("of a domain is over when it is configured no more", async () => {
		const world = new AgentWorld(two);
		world.verdict = () => "absent";
		await world.tick();
		expect(world.told("verification_failed")).toEqual(["start", "start"]);
		world.reconfigure(two.slice(0, 1));
		await world.tick();
		expect(world.told("verification_failed")).toEqual(["start", "start", "end"]);
	});

	it("of a provider is over for a domain that has another", async () => {
		const world = new AgentWorld();
		world.change = () => ({ kind: "refused", denied: true, why: "403", hint: null });
		await world.wish(["example.com"]);
		await world.tick();
		expect(world.told("provider_denied")).toEqual(["start"]);
		world.reconfigure([{ ...quick, providers: ["other"] }], "other");
		await world.tick();
		expect(world.told("provider_denied")).toEqual(["start", "end"]);
	});

	it("of a damaged host document is over once the new one holds", async () => {
		const world = new AgentWorld();
		await world.tick();
		await world.damage("host");
		await world.tick();
		await world.tick();
		expect(world.told("state_damaged")).toEqual(["start", "end"]);
	});

	it("of a rejected configuration is over when a process comes up with a good one", async () => {
		const world = new AgentWorld();
		await world.tick();
		world.agent.note("config", {
			event: "config_rejected",
			severity: "warning",
			domains: [],
			selector: null,
			summary: "rejected",
			detail: null,
			hint: null,
		});
		await world.tick();
		world.restart();
		await world.tick();
		expect(world.told("config_rejected")).toEqual(["start", "end"]);
	});

	it("that every slot of a daily schedule is missed starts a day after the first, and lasts", {
		timeout: 30_000,
	}, async () => {
		const world = new AgentWorld([{ ...quick, schedule: scheduleOf("0 3 * * *") }]);
		world.verdict = (selector) => (selector === "202610" ? "right" : "absent");
		await world.advance(4 * DAY_MS);
		expect(world.told("key_overdue")[0]).toBe("start");
		expect(world.told("key_overdue")).not.toContain("end");
	});
});
