import { describe, expect, it } from "vitest";
import { emptyDomainState, NOTHING_WANTED } from "../../src/rotation/domain-state.ts";
import {
	graceEnds,
	lastUse,
	missedSlot,
	nextDue,
	publishAt,
	soakMs,
	turnedFor,
} from "../../src/rotation/timing.ts";
import { keyEntry, policyOf, scheduleOf } from "../fakes/policies.ts";

const policy = policyOf();
const HOUR_MS = 3_600_000;

function due(dueAt: string, now: string, since = "2026-11-01T03:00:00.000Z"): string | null {
	const state = { ...emptyDomainState("example.com"), keys: [keyEntry({ dueAt, since })] };
	return nextDue(state, policy, new Date(now))?.toISOString() ?? null;
}

describe("the next due date", () => {
	it("is the slot to come, or the latest that was missed", () => {
		expect(due("2026-11-01T03:00:00.000Z", "2026-11-22T12:00:00Z")).toBe("2026-12-01T03:00:00.000Z");
		expect(due("2026-11-01T03:00:00.000Z", "2027-02-22T12:00:00Z")).toBe("2027-02-01T03:00:00.000Z");
	});

	it("passes over the slot that a key was turned early for", () => {
		expect(due("2026-12-01T03:00:00.000Z", "2026-11-30T12:00:00Z")).toBe("2027-01-01T03:00:00.000Z");
	});

	it("does not wait for what a clock that was ahead, or another schedule, has noted", () => {
		const ahead = "2027-12-05T03:00:00.000Z";
		expect(due("2027-12-01T03:00:00.000Z", "2026-11-22T12:00:00Z", ahead)).toBe("2026-11-01T03:00:00.000Z");
		const now = "2026-11-22T12:00:00.000Z";
		expect(due("2027-12-01T03:00:00.000Z", now, now)).toBe("2026-12-01T03:00:00.000Z");
		// Nor once the slot is over for which that key could have been turned at the latest.
		expect(due("2027-01-01T03:00:00.000Z", "2026-12-02T12:00:00Z", now)).toBe("2026-12-01T03:00:00.000Z");
		const early = "2026-11-29T03:00:00.000Z";
		expect(due("2026-12-02T05:17:00.000Z", "2026-11-30T12:00:00Z", early)).toBe("2026-12-01T03:00:00.000Z");
	});
});

describe("a schedule that was changed since the last turn", () => {
	const berlin = policyOf({ timezone: "Europe/Berlin" });
	const [NOON, OLD] = [new Date("2026-11-22T12:00:00.000Z"), "2026-11-01T02:00:00.000Z"];
	/** Of a key that was turned at 3:00 in Berlin. */
	const under = (changed: Partial<typeof policy>, key: Parameters<typeof keyEntry>[0] = {}, now = NOON) => {
		const keys = [keyEntry({ dueAt: OLD, since: "2026-11-01T02:00:07.512Z", ...key })];
		const state = { ...emptyDomainState("example.com"), keys };
		const changedPolicy = { ...berlin, ...changed };
		return {
			due: nextDue(state, changedPolicy, now)?.toISOString(),
			missed: missedSlot(state, changedPolicy, now)?.toISOString(),
		};
	};

	it.each([
		[{ timezone: "UTC" }, "2026-12-01T03:00:00.000Z"],
		[{ timezone: "America/New_York" }, "2026-12-01T08:00:00.000Z"],
		[{ timezone: "Asia/Tokyo" }, "2026-11-30T18:00:00.000Z"],
		[{ schedule: scheduleOf("30 4 1 * *") }, "2026-12-01T03:30:00.000Z"],
		[{ schedule: scheduleOf("0 3 2 * *") }, "2026-12-02T02:00:00.000Z"],
	])("by a little (%j) turns no key in the middle of the month", (changed, next) => {
		expect(under(changed)).toEqual({ due: next, missed: undefined });
	});

	it("by a spread turns none either, and staggers the domains from the next slot on", () => {
		for (const domain of ["example.com", "example.org", "example.net", "example.edu"]) {
			const { due = "", missed } = under({ domain, spreadMs: 14 * 24 * HOUR_MS });
			expect(due > "2026-12-01T02" && due < "2026-12-15T02").toBe(true);
			expect(missed).toBeUndefined();
		}
	});

	it("by more than that has its slot in its time", () => {
		const fifteenth = { schedule: scheduleOf("0 3 15 * *") };
		expect(under(fifteenth, {}, new Date("2026-11-15T01:59:59Z")).due).toBe("2026-11-15T02:00:00.000Z");
		expect(under(fifteenth).due).toBe("2026-11-15T02:00:00.000Z");
	});

	it("has every later slot, however long nobody was there", () => {
		const late = new Date("2027-02-22T12:00:00Z");
		expect(under({ timezone: "UTC" }, {}, late)).toEqual({
			due: "2027-02-01T03:00:00.000Z",
			missed: "2026-12-01T03:00:00.000Z",
		});
	});

	it("is none where a key was made by hand, or found, shortly before a slot", () => {
		const shortly = { timezone: "UTC" } as const;
		expect(under(shortly, { dueAt: "2026-11-01T02:00:00.417Z" }).due).toBe("2026-11-01T03:00:00.000Z");
		expect(under(shortly, { origin: "adopted" }).due).toBe("2026-11-01T03:00:00.000Z");
	});

	it("has as many slots as it says where it comes often", () => {
		const hourly = { schedule: scheduleOf("0 * * * *"), timezone: "UTC" };
		const halfPast = { dueAt: "2026-11-22T10:29:00.000Z" };
		expect(under(hourly, halfPast, new Date("2026-11-22T11:10:00Z")).due).toBe("2026-11-22T11:00:00.000Z");
	});
});

