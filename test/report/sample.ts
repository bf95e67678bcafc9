/** A host for the page and the metrics: each domain with a key in every stage, and what its servers say. */

import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";
import type { LookReport, ServerReport } from "../../src/ports/propagation.ts";
import { buildStatus, type Status, type StatusFacts, type TroubleShown } from "../../src/report/status.ts";
import { NOTHING_WANTED } from "../../src/rotation/domain-state.ts";
import { keyEntry, policyOf } from "../fakes/policies.ts";

export const NOW = new Date("2026-11-29T12:00:00Z");

const KEYS = [
	keyEntry({
		selector: "202609",
		state: "retired",
		since: "2026-10-16T03:00:00.000Z",
		lookingSince: "2026-08-29T03:00:00.000Z",
		uses: use("2026-09-01T03:00:00.000Z", "2026-10-01T03:00:00.000Z"),
	}),
	keyEntry({
		selector: "202610",
		state: "retiring",
		since: "2026-11-16T03:00:00.000Z",
		lookingSince: "2026-09-28T03:00:00.000Z",
		uses: use("2026-10-01T03:00:00.000Z", "2026-11-16T03:00:00.000Z"),
	}),
	keyEntry({
		selector: "202611",
		state: "active",
		since: "2026-11-16T03:00:00.000Z",
		lookingSince: "2026-11-10T03:00:00.000Z",
		uses: use("2026-11-16T03:00:00.000Z", null),
	}),
	keyEntry({
		selector: "202612",
		state: "published",
		since: "2026-11-28T03:00:00.000Z",
		lookingSince: "2026-11-28T03:00:00.000Z",
		dueAt: "2026-12-01T03:00:00.000Z",
	}),
];

function use(firstAt: string, lastAt: string | null) {
	return [{ host: "mx1", signer: "main", firstAt, lastAt, lastAtLatest: null }];
}

export function domainFacts(domain: string): StatusFacts["domains"][number] {
	return {
		policy: policyOf({ domain }),
		damaged: null,
		state: { schema: 1, domain, wants: NOTHING_WANTED, keys: KEYS },
	};
}

export function sampleStatus(
	domains: readonly string[] = ["example.com"],
	troubles: readonly TroubleShown[] = [],
): Status {
	return statusOf(domains.map(domainFacts), troubles);
}

export function statusOf(domains: StatusFacts["domains"], troubles: readonly TroubleShown[] = []): Status {
	return buildStatus({
		host: "mx1",
		now: NOW,
		daemon: true,
		domains,
		troubles,
		undelivered: 2,
		unchecked: [],
		steadySince: null,
		lastTickAt: NOW,
	});
}

/** Two servers; the second does not serve 202612. */
export function sampleLook(selector: string): LookReport | null {
	if (selector === "202609") return null;
	const isEverywhere = selector !== "202612";
	return {
		at: NOW.toISOString(),
		owner: `${selector}._domainkey.example.com`,
		zone: "example.com",
		verdict: isEverywhere ? "right" : "absent",
		summary: "",
		servers: [
			server("ns1.example.com", "192.0.2.1", true),
			server("ns2.example.com", "192.0.2.2", isEverywhere),
		],
		resolvers: [],
		warnings: [],
		negativeTtlSeconds: 300,
		dnssec: false,
	};
}

export function server(name: string, address: string, isRight: boolean): ServerReport {
	return {
		server: name,
		address,
		outcome: isRight ? "right" : "absent_name",
		sentence: isRight ? "right" : `${name} says that there is no such name`,
		at: NOW.toISOString(),
		serial: 2_026_112_901,
		ttlSeconds: 3600,
		txtRecords: isRight ? 1 : 0,
		chunks: isRight ? [255, 155] : [],
		signed: null,
	};
}

export function troubleOf(words: string, domain: string): TroubleShown {
	return {
		event: "verification_failed",
		severity: "critical",
		domains: [domain],
		summary: words,
		detail: words,
		hint: words,
		since: "2026-11-28T12:00:00.000Z",
	};
}

export function eventOf(summary: string): KeyturnEvent {
	return {
		schema: 1,
		id: "1",
		at: "2026-11-28T03:00:00.000Z",
		host: "mx1",
		event: "published",
		severity: "info",
		trouble: null,
		phase: null,
		domains: ["example.com"],
		selector: "202612",
		summary,
		detail: null,
		hint: null,
		since: null,
		count: 1,
	};
}
