import { describe, expect, test } from "vitest";
import { render } from "../../src/cli/status.ts";
import { buildStatus, type StatusFacts } from "../../src/report/status.ts";
import { verdictOf } from "../../src/report/status-words.ts";
import { type DomainState, NOTHING_WANTED } from "../../src/rotation/domain-state.ts";
import { keyEntry, policyOf, scheduleOf } from "../fakes/policies.ts";

const NOW = new Date("2026-11-22T12:00:00Z");
const LONG = `${"very-long-label.".repeat(4)}example`;

type Facts = StatusFacts["domains"][number];

describe("the status in words", () => {
	test("of a daemon none of whose ticks goes through says so: it can note no trouble", () => {
		const lastTickAt = new Date("2026-11-19T12:00:00Z");
		const built = buildStatus({ ...factsOf([domain("example.com", [keyEntry()])]), lastTickAt });
		expect(render(built, RENDERED).split("\n").slice(-2)).toEqual([
			"1 of 1 domain signing, no trouble",
			"the daemon is running, but has got on with nothing for 3 d: keyturn doctor",
		]);
		expect(built.lastTickAt).toBe("2026-11-19T12:00:00.000Z");
		expect(verdictOf(built).isWell).toBe(false);
	});

	test("of one domain at rest is a line, and what waits for what", () => {
		expect(show([domain("example.com", [retiring(), keyEntry()])]).split("\n")).toEqual([
			"domain       signs with  since     next turn  state",
			"example.com  202611      21 d ago  in 8 d     well",
			"",
			"example.com 202610: its record stays: keyturn did not make it (retire.adopted",
			"  is off)",
			"",
			"1 of 1 domain signing, no trouble",
			"the daemon is running",
		]);
	});

	test.each([
		["2026-11-21T12:50:00.000Z", "0 3 23 11 *", "example.com  202611      23 h ago  in 15 h    well"],
		["2026-11-20T12:01:00.000Z", "0 3 24 11 *", "example.com  202611      47 h ago  in 39 h    well"],
		["2026-11-22T11:15:00.000Z", "0 3 24 11 *", "example.com  202611      45 min ago  in 39 h    well"],
	])("keeps a domain in one line in the days around a turn (%s)", (since, schedule, line) => {
		const { state } = domain("example.com", [keyEntry({ since, dueAt: since })]);
		const policy = policyOf({ schedule: scheduleOf(schedule) });
		expect(show([{ policy, state, damaged: null }]).split("\n")[1]).toBe(line);
	});

	test("tells no next turn of a domain that is leaving", () => {
		const leaving = domain("example.com", [keyEntry()]);
		const remove = { id: "w1", askedAt: NOW.toISOString() };
		const state = { ...leaving.state, wants: { ...NOTHING_WANTED, remove } } as DomainState;
		const [shown] = buildStatus(factsOf([{ ...leaving, state }])).domains;
		expect(shown).toMatchObject({ leaving: true, nextDueAt: null });
	});

	test("tells a turn under way", () => {
		const next = keyEntry({ selector: "202612", state: "published", dueAt: "2026-11-22T11:00:00.000Z" });
		const text = show([domain("example.com", [keyEntry(), next])]);
		expect(text).toContain("example.com  202611      21 d ago  now        published");
		expect(text).toContain("example.com: 202612 is published; not every server was seen serving it yet");
	});

	test("tells until when what resolvers remember keeps a turn waiting", () => {
		const rightSince = "2026-11-22T11:55:00.000Z";
		const next = keyEntry({ selector: "202612", state: "published", rightSince });
		const text = show([domain("example.com", [keyEntry(), next])]);
		expect(text.replaceAll(/\n +/g, " ")).toMatch(
			/what resolvers remember of before has to expire before the switch \(2026-11-22 \d\d:\d\d \+\d\d:00, in \d+ min\)/,
		);
	});

	test("of a domain never looked at, and of a damaged one", () => {
		const unseen: Facts = { policy: policyOf({ domain: "new.test" }), state: null, damaged: null };
		const damaged: Facts = {
			policy: policyOf({ domain: "bad.test" }),
			state: null,
			damaged: "keys[0]: expected …",
		};
		const text = show([unseen, damaged]);
		expect(text).toMatch(/^new\.test +not known +not seen yet$/m);
		expect(text).toMatch(/^bad\.test +\? +\? +\? +damaged$/m);
		expect(text).toContain("bad.test: keys[0]: expected …");
		expect(text).toContain("0 of 2 domains signing");
	});

	test("of a domain that is leaving, that has left, and that waits for a first key", () => {
		const gone = keyEntry({ selector: "202610", state: "retired" });
		const remove = { id: "w", askedAt: "2026-11-22T10:00:00.000Z" };
		const leaves = (name: string, keys: DomainState["keys"]): Facts => {
			const facts = domain(name, keys);
			if (facts.state === null) throw new Error("no state");
			return { ...facts, state: { ...facts.state, wants: { ...NOTHING_WANTED, remove } } };
		};
		const text = show([
			leaves("goes.test", [{ ...retiring(), origin: "made" }]),
			leaves("gone.test", [gone]),
			leaves("signs.test", [keyEntry()]),
			domain("first.test", [gone, keyEntry({ state: "published" })]),
		]);
		expect(text).toMatch(/^goes\.test +nothing +leaving$/m);
		expect(text).toMatch(/^gone\.test +nothing +has left$/m);
		expect(text).toMatch(/^signs\.test +202611 +.* leaving$/m);
		expect(text).toMatch(/^first\.test +nothing +now +published$/m);
	});

	test("of domains that sign with one key, all turn when the first of them does", () => {
		const daily = { schedule: scheduleOf("0 3 * * *") };
		const facts = ["one.test", "two.test", "own.test"].map((name) =>
			domain(name, [keyEntry({ publicKey: name === "own.test" ? "own" : "shared" })]),
		);
		const differing = facts.map((one, index) =>
			index === 0 ? one : { ...one, policy: policyOf({ ...daily, domain: one.policy.domain }) },
		);
		const due = buildStatus(factsOf(differing)).domains.map(({ nextDueAt }) => nextDueAt);
		expect(due).toEqual(["2026-12-01T03:00:00.000Z", "2026-12-01T03:00:00.000Z", "2026-11-22T03:00:00.000Z"]);
	});

	test("of 200 domains tells once what many wait for", () => {
		const facts = Array.from({ length: 200 }, (_, index) =>
			domain(`d${index}.test`, [retiring(), keyEntry()]),
		);
		const text = show(facts);
		expect(text.split("\n").length).toBeLessThan(210);
		expect(text).toContain("d0.test 202610, d1.test 202610, d2.test 202610 and 197 more: its record stays");
	});

	test("tells troubles with what to do, in local time", () => {
		const text = render(buildStatus({ ...factsOf([]), troubles: [TROUBLE], undelivered: 2 }), {
			...RENDERED,
			timezone: "Europe/Berlin",
		});
		expect(text).toContain(
			"critical: provider_denied (since 2 h ago): home: denied since 2026-11-22 11:00\n  +01:00",
		);
		expect(text).toContain("  what to do: copy it again");
		expect(text).toContain("2 alerts not delivered yet");
		expect(text).toContain("1 trouble");
	});

	test("says what starts the daemon on this host", () => {
		const built = buildStatus({ ...factsOf([]), daemon: false });
		expect(render(built, { ...RENDERED, daemonStart: "rc-service keyturn start" })).toContain(
			"the daemon is not running: rc-service keyturn start",
		);
		expect(render({ ...built, daemon: true }, RENDERED)).toMatch(/the daemon is running$/);
	});

	test("says that a provider is to be checked before anything is published through it", () => {
		const built = buildStatus({ ...factsOf([]), unchecked: ["cf"] });
		expect(render(built, RENDERED)).toContain("cf: nothing is published through it before `keyturn");
	});

	test.each([
		["one", [domain("example.com", [keyEntry()])]],
		["long names", [LONG, `a.${LONG}`].map((name) => domain(name, [retiring(), keyEntry()]))],
		["long selectors", [domain(LONG, [keyEntry({ selector: "selector-of-".repeat(4) })])]],
		[
			"many",
			Array.from({ length: 200 }, (_, index) => domain(`d${index}.${LONG}`, [retiring(), keyEntry()])),
		],
	])("fits 80 columns with %s", (_, facts) => {
		const lines = show(facts).split("\n");
		expect(lines.length).toBeGreaterThan(4);
		for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
		for (const { policy } of facts) expect(lines.some((line) => line.startsWith(policy.domain))).toBe(true);
	});
});