describe("with a spread", () => {
	const spreadMs = 10 * 86_400_000;
	const dates = ["example.com", "example.org", "example.net", "example.edu"].map((domain) => {
		const state = {
			...emptyDomainState(domain),
			keys: [keyEntry({ dueAt: "2026-11-20T03:00:00.000Z", since: "2026-11-20T03:00:00.000Z" })],
		};
		const spread = policyOf({ domain, spreadMs });
		const first = nextDue(state, spread, new Date("2026-11-22T12:00:00Z"));
		const at = first?.toISOString() ?? "";
		const turned = { ...state, keys: [keyEntry({ dueAt: at, since: at })] };
		return { first, second: nextDue(turned, spread, new Date("2026-12-22T12:00:00Z")) };
	});

	it("each domain is due at a moment of its own after the slot, always the same", () => {
		const slot = Date.parse("2026-12-01T03:00:00Z");
		const lags = dates.map(({ first }) => (first?.getTime() ?? 0) - slot);
		expect(new Set(lags).size).toBe(dates.length);
		for (const lag of lags) {
			expect(lag).toBeGreaterThanOrEqual(0);
			expect(lag).toBeLessThan(spreadMs);
			expect(lag % 60_000).toBe(0);
		}
		const later = dates.map(({ second }) => (second?.getTime() ?? 0) - Date.parse("2027-01-01T03:00:00Z"));
		expect(later).toEqual(lags);
	});
});

describe("a missed slot", () => {
	it("is the first since the key's own, however many followed", () => {
		const daily = policyOf({ schedule: scheduleOf("0 3 * * *") });
		const state = {
			...emptyDomainState("example.com"),
			keys: [keyEntry({ dueAt: "2026-11-20T03:00:00.000Z", since: "2026-11-20T03:00:00.000Z" })],
		};
		const missed = (now: string) => missedSlot(state, daily, new Date(now))?.toISOString() ?? null;
		expect(missed("2026-11-21T02:59:59.999Z")).toBeNull();
		expect(missed("2026-11-21T03:00:00Z")).toBe("2026-11-21T03:00:00.000Z");
		expect(missed("2026-11-25T12:00:00Z")).toBe("2026-11-21T03:00:00.000Z");
	});

	it.each([
		["none has passed since it was turned early", "2026-12-01", "2026-11-22", "2026-11-30", null],
		["the one that it was turned early for has passed", "2026-12-01", "2026-11-22", "2026-12-02", null],
		["one has passed since several turns", "2027-02-01", "2026-11-22", "2026-12-02", "2026-12-01"],
		["one has passed since a clock was ahead", "2027-12-01", "2026-11-22", "2027-02-22", "2026-12-01"],
		["the clock was ahead when it was turned", "2027-12-01", "2027-12-05", "2026-11-22", "2026-11-01"],
	])("is one that is due, of a key that stands for a slot to come: %s", (_, slot, since, day, expected) => {
		const keys = [keyEntry({ dueAt: `${slot}T03:00:00.000Z`, since: `${since}T03:00:00.000Z` })];
		const state = { ...emptyDomainState("example.com"), keys };
		const now = new Date(`${day}T12:00:00Z`);
		const missed = missedSlot(state, policy, now);
		expect(missed?.toISOString().slice(0, 10) ?? null).toBe(expected);
		expect(missed !== null).toBe((nextDue(state, policy, now) ?? now) < now);
	});
});

