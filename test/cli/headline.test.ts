import { describe, expect, test } from "vitest";
import type { DomainReport } from "../../src/agent/agent.ts";
import { headline, stageOf, waitingFor } from "../../src/cli/headline.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { LookReport, ServerOutcome, ServerReport } from "../../src/ports/propagation.ts";
import { type KeyEntry, NOTHING_WANTED } from "../../src/rotation/domain-state.ts";
import { keyEntry, policyOf } from "../fakes/policies.ts";

const NOW = new Date("2026-11-22T12:00:00Z");
const policy = policyOf({ timezone: "Europe/Berlin" });

describe("a turn in one line", () => {
	test("at rest says when the next is due", () => {
		expect(tell(report([keyEntry()]))).toBe("nothing due; next turn 2026-12-01 03:00 +01:00, in 8 d");
	});

	test("says what was adopted and what was switched to", () => {
		const adopted = { ...report([keyEntry()]), did: [{ kind: "adopt", selectors: ["202611"] } as const] };
		expect(tell(adopted)).toMatch(/^adopted 202611, which signs; next turn/);
		const switched = {
			...report([keyEntry()]),
			did: [{ kind: "switch", selector: "202611", from: "202610" } as const],
		};
		expect(tell(switched)).toMatch(/^signs with 202611 now; next turn/);
	});

	test("names the server that is waited for, and counts down where it is drawn again", () => {
		const published = report([keyEntry(), candidate({ state: "published" })], 12);
		const look = lookOf([server("ns1.test", "right"), server("ns2.test", "absent_name")]);
		const words = "202612: waiting for ns2.test (1 of 2 right)";
		expect(tell(published, { look })).toBe(words);
		expect(tell(published, { look, isLive: true })).toBe(`${words}, next look in 12 s`);
		expect(tell(published)).toBe("202612: published; its name servers are asked");
	});

	test("says what is more than not being there yet", () => {
		const look = lookOf([server("ns1.test", "absent_name"), server("ns2.test", "several_records")]);
		expect(tell(report([keyEntry(), candidate({ state: "published" })]), { look })).toBe(
			"202612: waiting for ns1.test and 1 more (0 of 2 right); ns2.test: several records",
		);
	});

	test("says why a key that was asked for is not made", () => {
		const rotate = { id: "1", askedAt: NOW.toISOString(), noSoak: false };
		const asked = report([keyEntry()]);
		const waits = [{ selector: null, until: NOW, reason: "ns2.test gives no answer" }];
		const state = asked.state === null ? null : { ...asked.state, wants: { ...NOTHING_WANTED, rotate } };
		expect(tell({ ...asked, state, waits })).toBe("its new key is to be made: ns2.test gives no answer");
		expect(stageOf({ ...asked, state })).toBe("to be made");
	});

	test("says when the soak ends", () => {
		const soaking = candidate({ state: "published", rightSince: "2026-11-22T11:55:00.000Z" });
		expect(tell(report([keyEntry(), soaking]))).toBe(
			"202612: served everywhere; switch in 5 min, when what resolvers remember of before has expired (2026-11-22 13:05 +01:00)",
		);
	});

	test("says what a verified key waits for", () => {
		const waiting = report([keyEntry(), candidate({ state: "verified" })], 3600, "the window opens");
		expect(tell(waiting)).toBe("202612 is verified; the window opens (2026-11-22 14:00 +01:00, in 1 h)");
	});

	test("says what failed, and when it is tried again", () => {
		const failed = {
			...report([keyEntry(), candidate({ state: "pending" })], 60),
			error: new KeyturnError("provider.denied", "home: wrong signature"),
		};
		expect(tell(failed)).toBe("failed: home: wrong signature");
		expect(tell(failed, { isLive: true })).toBe("failed: home: wrong signature; next attempt in 1 min");
	});

	test.each([
		["at rest", report([keyEntry()])],
		["being published", report([keyEntry(), candidate({ state: "pending" })])],
		["waiting for name servers", report([keyEntry(), candidate({ state: "published" })])],
		["soaking", report([keyEntry(), candidate({ state: "published", rightSince: NOW.toISOString() })])],
		["verified", report([keyEntry(), candidate({ state: "verified" })])],
		["failed", { ...report([]), state: null }],
	] as const)("counts as %s", (stage, given) => {
		expect(stageOf(given)).toBe(stage);
	});
});

describe("what is waited for", () => {
	test("counts names, not addresses, and names one of them", () => {
		const look = lookOf([
			server("ns1.test", "right"),
			server("ns1.test", "timeout"),
			server("ns2.test", "servfail"),
			server("ns3.test", "right"),
		]);
		expect(waitingFor(look)).toBe("waiting for ns1.test and 1 more (1 of 3 right)");
	});

	test("without servers says why", () => {
		expect(waitingFor(lookOf([]))).toBe("no server is known");
	});
});

function report(keys: readonly KeyEntry[], seconds = 0, reason = "why"): DomainReport {
	const until = new Date(NOW.getTime() + seconds * 1000);
	return {
		domain: policy.domain,
		state: { schema: 1, domain: policy.domain, wants: NOTHING_WANTED, keys },
		did: [],
		waits: seconds === 0 ? [] : [{ selector: "202612", until, reason }],
		error: null,
	};
}

function candidate(changes: Partial<KeyEntry>): KeyEntry {
	return keyEntry({ selector: "202612", dueAt: "2026-12-01T02:00:00.000Z", ...changes });
}

function tell(given: DomainReport, more: { look?: LookReport; isLive?: boolean } = {}): string {
	const { look = null, isLive = false } = more;
	return headline({ report: given, policy, look, now: NOW, isLive });
}

function lookOf(servers: readonly ServerReport[]): LookReport {
	return {
		at: NOW.toISOString(),
		owner: "202612._domainkey.example.com",
		zone: "example.com",
		verdict: "absent",
		summary: "no server is known",
		servers,
		resolvers: [],
		warnings: [],
		negativeTtlSeconds: 300,
		dnssec: false,
	};
}

function server(name: string, outcome: ServerOutcome): ServerReport {
	return {
		server: name,
		address: "192.0.2.1",
		outcome,
		sentence: `${name}: ${outcome}`,
		at: NOW.toISOString(),
		serial: null,
		ttlSeconds: null,
		txtRecords: 0,
		chunks: [],
		signed: null,
	};
}