const TROUBLE = {
	event: "provider_denied",
	severity: "critical",
	domains: ["example.com"],
	summary: "home: denied since 2026-11-22T10:00:00.000Z",
	detail: "the server finds our signature wrong",
	hint: "copy it again",
	since: "2026-11-22T10:00:00.000Z",
} as const;

const RENDERED = {
	timezoneOf: () => "UTC",
	timezone: "UTC",
	daemonStart: "systemctl start keyturn",
};

describe("after a jump of the clock", () => {
	test.each([
		["is over", "2026-10-01T03:00:00.000Z"],
		["ends sooner", "2026-11-20T03:00:00.000Z"],
	])("it is told until when an old record stays whose grace %s", (_, lastAt) => {
		const uses = [{ host: "mx1", signer: "main", firstAt: lastAt, lastAt, lastAtLatest: null }];
		const old = keyEntry({ selector: "202610", state: "retiring", since: lastAt, uses });
		const [shown] = buildStatus({
			...factsOf([domain("example.com", [old, keyEntry()])]),
			steadySince: new Date("2026-11-22T11:00:00.000Z"),
		}).domains;
		const until = "2026-12-06T12:00:00.000Z";
		expect(shown?.keys[0]?.removableFrom).toBe(until);
		expect(shown?.waits).toContainEqual({
			selector: "202610",
			until,
			reason: expect.stringContaining("the clock jumped before 2026-11-22T11:00:00.000Z"),
		});
	});
});

function retiring() {
	return keyEntry({ selector: "202610", state: "retiring", origin: "adopted" });
}

function domain(name: string, keys: DomainState["keys"]): Facts {
	const state: DomainState = { schema: 1, domain: name, wants: NOTHING_WANTED, keys };
	return { policy: policyOf({ domain: name }), state, damaged: null };
}

function factsOf(domains: readonly Facts[]): StatusFacts {
	const well = { troubles: [], undelivered: 0, unchecked: [], steadySince: null, lastTickAt: NOW };
	return { host: "mx1", now: NOW, daemon: true, domains, ...well };
}

function show(domains: readonly Facts[]): string {
	return render(buildStatus(factsOf(domains)), RENDERED);
}
