import { describe, expect, it } from "vitest";
import { emptyDomainState } from "../../src/rotation/domain-state.ts";
import { missedSlot, nextDue } from "../../src/rotation/timing.ts";
import { keyEntry, policyOf, scheduleOf } from "../fakes/policies.ts";

const policy = policyOf();

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
		const early = "2026-11-29T03:00:00.000Z";
		expect(due("2026-12-02T05:17:00.000Z", "2026-11-30T12:00:00Z", early)).toBe("2026-12-01T03:00:00.000Z");
	});
});

describe("a missed slot", () => {
	it("is the first since the key's own, however many followed", () => {
		const daily = policyOf({ schedule: scheduleOf("0 3 * * *") });
		const state = {
			...emptyDomainState("example.com"),
			keys: [keyEntry({ dueAt: "2026-11-20T03:00:00.000Z" })],
		};
		const missed = (now: string) => missedSlot(state, daily, new Date(now))?.toISOString() ?? null;
		expect(missed("2026-11-21T02:00:00Z")).toBeNull();
		expect(missed("2026-11-25T12:00:00Z")).toBe("2026-11-21T03:00:00.000Z");
	});
});
