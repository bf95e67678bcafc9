import { describe, expect, test } from "vitest";
import { dueLines } from "../../src/cli/due-preview.ts";
import { rotate } from "../../src/cli/rotate.ts";
import type { Workbench } from "../../src/cli/workbench.ts";
import type { DoorAnswer } from "../../src/ports/door.ts";
import { emptyDomainState } from "../../src/rotation/domain-state.ts";
import type { Policy } from "../../src/rotation/policy.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { keyEntry, policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
const PLAIN = { now: false, dryRun: true, wait: false, waitMaxMs: null, soak: true, json: false };
const NOW = { ...PLAIN, now: true };
const BUSY: DoorAnswer = {
	act: "refused",
	why: "busy",
	domains: [],
	message: "another request is at work",
	hint: "try again",
};

test("fails in the door's words where that does not say what signs", async () => {
	const world = new AgentWorld([quick]);
	await world.tick();
	world.refuse = () => BUSY;
	const { context, terminal } = commandBench(world);
	await expect(rotate(context, [], NOW)).rejects.toMatchObject({
		code: "door.refused",
		message: "the keys in use cannot be read: another request is at work",
		hint: "try again",
	});
	expect(terminal.results).toEqual([]);
});

/** What is printed of the first domain, without the blanks before each line. */
async function printed(
	world: AgentWorld,
	options = PLAIN,
	changes: Partial<Workbench> = {},
): Promise<readonly string[]> {
	const { context, terminal } = commandBench(world, { changes });
	expect(await rotate(context, [], options)).toBe(0);
	const lines = terminal.results.join("\n").split("\n");
	return lines.slice(3).map((line) => line.trim());
}

/** `202610` was adopted, and turned to `202611` in November. */
async function turnedWorld(policy: Policy): Promise<AgentWorld> {
	const world = new AgentWorld([policy]);
	await world.tick();
	await world.wish(["example.com"], "turn");
	await world.advance(MINUTE_MS);
	return world;
}

const DECEMBER = [
	"when    the next key, due 2026-12-01 03:00 +00:00, is made (2026-12-01 03:00 +00:00)",
	"key     make an Ed25519 key as 202612",
	'dns     add 202612._domainkey.example.com. 3600 TXT "v=DKIM1;k=ed25519;p=…"',
	"through home",
	"table   /key.table",
];

test("of keys that are not adopted yet says that a tick adopts them, and when the first turn is", async () => {
	const world = new AgentWorld([quick]);
	expect(await printed(world)).toEqual([
		"now     adopt 202610, which signs: nothing of it is changed",
		...DECEMBER,
		"- example.com example.com:202610:/keys/example.com/202610.private",
		"+ example.com example.com:202612:/keys/example.com/202612.private",
		"service stop mail, stop signer; rename the table; start signer, start mail",
		"later   remove the record of 202610 only if retire.adopted is set",
	]);
	const turn = await printed(world, NOW);
	expect(turn.slice(0, 3)).toEqual([
		"now     adopt 202610, which signs: nothing of it is changed",
		"when    now",
		"key     make an Ed25519 key as 202611",
	]);
	expect(await world.store.load("domains/example.com")).toBeNull();
});

test("says which record goes though the turn is months off", async () => {
	const retire = { ...quick.retire, adopted: true };
	const world = await turnedWorld({ ...quick, retire, schedule: scheduleOf("0 3 1 6 *") });
	world.pass(20 * DAY_MS);
	const value = (await world.state()).keys[0]?.record.value ?? "";
	expect((await printed(world)).slice(0, 5)).toEqual([
		"now     remove the record of 202610, unless something needs it still",
		`dns     remove 202610._domainkey.example.com. TXT "${value}"`,
		"through home",
		"when    the next key, due 2027-06-01 03:00 +00:00, is made (2027-06-01 03:00 +00:00)",
		"key     make an Ed25519 key as 202706",
	]);
});

test("says that a key file goes 90 days after its record", async () => {
	const world = await turnedWorld({ ...quick, schedule: scheduleOf("0 3 1 1 *") });
	await world.wish(["example.com"], "again");
	await world.advance(20 * DAY_MS);
	world.pass(91 * DAY_MS);
	expect(await world.states()).toMatchObject({ "202611": "retired" });
	expect(await printed(world)).toContain("now     delete the key file of 202611, unless a table names it");
});

test("says that a key is made and published ahead, and signs from its due date", async () => {
	const world = new AgentWorld([policyOf()]);
	await world.tick();
	world.pass(6 * DAY_MS);
	expect((await printed(world)).slice(0, 2)).toEqual([
		"when    now it is made and published; it signs from its due date (2026-12-01 03:00 +00:00)",
		"key     make an Ed25519 key as 202612",
	]);
});

test("of a domain that is leaving says which lines and which records go", async () => {
	const world = await turnedWorld(quick);
	await world.ask({ kind: "remove", domains: ["example.com"] }, "out");
	world.refuse = (request) => (request.act === "stage" ? BUSY : null);
	await world.advance(MINUTE_MS);
	world.pass(DAY_MS);
	expect(await printed(world)).toEqual([
		"now     take the lines of 202611 out of the signer's tables",
		"table   /key.table",
		"- example.com example.com:202611:/keys/example.com/202611.private",
		"service stop mail, stop signer; rename the table; start signer, start mail",
		"no new key: it is leaving (keyturn remove)",
	]);
});