describe("without an active key, or a schedule that fires", () => {
	const never = policyOf({ schedule: { ...scheduleOf("0 0 1 * *"), daysOfMonth: [31], months: [2] } });
	const now = new Date("2026-11-22T12:00:00Z");

	it("nothing is due and nothing was missed", () => {
		const none = emptyDomainState("example.com");
		expect(nextDue(none, policy, now)).toBeNull();
		expect(missedSlot(none, policy, now)).toBeNull();
		const some = { ...none, keys: [keyEntry()] };
		expect(nextDue(some, never, now)).toBeNull();
		expect(missedSlot(some, never, now)).toBeNull();
	});
});

describe("the record of a turn goes out", () => {
	const dueAt = new Date("2026-12-01T03:00:00Z");
	const latenessMs = (changes: Parameters<typeof policyOf>[0]) => {
		const given = policyOf({ publishAheadMs: 72 * HOUR_MS, ...changes });
		return publishAt(dueAt, given).getTime() - (dueAt.getTime() - given.publishAheadMs);
	};

	it("publish_ahead before its slot", () => {
		expect(latenessMs({ jitterMs: 0 })).toBe(0);
	});

	it("later by a share of the jitter that is always the same for a host and domain", () => {
		const late = latenessMs({ jitterMs: HOUR_MS });
		expect(latenessMs({ jitterMs: HOUR_MS })).toBe(late);
		expect(latenessMs({ jitterMs: HOUR_MS, host: "mx2" })).not.toBe(late);
		expect(latenessMs({ jitterMs: HOUR_MS, domain: "example.org" })).not.toBe(late);
	});

	it("spread over the whole jitter, and never after the slot", () => {
		const hosts = Array.from({ length: 400 }, (_, at) => `mx${at}`);
		const lates = hosts.map((host) => latenessMs({ jitterMs: HOUR_MS, host }));
		expect(Math.min(...lates)).toBeGreaterThanOrEqual(0);
		expect(Math.max(...lates)).toBeLessThan(HOUR_MS);
		const quarters = [0, 1, 2, 3].map(
			(quarter) => lates.filter((late) => Math.floor((late * 4) / HOUR_MS) === quarter).length,
		);
		expect(Math.min(...quarters)).toBeGreaterThan(60);
		const short = hosts.map((host) => latenessMs({ jitterMs: 99 * HOUR_MS, publishAheadMs: HOUR_MS, host }));
		expect(Math.max(...short)).toBeLessThan(HOUR_MS);
	});
});

describe("a key that signs late", () => {
	const key = keyEntry({ dueAt: "2026-11-01T03:00:00.000Z" });
	const slot = (switchedAt: string) => turnedFor(key, policy, new Date(switchedAt)).toISOString();

	it("stands for every slot that it slept through, and never for an earlier one than its own", () => {
		expect(slot("2026-11-30T00:00:00Z")).toBe("2026-11-01T03:00:00.000Z");
		expect(slot("2027-02-10T00:00:00Z")).toBe("2027-02-01T03:00:00.000Z");
		expect(slot("2026-10-20T00:00:00Z")).toBe("2026-11-01T03:00:00.000Z");
	});

	it("keeps its own slot under a schedule that never fires", () => {
		const never = policyOf({ schedule: { ...scheduleOf("0 0 1 * *"), daysOfMonth: [31], months: [2] } });
		expect(turnedFor(key, never, new Date("2026-12-10T00:00:00Z")).toISOString()).toBe(key.dueAt);
	});
});

