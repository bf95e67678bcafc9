import { expect, test } from "vitest";
import { verify } from "../../src/cli/verify.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { policyOf } from "../fakes/policies.ts";

const names = ["example.com", "example.org"];

test("a domain that is leaving has no key in use that could fail", async () => {
	const world = new AgentWorld(names.map((domain) => policyOf({ domain })));
	await world.tick();
	await world.ask({ kind: "remove", domains: ["example.org"] }, "w1");
	await world.advance(60_000);
	const { context, terminal } = commandBench(world);
	expect(await verify(context, [], { json: true })).toBe(0);
	expect(JSON.parse(terminal.results.join()).keys).toMatchObject([{ domain: "example.com", verifies: true }]);
	expect(terminal.said).toEqual(["example.org: nothing signs for it, as was asked for (keyturn remove)"]);
});

test("a domain that stays fails where nothing signs for it", async () => {
	const world = new AgentWorld(names.map((domain) => policyOf({ domain })));
	await world.tick();
	world.lines.splice(0, 1);
	const { context, terminal } = commandBench(world);
	expect(await verify(context, [], { json: false })).toBe(4);
	expect(terminal.results.join()).toContain("FAIL   example.com\n       no key signs for it");
});

/** Of a host with one domain, after `spoil`; what is printed, and how it ends. */
async function verified(spoil: (world: AgentWorld) => void) {
	const world = new AgentWorld();
	await world.tick();
	spoil(world);
	const { context, terminal } = commandBench(world);
	const status = await verify(context, [], { json: false });
	return { status, said: terminal.results.join() };
}

const lineWith = (changes: Partial<AgentWorld["lines"][number]>) => (world: AgentWorld) => {
	world.lines.splice(0, 1, ...world.lines.map((line) => ({ ...line, ...changes })));
};

test.each<readonly [string, (world: AgentWorld) => void, RegExp]>([
	[
		"its record is absent",
		(world) => (world.verdict = () => "absent"),
		/^FAIL   202610\._domainkey\.example\.com\n/,
	],
	["its record is another's", (world) => (world.verdict = () => "wrong"), /^FAIL /],
	["no server answers", (world) => (world.verdict = () => "unknown"), /^UNSURE 202610/],
	[
		"its signer refuses the key file",
		lineWith({ unsafe: "/k is everybody's" }),
		/^FAIL .*\n +\/k is everybody's/,
	],
	["its key file is none", lineWith({ publicKey: null, keyPath: "/gone" }), /\/gone cannot be read as a key/],
])("a key fails where %s", async (_, spoil, words) => {
	const { status, said } = await verified(spoil);
	expect(status).toBe(4);
	expect(said).toMatch(words);
});

test("a key that every server has, and its signer takes, is one that verifies", async () => {
	const { status, said } = await verified(() => undefined);
	expect(status).toBe(0);
	expect(said).toMatch(/^ok     202610\._domainkey\.example\.com\n/);
});

test("nothing is known of a domain that is leaving where its signer cannot be read", async () => {
	const world = new AgentWorld();
	await world.tick();
	await world.ask({ kind: "remove", domains: ["example.com"] }, "w1");
	await world.advance(60_000);
	world.signerProblem = "KeyTable: no such file";
	const { context, terminal } = commandBench(world);
	expect(await verify(context, [], { json: false })).toBe(4);
	expect(terminal.results.join()).toContain("KeyTable: no such file");
});
