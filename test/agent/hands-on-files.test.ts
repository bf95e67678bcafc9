import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { parseDomainState } from "../../src/rotation/stored-state.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const quick = { publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 as const } };
const TWO = ["example.com", "example.org"].map((domain) => policyOf({ ...quick, domain }));
const DAMAGED = "/state/domains/example.org.json";

/** Two turns behind it: a key that signs, and one made by keyturn whose record is kept through grace. */
async function turnedTwice(): Promise<AgentWorld> {
	const world = new AgentWorld(TWO);
	await world.tick();
	for (const id of ["w1", "w2"]) {
		world.pass(MINUTE_MS);
		await world.wish(["example.com", "example.org"], id);
		await world.advance(5 * MINUTE_MS);
	}
	expect(await world.states("example.org")).toEqual({
		"202610": "retiring",
		"202611": "retiring",
		"202611b": "active",
	});
	return world;
}

/** What a tick with this in place of the state of example.org does; the world is put back afterwards. */
async function tickWith(world: AgentWorld, bytes: Uint8Array): Promise<string> {
	const before = world.stateFiles();
	const told = world.events.length;
	const changed = world.changes.length;
	world.disk.put(DAMAGED, bytes, 0o600);
	world.restart();
	const report = await world.tick();
	const kept = [...world.stateFiles().keys()].filter((path) => path.startsWith(`${DAMAGED}.damaged`));
	const events = world.events
		.slice(told)
		.map(({ event, phase, domains }) => [event, phase, ...domains].join(" "));
	const org = report.domains.find((one) => one.domain === "example.org");
	const active = org?.state?.keys.map((key) => `${key.selector} ${key.state} ${key.origin}`) ?? [];
	const com = report.domains.find((one) => one.domain === "example.com");
	expect(com?.error).toBeNull();
	expect(com?.state?.keys).toHaveLength(3);
	expect(world.changes.slice(changed)).toEqual([]);
	await world.restoreState(before);
	return [...active, `kept ${kept.length}`, ...events].join(", ");
}

/** Why these bytes are not believed. */
async function readAs(world: AgentWorld, bytes: Uint8Array): Promise<string> {
	world.disk.put(DAMAGED, bytes, 0o600);
	try {
		parseDomainState((await world.store.load("domains/example.org"))?.state);
		return "believed";
	} catch (error) {
		if (!(error instanceof KeyturnError)) return String(error);
		return /unknown field/.exec(error.message)?.[0] ?? error.code;
	}
}

const REBUILT = "202611b active adopted, kept 1, state_damaged start example.org";
/** Its checksum has become an unknown field. */
const LEFT_ALONE = "kept 0, state_damaged start example.org";

/** The store is asked about every byte; whole ticks are run for some. */
const EVERY = 97;

describe("a domain's state", () => {
	it("cut short is kept aside, told, and rebuilt from what signs", { timeout: 60_000 }, async () => {
		const world = await turnedTwice();
		const whole = new TextEncoder().encode(world.disk.text(DAMAGED) ?? "");
		expect(whole.length).toBeGreaterThan(2000);
		for (let length = 0; length < whole.length - 1; length += 1) {
			const bytes = whole.slice(0, length);
			expect(await readAs(world, bytes), `cut at ${length}`).toBe("state.corrupt");
			if (length % EVERY === 0) expect(await tickWith(world, bytes), `cut at ${length}`).toBe(REBUILT);
		}
	});

	it("with a bit flipped is never believed", { timeout: 60_000 }, async () => {
		const world = await turnedTwice();
		const whole = new TextEncoder().encode(world.disk.text(DAMAGED) ?? "");
		let leftAlone = 0;
		for (let at = 0; at < whole.length - 1; at += 1) {
			const flipped = Uint8Array.from(whole);
			flipped[at] = (whole[at] ?? 0) ^ (1 << (Math.imul(at, 2_654_435_761) >>> 29));
			const outcome = await readAs(world, flipped);
			if (outcome === "unknown field") leftAlone += 1;
			else expect(outcome, `bit of byte ${at}`).toBe("state.corrupt");
			if (at % EVERY === 8)
				expect(await tickWith(world, flipped)).toBe(outcome === "unknown field" ? LEFT_ALONE : REBUILT);
		}
		expect(leftAlone).toBeLessThanOrEqual("checksum".length);
	});

	it("that has lost its keys of before removes none of their records, ever", async () => {
		const world = await turnedTwice();
		world.disk.put(
			DAMAGED,
			(world.disk.text(DAMAGED) ?? "").replaceAll('"lastAt": "2026', '"lastAt": "2016'),
			0o600,
		);
		await world.advance(40 * DAY_MS);
		const removed = world.changes.filter(
			({ kind, name }) => kind === "remove" && name.endsWith("example.org"),
		);
		expect(removed.filter(({ name }) => /^202611b?\./.test(name) && isSigning(world, name))).toEqual([]);
		expect(removed.map(({ name }) => name)).not.toContain("202611._domainkey.example.org");
		expect(world.told("state_damaged")).toEqual(["start", "end"]);
	});
});

