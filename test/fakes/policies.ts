/** Policies and keys for tests: what the defaults of the configuration give, with a few things said otherwise. */

import { generateKeyPairSync } from "node:crypto";
import { parse } from "node-cron";
import { type PublicHalf, publicHalfOf } from "../../src/dkim/key-material.ts";
import type { KeyEntry } from "../../src/rotation/domain-state.ts";
import { nextRecord } from "../../src/rotation/next-record.ts";
import type { Policy } from "../../src/rotation/policy.ts";
import type { Schedule } from "../../src/rotation/slots.ts";

const HOUR_MS = 3_600_000;

export function scheduleOf(expression: string): Schedule {
	const fields = parse(expression);
	return {
		expression,
		seconds: fields.second,
		minutes: fields.minute,
		hours: fields.hour,
		daysOfMonth: fields.dayOfMonth.map(Number),
		months: fields.month.map(Number),
		weekdays: fields.dayOfWeek.map(Number),
	};
}

export function policyOf(changes: Partial<Policy> = {}): Policy {
	return {
		domain: "example.com",
		schedule: scheduleOf("0 3 1 * *"),
		timezone: "UTC",
		publishAheadMs: 72 * HOUR_MS,
		window: null,
		selector: { kind: "template", template: "{yyyy}{mm}" },
		host: "mx1",
		key: { algorithm: "ed25519" },
		record: { ttlSeconds: 3600 },
		standby: false,
		jitterMs: 0,
		spreadMs: 0,
		verify: {
			nameservers: "auto",
			quorum: "all",
			resolvers: [],
			via: ["servers"],
			intervalMs: 30_000,
			soakMs: "auto",
			timeoutMs: 24 * HOUR_MS,
		},
		retire: { graceMs: 14 * 24 * HOUR_MS, tombstoneMs: 0, adopted: false, publishPrivate: null },
		signer: "main",
		swap: "restart",
		providers: ["home"],
		zone: null,
		...changes,
	};
}

export function newHalf(): PublicHalf {
	const { publicKey } = generateKeyPairSync("ed25519");
	const half = publicHalfOf(publicKey.export({ format: "der", type: "spki" }).toString("base64"));
	if (half === null) throw new Error("no key");
	return half;
}

export function keyEntry(changes: Partial<KeyEntry> = {}): KeyEntry {
	const half = newHalf();
	const selector = changes.selector ?? "202611";
	const at = "2026-11-01T03:00:00.000Z";
	return {
		selector,
		algorithm: half.algorithm,
		bits: half.bits,
		publicKey: half.publicKey,
		record: {
			name: `${selector}._domainkey.example.com`,
			owner: `${selector}._domainkey.example.com`,
			value: nextRecord(half, { ttlSeconds: 3600 }, null),
			zone: "example.com",
			providers: ["home"],
			ttlSeconds: 3600,
			negativeTtlSeconds: 300,
		},
		origin: "made",
		state: "active",
		since: at,
		dueAt: at,
		rightSince: null,
		lookingSince: null,
		uses: [],
		owes: null,
		reason: null,
		...changes,
	};
}