test("says that an adopted record goes after grace where it is to (retire.adopted)", async () => {
	const world = new AgentWorld([{ ...quick, retire: { ...quick.retire, adopted: true } }]);
	await world.tick();
	expect(await printed(world, NOW)).toContain("later   remove the record of 202610 after grace");
});

test.each([
	["opendkim", "restart", true],
	["opendkim", "reload", false],
	["exim", "restart", false],
	["docker-mailserver", "restart", false],
] as const)(
	"says of %s by %s, stopped alone, what its mail server may do meanwhile: %s",
	async (type, swap, isSaid) => {
		const world = new AgentWorld([quick]);
		await world.tick();
		const { settings } = commandBench(world).workbench;
		const alone = (stop: readonly string[]) => {
			const signers = settings.signers.map((signer) => {
				const services = { ...signer.services, stop, start: stop.toReversed() };
				return { ...signer, type, swap, services };
			});
			return printed(world, NOW, { settings: { ...settings, signers } });
		};
		const line = "service no mail server is stopped: what hands it mail may send unsigned";
		expect((await alone(["signer"])).includes(line)).toBe(isSaid);
		expect(await alone(["mail", "signer"])).not.toContain(line);
	},
);

test.each([
	["exim", {}, "reload", "service nothing is reloaded: the next delivery reads the table anew"],
	[
		"rspamd",
		{ redis: { socket: "/redis" } },
		"reload",
		"service nothing is reloaded: rspamd asks Redis, which follows the table",
	],
	["rspamd", { redis: null }, "reload", "service reload signer"],
	[
		"command",
		{ apply: ["/usr/local/sbin/keys", "-v"] },
		"reload",
		"service run /usr/local/sbin/keys, which has the signer use the keys of the table",
	],
	[
		"command",
		{ apply: ["/usr/local/sbin/keys"] },
		"restart",
		"service stop mail, stop signer; rename the table; run /usr/local/sbin/keys, which has the signer use the keys of the table; start signer, start mail",
	],
] as const)("says how %s %j gets to the table by %s", async (type, own, swap, line) => {
	const world = new AgentWorld([quick]);
	await world.tick();
	const { settings } = commandBench(world).workbench;
	const signers = settings.signers.map((signer) => ({ ...signer, type, swap, settings: own }));
	expect(await printed(world, NOW, { settings: { ...settings, signers } })).toContain(line);
});

test.each([
	["a key that comes", async () => new AgentWorld([quick]), ["dns     add 202612._domainkey"]],
	[
		"a record that goes",
		async () => {
			const world = await turnedWorld({ ...quick, retire: { ...quick.retire, adopted: true } });
			world.pass(20 * DAY_MS);
			return world;
		},
		["dns     remove 202610._domainkey", "dns     add 202612._domainkey"],
	],
])(
	"reads at 80 columns at a terminal, but for what stands in DNS and in tables: %s",
	async (_, make, records) => {
		const world = await make();
		const { context, terminal } = commandBench(world, { isShown: true });
		expect(await rotate(context, [], PLAIN)).toBe(0);
		const lines = terminal.results.join("\n").split("\n");
		const asTheyStand = lines.filter((line) => /^ {2}(?:dns| {8}[+-]) /.test(line));
		for (const record of records)
			expect(asTheyStand).toContainEqual(expect.stringMatching(`^  ${record}.* TXT ".*"$`));
		expect(asTheyStand).toContainEqual(expect.stringMatching(/^ {10}\+ .*\.private$/));
		for (const line of lines.filter((one) => !asTheyStand.includes(one)))
			expect(line.length, line).toBeLessThan(80);
	},
);

describe("a step that is due", () => {
	const given = {
		policy: quick,
		state: { ...emptyDomainState("example.com"), keys: [keyEntry({ selector: "202611" })] },
		signal: new AbortController().signal,
	};
	const selector = "202611";

	test("reads at 80 columns", async () => {
		const bench = commandBench(new AgentWorld([quick])).workbench;
		for (const kind of ["retire", "revoke", "turnAway", "noteUse", "takeOver", "revive"] as const)
			for (const line of await dueLines({ ...given, bench }, { kind, selector }))
				if (!line.startsWith("dns ")) expect(`  ${line}`.length).toBeLessThan(80);
	});

	test("is no other key in use where only a use is noted", async () => {
		const bench = commandBench(new AgentWorld([quick])).workbench;
		expect(await dueLines({ ...given, bench }, { kind: "noteUse", selector })).toEqual([
			"now     note that 202611 is in use: its grace counts anew",
		]);
	});
});

test("says in the door's words why the lines of the table cannot be shown", async () => {
	const world = new AgentWorld([quick]);
	await world.tick();
	world.refuse = (request) => (request.act === "inspect" && request.foretell !== undefined ? BUSY : null);
	const { context, terminal } = commandBench(world);
	expect(await rotate(context, [], NOW)).toBe(0);
	expect(terminal.results.join()).toContain("table   cannot be shown: another request is at work");
});
