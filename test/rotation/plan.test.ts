import { describe, expect, it } from "vitest";
import { type DomainState, emptyDomainState, type KeyEntry } from "../../src/rotation/domain-state.ts";
import { type LineInUse, plan, type Plan, type Seen } from "../../src/rotation/plan.ts";
import { keyEntry, policyOf } from "../fakes/policies.ts";

const policy = policyOf();
const DAY_MS = 86_400_000;

function state(...keys: readonly KeyEntry[]): DomainState {
	return { ...emptyDomainState("example.com"), keys };
}

function seen(keys: readonly KeyEntry[], changes: Partial<Seen> = {}): Seen {
	const inUse = keys.map(
		(key): LineInUse => ({ selector: key.selector, publicKey: key.publicKey, problem: null }),
	);
	const watched = { until: new Date("2100-01-01T00:00:00Z"), reason: "watched" };
	const delays = new Map(["202611", "202612"].map((selector) => [`watch ${selector}`, watched]));
	return { inUse, lastPauseAt: null, delays, freeze: null, ...changes };
}

function at(text: string): Date {
	return new Date(text);
}

function reasons(planned: Plan): readonly string[] {
	return planned.kind === "wait" ? planned.waits.map((wait) => wait.reason) : [];
}

const active = keyEntry({ selector: "202611" });