describe("the soak", () => {
	const state = emptyDomainState("example.com");
	const auto = (negativeTtlSeconds: number) => {
		const key = keyEntry();
		return soakMs({ ...key, record: { ...key.record, negativeTtlSeconds } }, state, policy) / 1000;
	};

	it("lasts as long as an absence may be cached: ten minutes to a day", () => {
		expect([0, 599, 600, 601, 86_399, 86_400, 1_000_000].map(auto)).toEqual([
			600, 600, 600, 601, 86_399, 86_400, 86_400,
		]);
	});

	it("lasts as long as what a wildcard answered may be cached, be that more than a day, but a week at most", () => {
		const beside = (wildcardTtlSeconds: number) => {
			const key = keyEntry();
			return soakMs({ ...key, record: { ...key.record, wildcardTtlSeconds } }, state, policy) / 1000;
		};
		expect([0, 601, 172_800, 2_000_000].map(beside)).toEqual([600, 601, 172_800, 604_800]);
	});

	it("lasts as configured, also not at all", () => {
		for (const configured of [0, 5])
			expect(soakMs(keyEntry(), state, policyOf({ verify: { ...policy.verify, soakMs: configured } }))).toBe(
				configured,
			);
	});

	it("is left out only when a turn without it was asked for", () => {
		const asking = (noSoak: boolean) => ({
			...state,
			wants: { ...NOTHING_WANTED, rotate: { id: "1", askedAt: "2026-11-22T12:00:00.000Z", noSoak } },
		});
		expect(soakMs(keyEntry(), asking(true), policy)).toBe(0);
		const adding = (noSoak: boolean) => ({
			...state,
			wants: { ...NOTHING_WANTED, add: { id: "1", askedAt: "2026-11-22T12:00:00.000Z", noSoak } },
		});
		expect(soakMs(keyEntry(), adding(true), policy)).toBe(0);
		expect(soakMs(keyEntry(), adding(false), policy)).toBe(600_000);
		expect(soakMs(keyEntry(), asking(false), policy)).toBe(600_000);
	});
});

describe("the last use of a key", () => {
	const use = (lastAt: string | null, lastAtLatest: string | null = null) => ({
		host: "mx1",
		signer: "main",
		firstAt: "2026-10-01T03:00:00.000Z",
		lastAt,
		lastAtLatest,
	});
	const last = (...uses: readonly ReturnType<typeof use>[]) =>
		lastUse(
			keyEntry({ since: "2026-11-01T03:00:00.000Z", uses }),
			new Date("2026-11-10T00:00:00Z"),
		)?.toISOString() ?? null;

	it("of one that never signed is when it came to its state", () => {
		expect(last()).toBe("2026-11-01T03:00:00.000Z");
	});

	it("is the latest of all, and none as long as one of them is open", () => {
		const [early, late] = ["2026-11-02T00:00:00.000Z", "2026-11-03T00:00:00.000Z"];
		expect(last(use(early), use(late))).toBe(late);
		expect(last(use(late), use(early))).toBe(late);
		expect(last(use("2026-10-20T00:00:00.000Z"))).toBe("2026-11-01T03:00:00.000Z");
		expect(last(use(early), use(null))).toBeNull();
	});

	it("that may go on until a moment is that moment once it has passed", () => {
		expect(last(use(null, "2026-11-10T00:00:00.000Z"))).toBe("2026-11-10T00:00:00.000Z");
		expect(last(use(null, "2026-11-10T00:00:00.001Z"))).toBeNull();
	});

	it("begins the grace, with its own share of the jitter", () => {
		const now = new Date("2026-11-10T00:00:00Z");
		const used = keyEntry({ uses: [use("2026-11-02T00:00:00.000Z")] });
		expect(graceEnds(used, policy, now)?.toISOString()).toBe("2026-11-16T00:00:00.000Z");
		expect(graceEnds(keyEntry({ uses: [use(null)] }), policy, now)).toBeNull();
		expect(graceEnds(keyEntry(), policy, now)?.toISOString()).toBe("2026-11-01T03:00:00.000Z");
		const jittered = policyOf({ jitterMs: HOUR_MS });
		const late = (graceEnds(used, jittered, now)?.getTime() ?? 0) - Date.parse("2026-11-16T00:00:00Z");
		expect(late).toBeGreaterThan(0);
		expect(late).toBeLessThan(HOUR_MS);
		const dueAt = new Date("2026-12-01T03:00:00Z");
		const publishLate = publishAt(dueAt, jittered).getTime() - publishAt(dueAt, policy).getTime();
		expect(late).not.toBe(publishLate);
	});
});
