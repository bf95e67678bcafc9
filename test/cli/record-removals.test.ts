import { expect, test } from "vitest";
import { removals } from "../../src/cli/record.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { keyEntry, policyOf } from "../fakes/policies.ts";
import type { KeyEntry } from "../../src/rotation/domain-state.ts";
import { NOTHING_WANTED } from "../../src/rotation/domain-state.ts";

const OLD = keyEntry({
	selector: "202610",
	state: "retiring",
	uses: [
		{
			host: "mx1",
			signer: "main",
			firstAt: "2026-10-01T03:00:00.000Z",
			lastAt: "2026-11-01T03:00:00.000Z",
			lastAtLatest: null,
		},
	],
});

async function told(keys: readonly KeyEntry[], adopted = false): Promise<string> {
	const world = new AgentWorld();
	const policy = policyOf();
	const { context, terminal, workbench } = commandBench(world);
	const retire = { ...policy.retire, adopted };
	const store = {
		...workbench.store,
		load: async () =>
			Promise.resolve({
				state: { schema: 1, domain: policy.domain, wants: NOTHING_WANTED, keys },
				revision: 1,
			}),
	};
	const open = async () =>
		Promise.resolve({
			...workbench,
			settings: { ...workbench.settings, policies: [{ ...policy, retire }] },
			store,
		});
	expect(await removals({ ...context, open }, { json: false })).toBe(0);
	return terminal.results.join("\n");
}

test("an old record is told with when it may go, and as nsupdate takes it", async () => {
	const text = await told([OLD, keyEntry({ selector: "202611", state: "active" })]);
	expect(text).toMatch(/^; example\.com 202610: not before 2026-11-15 03:00 \+00:00$/m);
	expect(text).toContain(`update delete 202610._domainkey.example.com. TXT "${OLD.record.value}"`);
	expect(text).not.toContain("202611");
});

test("what keyturn would leave is not told", async () => {
	const adopted: KeyEntry = { ...OLD, origin: "adopted" };
	const nothing = "no old record of keyturn's stands";
	expect(await told([adopted])).toBe(nothing);
	expect(await told([adopted], true)).toContain("202610");
	expect(await told([{ ...OLD, state: "retired" }])).toBe(nothing);
});

test("nor is that of a domain passed over which keyturn.yaml names no more", async () => {
	const { context, terminal, workbench } = commandBench(new AgentWorld());
	const found = keyEntry({ selector: "mail", state: "retiring", origin: "adopted" });
	const made = { ...OLD, origin: "made" } as const;
	const keys = [made, found, keyEntry({ selector: "202611", state: "active", origin: "made" })];
	const gone = { schema: 1, domain: "gone.example", wants: NOTHING_WANTED, keys };
	const store = {
		...workbench.store,
		list: async () => Promise.resolve(["domains/example.com", "domains/gone.example", "domains/odd.example"]),
		load: async (name: string) =>
			Promise.resolve(
				name === "domains/example.com" ? null : { state: name.includes("odd") ? {} : gone, revision: 1 },
			),
	};
	const open = async () => Promise.resolve({ ...workbench, store });
	expect(await removals({ ...context, open }, { json: false })).toBe(0);
	const text = terminal.results.join("\n");
	expect(text.match(/^; .*$/gm)).toEqual(["; gone.example 202610: its last use is not known"]);
	expect(text).toContain("update delete 202610._domainkey.example.com. TXT");
});