describe("what is remembered of the host, damaged at any place,", () => {
	it.each(["/state/host.json", "/state/epoch", "/state/history.jsonl"])(
		"ends no tick and changes no key: %s",
		{ timeout: 60_000 },
		async (path) => {
			const world = await turnedTwice();
			const before = world.stateFiles();
			const whole = new TextEncoder().encode(world.disk.text(path) ?? "");
			expect(whole.length).toBeGreaterThan(10);
			const keys = JSON.stringify([await world.states("example.com"), await world.states("example.org")]);
			const step = Math.ceil(whole.length / 12);
			for (let at = 0; at < whole.length; at += step)
				for (const isCut of [true, false]) {
					const damaged = isCut ? whole.slice(0, at) : Uint8Array.from(whole);
					if (!isCut) damaged[at] = (whole[at] ?? 0) ^ (1 << (at % 8));
					const [told, changed] = [world.events.length, world.changes.length];
					world.disk.put(path, damaged, 0o600);
					world.restart();
					const { domains } = await world.tick();
					const what = `${isCut ? "cut at" : "a bit of"} ${at}`;
					expect(
						domains.map(({ error }) => error),
						what,
					).toEqual([null, null]);
					expect(
						JSON.stringify([await world.states("example.com"), await world.states("example.org")]),
						what,
					).toBe(keys);
					expect(world.changes.slice(changed), what).toEqual([]);
					const events = world.events.slice(told).map(({ event, phase }) => `${event} ${phase}`);
					expect(events, what).toEqual(path === "/state/host.json" ? ["state_damaged start"] : []);
					await world.restoreState(before);
				}
		},
	);
});

describe("an old state directory put back", () => {
	it("at any point of two turns costs no record in use, and is told", { timeout: 120_000 }, async () => {
		let points = 1;
		for (let point = 0; point < points; point += 1) {
			const world = new AgentWorld();
			const copies = [world.stateFiles()];
			world.onStateChange = () => void copies.push(world.stateFiles());
			await world.tick();
			for (const id of ["w1", "w2"]) {
				world.pass(MINUTE_MS);
				await world.wish(["example.com"], id);
				await world.advance(5 * MINUTE_MS);
			}
			world.onStateChange = () => undefined;
			const last = world.lines[0]?.selector;
			expect(last).toBe("202611b");
			const steps = copies.filter((copy, index) => documentOf(copy) !== documentOf(copies[index - 1]));
			points = steps.length;
			const told = world.events.length;
			const wishes = [...(steps[point] ?? new Map<string, string>())];
			await world.restoreState(new Map(wishes.filter(([path]) => !path.includes("/wishes/"))));
			world.change = (change) => {
				if (change.kind === "remove") expect(isSigning(world, change.name), `point ${point}`).toBe(false);
				return { kind: "done" };
			};
			// Before the next slot: a turn of its own would hide what was not noticed.
			await world.advance(10 * MINUTE_MS);
			const state = await world.state();
			const active = state.keys.filter((key) => key.state === "active").map((key) => key.selector);
			expect(active, `point ${point}`).toEqual([world.lines[0]?.selector]);
			const events = world.events.slice(told).map(({ event }) => event);
			const words = ["drift_detected", "switched", "recovered"];
			if (![null, last].includes(activeIn(steps[point])))
				expect(
					events.filter((one) => words.includes(one)),
					`point ${point}`,
				).not.toEqual([]);
			await world.advance(20 * DAY_MS);
			for (const { domain, selector } of world.lines)
				expect(world.zone.get(`${selector}._domainkey.${domain}`), `${point}: ${selector}`).toHaveLength(1);
		}
		expect(points).toBeGreaterThan(8);
	});
});

describe("a state directory that is gone", () => {
	it("is told where the door has switched keys before, and nothing older is removed", async () => {
		const world = await turnedTwice();
		world.lastPauseAt = world.at.toISOString();
		const removed = world.changes.length;
		await world.restoreState(new Map());
		await world.tick();
		expect(world.told("state_damaged")).toEqual(["start"]);
		expect(await world.states()).toEqual({ "202611b": "active" });
		await world.advance(6 * DAY_MS);
		expect(world.told("state_damaged")).toEqual(["start", "end"]);
		expect(world.changes.slice(removed)).toEqual([]);
	});

	it("of a host where nothing was switched yet is a first start", async () => {
		const world = new AgentWorld();
		await world.tick();
		expect(world.told("state_damaged")).toEqual([]);
	});
});

function isSigning(world: AgentWorld, name: string): boolean {
	return world.lines.some(({ domain, selector }) => name === `${selector}._domainkey.${domain}`);
}

function documentOf(copy: ReadonlyMap<string, string> | undefined): string | undefined {
	return copy?.get("/state/domains/example.com.json");
}

function activeIn(copy: ReadonlyMap<string, string> | undefined): string | null {
	const text = documentOf(copy);
	const { keys } = JSON.parse(text ?? '{"keys":[]}') as {
		readonly keys: readonly { selector: string; state: string }[];
	};
	return keys.find(({ state }) => state === "active")?.selector ?? null;
}
