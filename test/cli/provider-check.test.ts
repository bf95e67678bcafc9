import { describe, expect, test } from "vitest";
import { providerCheck } from "../../src/cli/provider-check.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";

const PLAIN = { zone: null, waitMaxMs: 60_000, json: false };

describe("provider check in words", () => {
	test("says what was written, and that nothing is left", async () => {
		const world = new AgentWorld();
		const { context, terminal } = commandBench(world);
		expect(await providerCheck(context, "home", PLAIN)).toBe(0);
		expect(terminal.results.join("\n").split("\n")).toEqual([
			"home: passed",
			expect.stringMatching(/^ {2}record {3}keyturn-check-0{16}\._domainkey\.example\.com, 754 octets/),
			expect.stringContaining("zone example.com"),
			"  ttl      300 s asked, 60 s given",
			"  visible  at every name server after 0 s",
			"           ns1 192.0.2.1: after 0 s",
			"  removed  nothing is left behind",
		]);
		expect(terminal.said).toContain("removing keyturn-check-0000000000000000._domainkey.example.com");
		expect([...world.zone.values()].flat()).toEqual([]);
	});

	test("as JSON holds the same", async () => {
		const { context, terminal } = commandBench(new AgentWorld());
		expect(await providerCheck(context, "home", { ...PLAIN, json: true })).toBe(0);
		expect(JSON.parse(terminal.results.join(""))).toMatchObject({ schema: 1, outcome: "passed", left: [] });
	});

	test("of a provider that refuses ends with 1, with what to do", async () => {
		const world = new AgentWorld();
		world.change = (change) =>
			change.kind === "remove"
				? { kind: "done" }
				: { kind: "refused", denied: true, why: "home: no such token", hint: "make it anew" };
		const { context, terminal } = commandBench(world);
		expect(await providerCheck(context, "home", PLAIN)).toBe(1);
		const words = terminal.results.join("\n");
		expect(words).toContain("home: failed\n  home: no such token\n  what to do: make it anew");
	});

	test("of a record that cannot be removed ends with 3 and names it, and the next check removes it", async () => {
		const world = new AgentWorld();
		const { context, terminal } = commandBench(world);
		world.change = (change, provider) =>
			change.kind === "remove"
				? { kind: "refused", denied: false, why: `${provider}: not now`, hint: null }
				: { kind: "done" };
		expect(await providerCheck(context, "home", PLAIN)).toBe(3);
		const name = "keyturn-check-0000000000000000._domainkey.example.com";
		const words = terminal.results.join("\n").replaceAll(/\n\s+/g, " ");
		expect(words).toContain("home: written and served, but not removed again");
		expect(words).toContain(`${name} could not be removed: home: not now`);
		expect(words).toContain(`LEFT     ${name}: the next check`);
		world.change = null;
		terminal.results.length = 0;
		expect(await providerCheck(context, "home", PLAIN)).toBe(0);
		expect(terminal.results.join("\n")).toContain(`swept    ${name}`);
		expect(terminal.results.join("\n")).toContain("nothing is left behind");
	});

	test("of a record that is not seen in time ends with 3", async () => {
		const world = new AgentWorld();
		world.verdict = () => "absent";
		const { context, terminal } = commandBench(world);
		expect(await providerCheck(context, "home", { ...PLAIN, waitMaxMs: 0 })).toBe(3);
		expect(terminal.results.join("\n")).toContain("not served by every name server yet");
	});

	test("while another keeps the lock writes nothing and ends with 75", async () => {
		const world = new AgentWorld();
		world.isHeldByAnother = true;
		const { context } = commandBench(world);
		expect(await providerCheck(context, "home", PLAIN)).toBe(75);
		expect(world.changes).toEqual([]);
	});

	test.each(["example", "-", "exa mple.com"])("%j is no zone", async (zone) => {
		const { context } = commandBench(new AgentWorld());
		await expect(providerCheck(context, "home", { ...PLAIN, zone })).rejects.toMatchObject({ code: "usage" });
	});
});