describe("plan", () => {
	it("adopts what is found in use", () => {
		expect(plan(state(), seen([active], { delays: new Map() }), policy, at("2026-11-22T12:00:00Z"))).toEqual({
			kind: "step",
			step: { kind: "adopt", selectors: ["202611"] },
		});
	});

	it("waits until publish_ahead before the next slot, then makes the key of that slot", () => {
		const early = plan(state(active), seen([active]), policy, at("2026-11-22T12:00:00Z"));
		expect(early.kind).toBe("wait");
		expect(early.kind === "wait" && early.until).toEqual(at("2026-11-28T03:00:00Z"));
		expect(plan(state(active), seen([active]), policy, at("2026-11-28T03:00:00Z"))).toEqual({
			kind: "step",
			step: { kind: "make", selector: null, dueAt: at("2026-12-01T03:00:00Z") },
		});
	});

	it("makes one key for several missed months, for the latest slot", () => {
		expect(plan(state(active), seen([active]), policy, at("2027-03-10T00:00:00Z"))).toEqual({
			kind: "step",
			step: { kind: "make", selector: null, dueAt: at("2027-03-01T03:00:00Z") },
		});
	});

	it("makes a key at once when it was asked for", () => {
		const wants = { rotate: { id: "1", askedAt: "2026-11-22T12:00:00.000Z", noSoak: false } };
		expect(plan({ ...state(active), wants }, seen([active]), policy, at("2026-11-22T12:00:00Z"))).toEqual({
			kind: "step",
			step: { kind: "make", selector: null, dueAt: at("2026-11-22T12:00:00Z") },
		});
	});

	it("uses a key made for a slot months away, under a clock that was ahead, at the next slot", () => {
		const ahead = keyEntry({ selector: "202612", state: "verified", dueAt: "2027-03-01T03:00:00.000Z" });
		const both = state(active, ahead);
		expect(plan(both, seen([active]), policy, at("2026-11-30T03:00:00Z")).kind).toBe("wait");
		expect(plan(both, seen([active]), policy, at("2026-12-01T03:00:00Z"))).toMatchObject({
			step: { kind: "switch", selector: "202612", from: "202611" },
		});
	});

	describe("a verified key", () => {
		const next = keyEntry({ selector: "202612", state: "verified", dueAt: "2026-12-01T03:00:00.000Z" });

		it("waits for its due date, and then is switched to", () => {
			const both = state(active, next);
			expect(plan(both, seen([active]), policy, at("2026-12-01T02:59:59Z")).kind).toBe("wait");
			expect(plan(both, seen([active]), policy, at("2026-12-01T03:00:00Z"))).toEqual({
				kind: "step",
				step: { kind: "switch", selector: "202612", from: "202611" },
			});
		});

		it("is switched to at once when asked for, outside the window too", () => {
			const wants = { rotate: { id: "1", askedAt: "2026-11-29T12:00:00.000Z", noSoak: false } };
			const narrow = policyOf({ window: { fromMinute: 120, toMinute: 300 } });
			expect(
				plan({ ...state(active, next), wants }, seen([active]), narrow, at("2026-11-29T12:00:00Z")).kind,
			).toBe("step");
		});

		it("waits for the window", () => {
			const narrow = policyOf({ window: { fromMinute: 22 * 60, toMinute: 120 } });
			const planned = plan(state(active, next), seen([active]), narrow, at("2026-12-01T03:00:00Z"));
			expect(planned.kind === "wait" && planned.until).toEqual(at("2026-12-01T22:00:00Z"));
			const open = plan(state(active, next), seen([active]), narrow, at("2026-12-02T01:59:00Z"));
			expect(open.kind).toBe("step");
		});

		it("waits a day after the last pause, but not for a reload", () => {
			const paused = seen([active], { lastPauseAt: at("2026-12-01T01:00:00Z") });
			const planned = plan(state(active, next), paused, policy, at("2026-12-01T03:00:00Z"));
			expect(planned.kind === "wait" && planned.until).toEqual(at("2026-12-02T01:00:00Z"));
			const reload = policyOf({ swap: "reload" });
			expect(plan(state(active, next), paused, reload, at("2026-12-01T03:00:00Z")).kind).toBe("step");
		});

		it("is not switched to while the signer cannot be read", () => {
			const blind = seen([active], { inUse: null });
			const planned = plan(state(active, next), blind, policy, at("2026-12-01T03:00:00Z"));
			expect(reasons(planned)).toContain("the signer's configuration could not be read");
		});

		it("waits out what a rollback asked for", () => {
			const owes = {
				act: "switch" as const,
				id: null,
				askedAt: "2026-12-01T03:00:00.000Z",
				tries: 1,
				notBefore: "2026-12-02T03:00:00.000Z",
			};
			const rolledBack = state(active, { ...next, owes });
			const planned = plan(rolledBack, seen([active]), policy, at("2026-12-01T04:00:00Z"));
			expect(planned.kind === "wait" && planned.until).toEqual(at("2026-12-02T03:00:00Z"));
		});

		it("is settled before anything else while its switch has no known end", () => {
			const owes = {
				act: "switch" as const,
				id: "abc",
				askedAt: "2026-12-01T03:00:00.000Z",
				tries: 0,
				notBefore: null,
			};
			const planned = plan(
				state(active, { ...next, owes }),
				seen([active]),
				policy,
				at("2026-12-01T04:00:00Z"),
			);
			expect(planned).toEqual({ kind: "step", step: { kind: "settle", selector: "202612" } });
		});
	});

	describe("what waits without having failed says why, not that it failed", () => {
		const owed = { id: null, askedAt: "2026-12-01T03:00:00.000Z", tries: 0 } as const;

		it("as the key file of a retired key", () => {
			const owes = { ...owed, act: "drop", notBefore: "2027-03-01T03:00:00.000Z" } as const;
			const retired = keyEntry({ selector: "202610", state: "retired", owes });
			const planned = plan(state(retired, active), seen([active]), policy, at("2026-11-22T12:00:00Z"));
			expect(reasons(planned)).toContain(
				"its key file is kept that long, in case a restored backup names the key",
			);
		});

		it("as a switch that was put off", () => {
			const owes = { ...owed, act: "switch", notBefore: "2026-12-01T03:05:00.000Z" } as const;
			const reason = "1 of 2 servers are right, too few answered";
			const dueAt = "2026-12-01T03:00:00.000Z";
			const next = keyEntry({ selector: "202612", state: "verified", dueAt, owes, reason });
			const planned = plan(state(active, next), seen([active]), policy, at("2026-12-01T03:01:00Z"));
			expect(reasons(planned)).toContain(reason);
		});
	});

	describe("a retiring key", () => {
		const used = (changes: object) => ({
			host: "mx1",
			signer: "main",
			firstAt: "2026-10-01T03:00:00.000Z",
			lastAt: null,
			lastAtLatest: null,
			...changes,
		});
		const old = keyEntry({
			selector: "202610",
			state: "retiring",
			since: "2026-11-01T03:00:00.000Z",
			uses: [used({ lastAt: "2026-11-01T03:00:00.000Z" })],
		});

		it("is retired when grace has passed since its confirmed last use, and not before", () => {
			const both = state(old, active);
			expect(plan(both, seen([active]), policy, at("2026-11-15T02:59:59Z")).kind).toBe("wait");
			expect(plan(both, seen([active]), policy, at("2026-11-15T03:00:00Z"))).toEqual({
				kind: "step",
				step: { kind: "retire", selector: "202610" },
			});
		});

		it("waits while its last use is not confirmed", () => {
			const unconfirmed = { ...old, uses: [used({})] };
			const planned = plan(state(unconfirmed, active), seen([active]), policy, at("2026-11-20T00:00:00Z"));
			expect(reasons(planned)).toContain("its last use is not confirmed yet");
		});

		it("counts open connections as closed after their latest moment", () => {
			const open = { ...old, uses: [used({ lastAtLatest: "2026-11-02T03:00:00.000Z" })] };
			const both = state(open, active);
			expect(plan(both, seen([active]), policy, at("2026-11-16T02:00:00Z")).kind).toBe("wait");
			expect(plan(both, seen([active]), policy, at("2026-11-16T03:00:00Z")).kind).toBe("step");
		});

		it("stays while the clock is not to be trusted", () => {
			const freeze = { until: at("2026-11-21T00:00:00Z"), reason: "the clock jumped" };
			const planned = plan(
				state(old, active),
				seen([active], { freeze }),
				policy,
				at("2026-11-20T00:00:00Z"),
			);
			expect(reasons(planned)).toContain("the clock jumped");
		});

		it("keeps its record for good if keyturn did not make it", () => {
			const adopted = { ...old, origin: "adopted" as const };
			const late = new Date(at("2026-11-01T03:00:00Z").getTime() + 20 * DAY_MS);
			const planned = plan(state(adopted, active), seen([active]), policy, late);
			expect(reasons(planned).join()).toContain("keyturn did not make it");
		});
	});

	it("gives up a candidate that the configuration no longer asks for", () => {
		const candidate = keyEntry({ selector: "202612", state: "published" });
		const planned = plan(
			state(active, candidate),
			seen([active]),
			policyOf({ key: { algorithm: "rsa", bits: 2048 } }),
			at("2026-11-29T00:00:00Z"),
		);
		expect(planned.kind === "step" && planned.step.kind).toBe("giveUp");
	});

	it("looks at the key in use when its daily look is due", () => {
		const planned = plan(
			state(active),
			seen([active], { delays: new Map() }),
			policy,
			at("2026-11-22T12:00:00Z"),
		);
		expect(planned).toEqual({ kind: "step", step: { kind: "watch", selector: "202611" } });
	});
});
