import { describe, expect, it } from "vitest";
import {
	type DomainState,
	emptyDomainState,
	type KeyEntry,
	NOTHING_WANTED,
} from "../../src/rotation/domain-state.ts";
import { plan, type Plan } from "../../src/rotation/plan.ts";
import { delayKey, type LineInUse, type Seen } from "../../src/rotation/step.ts";
import { doubtMs } from "../../src/rotation/timing.ts";
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
	return { inUse, firstKeyFault: null, lastPauseAt: null, delays, steadySince: null, ...changes };
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
		const wants = {
			...NOTHING_WANTED,
			rotate: { id: "1", askedAt: "2026-11-22T12:00:00.000Z", noSoak: false },
		};
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
			const wants = {
				...NOTHING_WANTED,
				rotate: { id: "1", askedAt: "2026-11-29T12:00:00.000Z", noSoak: false },
			};
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
			const steadySince = at("2026-11-20T00:00:00Z");
			const planned = plan(state(old, active), seen([active], { steadySince }), policy, steadySince);
			expect(reasons(planned)).toContain(
				"the clock jumped before 2026-11-20T00:00:00.000Z; grace counts from then on",
			);
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

/** The wait that says this. */
function waitOf(planned: Plan, reason: RegExp) {
	return planned.kind === "wait" ? planned.waits.find((wait) => reason.test(wait.reason)) : undefined;
}

const NOVEMBER = at("2026-11-22T12:00:00Z");
const DECEMBER = at("2026-12-01T03:00:00Z");
const owed = { id: null, askedAt: "2026-11-01T03:00:00.000Z", tries: 0, notBefore: null } as const;
const verified = keyEntry({ selector: "202612", state: "verified", dueAt: "2026-12-01T03:00:00.000Z" });

describe("keys found in use", () => {
	const line = (key: KeyEntry, changes: Partial<LineInUse> = {}): LineInUse => ({
		selector: key.selector,
		publicKey: key.publicKey,
		problem: null,
		...changes,
	});

	it("are adopted only if they can be read, and only as long as none is active", () => {
		for (const [changes, why] of [
			[{ problem: "it is a link" }, / signs .* cannot turn: it is a link/],
			[{ publicKey: null }, /its key file cannot be read/],
			[{ selector: "202609", publicKey: "other" }, /its key is not the one that is known/],
		] as const) {
			const known = keyEntry({ selector: "202609", state: "retired" });
			const planned = plan(state(known), seen([], { inUse: [line(active, changes)] }), policy, NOVEMBER);
			expect(waitOf(planned, why)).toMatchObject({ selector: null, until: null });
		}
		const empty = { ...keyEntry().record, value: "v=DKIM1;k=ed25519;p=" };
		const revoked = keyEntry({ selector: "202611", state: "retired", record: empty });
		const turnAway = { kind: "step", step: { kind: "turnAway", selector: "202611" } };
		expect(plan(state(revoked), seen([revoked]), policy, NOVEMBER)).toEqual(turnAway);
		// As long as the key in use cannot be read it is not known that only the other signs.
		const unread = line(keyEntry({ selector: "202612" }), { publicKey: null, problem: "EIO" });
		const beside = seen([revoked], { inUse: [unread, line(revoked)] });
		expect(plan(state(keyEntry({ selector: "202612" }), revoked), beside, policy, NOVEMBER)).not.toEqual(
			turnAway,
		);
		const retired = keyEntry({ selector: "202611", state: "retired" });
		expect(plan(state(retired), seen([retired]), policy, NOVEMBER)).toEqual({
			kind: "step",
			step: { kind: "revive", selector: "202611" },
		});
		const another = keyEntry({ selector: "other" });
		const planned = plan(state(active), seen([active, another]), policy, NOVEMBER);
		expect(planned.kind).toBe("wait");
	});

	it("are adopted without those that are known, also beside a known key that does not sign", () => {
		const known = keyEntry({ selector: "202610", state: "retiring" });
		const planned = plan(state(known), seen([known, active]), policy, NOVEMBER);
		expect(planned).toEqual({ kind: "step", step: { kind: "adopt", selectors: ["202611"] } });
	});

	it("may be the verified one that was to be switched to", () => {
		const both = state(active, verified);
		expect(plan(both, seen([verified]), policy, NOVEMBER)).toEqual({
			kind: "step",
			step: { kind: "takeOver", selector: "202612" },
		});
	});

	it("are not taken over under another key's selector, before they are verified, or in the middle of a switch", () => {
		const other = line(verified, { publicKey: active.publicKey });
		expect(plan(state(active, verified), seen([], { inUse: [other] }), policy, NOVEMBER).kind).toBe("wait");
		const published = { ...verified, state: "published" as const };
		expect(plan(state(active, published), seen([verified]), policy, NOVEMBER)).toMatchObject({
			step: { kind: "look" },
		});
		const owes = { ...owed, act: "switch", id: "abc" } as const;
		expect(plan(state(active, { ...verified, owes }), seen([verified]), policy, NOVEMBER)).toMatchObject({
			step: { kind: "settle" },
		});
		const delays = new Map([["settle 202612", { until: DECEMBER, reason: "no answer" }], ...seen([]).delays]);
		const planned = plan(
			state(active, { ...verified, owes }),
			seen([verified], { delays }),
			policy,
			NOVEMBER,
		);
		expect(reasons(planned)).toEqual(["no answer", "watched"]);
	});
});

describe("without a key in use", () => {
	it("the plan is a first key at once, if the signer was read and has a place for one", () => {
		const blind = plan(state(), seen([], { inUse: null }), policy, NOVEMBER);
		expect(blind).toEqual({
			kind: "wait",
			waits: [{ selector: null, until: null, reason: "the signer's configuration could not be read" }],
			until: null,
		});
		expect(plan(state(), seen([]), policy, NOVEMBER)).toEqual({
			kind: "step",
			step: { kind: "make", selector: null, dueAt: NOVEMBER },
		});
		expect(plan(state(verified), seen([], { lastPauseAt: null }), policy, DECEMBER)).toEqual({
			kind: "step",
			step: { kind: "switch", selector: "202612", from: null },
		});
		const placeless = seen([], { firstKeyFault: "a line with %" });
		for (const keys of [[], [verified]]) {
			const planned = plan(state(...keys), placeless, policy, DECEMBER);
			expect(reasons(planned)[0]).toBe("no first key for example.com: a line with %");
		}
		const lone = plan(state(verified), seen([], { inUse: null }), policy, DECEMBER);
		expect(waitOf(lone, /could not be read/)).toMatchObject({ selector: "202612", until: null });
	});
});

describe("a key that is to sign no more", () => {
	const asked = { id: "1", askedAt: "2026-11-22T12:00:00.000Z" };
	const leaving = (...keys: readonly KeyEntry[]): DomainState => ({
		...state(...keys),
		wants: { ...NOTHING_WANTED, remove: asked },
	});

	it("goes from the tables first, then what was made ahead", () => {
		expect(plan(leaving(active, verified), seen([active]), policy, NOVEMBER)).toEqual({
			kind: "step",
			step: { kind: "takeOut", selector: "202611" },
		});
		const retiring = { ...active, state: "retiring" as const };
		expect(plan(leaving(retiring, verified), seen([]), policy, NOVEMBER)).toMatchObject({
			step: { kind: "giveUp", selector: "202612" },
		});
	});

	it("waits until it is known how a switch under way ended", () => {
		const owes = { ...owed, act: "switch", id: "abc" } as const;
		const planned = plan(leaving(active, { ...verified, owes }), seen([active]), policy, NOVEMBER);
		expect(planned).toMatchObject({ step: { kind: "settle", selector: "202612" } });
		const delays = new Map(
			["settle 202612", "watch 202611"].map((key) => [key, { until: DECEMBER, reason: "no answer" }]),
		);
		const asked = seen([active], { delays });
		const waiting = plan(leaving(active, { ...verified, owes }), asked, policy, NOVEMBER);
		expect(waitOf(waiting, /no answer/)).toMatchObject({ selector: "202612", until: DECEMBER });
		const going = { ...active, owes: { ...owed, act: "takeOut", id: "abc" } as const };
		expect(plan(leaving(going), seen([active]), policy, NOVEMBER)).toMatchObject({
			step: { kind: "settle", selector: "202611" },
		});
	});

	it("is of a compromised one where no signature is better, and of no other", () => {
		const revoke = [{ ...asked, selector: "202611", unsigned: true, distrusts: [] }];
		const compromised = { ...state(active), wants: { ...NOTHING_WANTED, revoke } };
		expect(plan(compromised, seen([active]), policy, NOVEMBER)).toMatchObject({
			step: { kind: "takeOut", selector: "202611" },
		});
		const signed = {
			...compromised,
			wants: { ...NOTHING_WANTED, revoke: revoke.map((one) => ({ ...one, unsigned: false })) },
		};
		expect(plan(signed, seen([active]), policy, NOVEMBER)).not.toMatchObject({ step: { kind: "takeOut" } });
	});

	it("leaves lines of others alone that were never adopted, and no new key comes", () => {
		const news = keyEntry({ selector: "news" });
		const retiring = keyEntry({ selector: "202611", state: "retired" });
		const planned = plan(leaving(retiring), seen([news]), policy, DECEMBER);
		expect(reasons(planned)).toEqual(["example.com has left: its entry in keyturn.yaml can be deleted"]);
		expect(plan(leaving(), seen([news]), policy, NOVEMBER)).toMatchObject({ step: { kind: "adopt" } });
	});
});

describe("a turn", () => {
	it("never comes under a schedule that never fires", () => {
		const never = policyOf({ schedule: { ...policy.schedule, daysOfMonth: [31], months: [2] } });
		const planned = plan(state(active), seen([active]), never, NOVEMBER);
		expect(waitOf(planned, /the schedule never fires/)).toMatchObject({ selector: null, until: null });
	});

	it("says which slot the next key is for", () => {
		const planned = plan(state(active), seen([active]), policy, NOVEMBER);
		expect(waitOf(planned, /is made$/)).toEqual({
			selector: null,
			until: at("2026-11-28T03:00:00Z"),
			reason: "the next key, due 2026-12-01T03:00:00.000Z, is made",
		});
	});

	it.each([
		["pending", "publish"],
		["published", "look"],
	] as const)("with a key that is %s goes on with %s", (keyState, kind) => {
		const candidate = { ...verified, state: keyState };
		expect(plan(state(active, candidate), seen([active]), policy, NOVEMBER)).toEqual({
			kind: "step",
			step: { kind, selector: "202612" },
		});
	});

	it("goes on with the candidate made last", () => {
		const first = { ...verified, selector: "202612", state: "published" as const };
		const second = { ...verified, selector: "202612b", state: "pending" as const };
		expect(plan(state(active, first, second), seen([active]), policy, NOVEMBER)).toMatchObject({
			step: { kind: "publish", selector: "202612b" },
		});
	});

	it.each([
		[{ algorithm: "rsa", bits: 2048 }, { algorithm: "ed25519" }, "Ed25519"],
		[{ algorithm: "ed25519", bits: null }, { algorithm: "rsa", bits: 2048 }, "RSA with 2048 bits"],
		[{ algorithm: "rsa", bits: 2048 }, { algorithm: "rsa", bits: 4096 }, "RSA with 4096 bits"],
	] as const)("gives up a candidate of %j for %j", (made, key, asked) => {
		const candidate = { ...verified, ...made };
		expect(plan(state(active, candidate), seen([active]), policyOf({ key }), NOVEMBER)).toEqual({
			kind: "step",
			step: { kind: "giveUp", selector: "202612", reason: `the configuration now asks for ${asked}` },
		});
	});

	it("keeps a candidate with the bits that are asked for", () => {
		const candidate = { ...verified, algorithm: "rsa" as const, bits: 2048 };
		const rsa = policyOf({ key: { algorithm: "rsa", bits: 2048 } });
		expect(plan(state(active, candidate), seen([active]), rsa, NOVEMBER).kind).toBe("wait");
	});
});

describe("a switch", () => {
	const both = state(active, verified);

	it("says what it waits for: its date, the window, the pause, or a signer that can be read", () => {
		const early = plan(both, seen([active]), policy, NOVEMBER);
		expect(waitOf(early, /verified ahead; it signs from its due date/)).toMatchObject({
			selector: "202612",
			until: DECEMBER,
		});
		const narrow = policyOf({ window: { fromMinute: 22 * 60, toMinute: 120 } });
		const shut = plan(both, seen([active]), narrow, DECEMBER);
		expect(waitOf(shut, /the window in which services may be touched opens/)).toMatchObject({
			selector: "202612",
			until: at("2026-12-01T22:00:00Z"),
		});
		const paused = plan(both, seen([active], { lastPauseAt: at("2026-12-01T01:00:00Z") }), policy, DECEMBER);
		expect(waitOf(paused, /services were stopped within the last 24 h; one pause a night/)).toMatchObject({
			selector: "202612",
			until: at("2026-12-02T01:00:00Z"),
		});
		const blind = plan(both, seen([active], { inUse: null }), policy, DECEMBER);
		expect(waitOf(blind, /could not be read/)).toMatchObject({ selector: "202612", until: null });
	});

	it("goes on a day after the pause to the millisecond, and minds none of a clock that was ahead", () => {
		const kind = (lastPauseAt: Date) => plan(both, seen([active], { lastPauseAt }), policy, DECEMBER).kind;
		expect(kind(new Date(DECEMBER.getTime() - DAY_MS))).toBe("step");
		expect(kind(new Date(DECEMBER.getTime() - DAY_MS + 1))).toBe("wait");
		expect(kind(DECEMBER)).toBe("wait");
		expect(kind(new Date(DECEMBER.getTime() + 1))).toBe("step");
	});

	it("comes once in a window, whatever was before it", () => {
		const narrow = policyOf({ window: { fromMinute: 120, toMinute: 300 } });
		const planned = (lastPauseAt: string) =>
			plan(both, seen([active], { lastPauseAt: at(lastPauseAt) }), narrow, DECEMBER);
		expect(planned("2026-12-01T01:59:59Z").kind).toBe("step");
		for (const inside of ["2026-12-01T02:00:00Z", "2026-12-01T02:30:00Z"])
			expect(
				waitOf(planned(inside), /services were stopped in this window already; one pause a night/),
			).toMatchObject({ selector: "202612", until: at("2026-12-02T02:00:00Z") });
		const reload = policyOf({ window: narrow.window, swap: "reload" });
		const paused = seen([active], { lastPauseAt: at("2026-12-01T02:30:00Z") });
		expect(plan(both, paused, reload, DECEMBER).kind).toBe("step");
	});
});

describe("what was put off", () => {
	it("waits as long as it was put off, and is tried at that very moment", () => {
		const published = { ...verified, state: "published" as const };
		const delays = new Map([
			...seen([]).delays,
			[delayKey("look", "202612"), { until: DECEMBER, reason: "1 of 2 servers" }],
		]);
		const planned = (now: Date) => plan(state(active, published), seen([active], { delays }), policy, now);
		expect(waitOf(planned(NOVEMBER), /1 of 2/)).toEqual({
			selector: "202612",
			until: DECEMBER,
			reason: "1 of 2 servers",
		});
		expect(planned(DECEMBER)).toMatchObject({ step: { kind: "look" } });
	});

	it("may be a step of no key", () => {
		const delays = new Map([
			...seen([]).delays,
			[delayKey("make", null), { until: DECEMBER, reason: "no key could be made" }],
		]);
		const now = at("2026-11-29T00:00:00Z");
		expect(reasons(plan(state(active), seen([active], { delays }), policy, now))).toContain(
			"no key could be made",
		);
		const adopting = new Map([[delayKey("adopt", null), { until: DECEMBER, reason: "not now" }]]);
		expect(reasons(plan(state(), seen([active], { delays: adopting }), policy, now))[0]).toBe("not now");
	});

	const pending = (changes: object) =>
		state(active, {
			...verified,
			state: "pending",
			owes: { ...owed, act: "publish", notBefore: "2026-12-01T03:00:00.000Z", ...changes },
		});

	it.each([
		[0, "publish was put off"],
		[1, "publish failed 1 time; next attempt"],
		[2, "publish failed 2 times; next attempt"],
	])("says that it failed if it did: %i", (tries, reason) => {
		const planned = plan(pending({ tries }), seen([active]), policy, NOVEMBER);
		expect(waitOf(planned, /publish/)).toEqual({ selector: "202612", until: DECEMBER, reason });
	});

	it("is tried when its moment has come, when another act was put off, or when the clock was ahead then", () => {
		const kind = (changes: object, now: Date) => plan(pending(changes), seen([active]), policy, now);
		const publish = { step: { kind: "publish" } };
		expect(kind({}, DECEMBER)).toMatchObject(publish);
		expect(kind({ notBefore: null }, NOVEMBER)).toMatchObject(publish);
		expect(kind({ act: "switch" }, NOVEMBER)).toMatchObject(publish);
		expect(kind({ askedAt: "2026-11-22T12:00:00.001Z" }, NOVEMBER)).toMatchObject(publish);
		expect(kind({ askedAt: "2026-11-22T12:00:00.000Z" }, NOVEMBER).kind).toBe("wait");
	});
});

describe("what is retired long ago", () => {
	const owes = { ...owed, act: "drop", notBefore: "2026-12-01T03:00:00.000Z" } as const;
	const retired = keyEntry({ selector: "202609", state: "retired", owes });
	const both = state(retired, active);

	it("loses its key file when its time has come, and only once", () => {
		expect(plan(both, seen([active]), policy, at("2026-12-01T02:59:59Z"))).toMatchObject({
			step: { kind: "make" },
		});
		const delays = new Map([
			...seen([]).delays,
			["make ", { until: at("2027-01-01T00:00:00Z"), reason: "" }],
		]);
		const late = seen([active], { delays });
		expect(plan(both, late, policy, DECEMBER)).toEqual({
			kind: "step",
			step: { kind: "drop", selector: "202609" },
		});
		expect(plan(state({ ...retired, owes: null }, active), late, policy, DECEMBER).kind).toBe("wait");
	});

	it("keeps it for longer when the clock is not to be trusted, or was ahead", () => {
		const delays = new Map([
			...seen([]).delays,
			["make ", { until: at("2027-01-01T00:00:00Z"), reason: "" }],
		]);
		const until = at("2026-12-02T03:00:00Z");
		const steadySince = new Date(until.getTime() - doubtMs(policy));
		const planned = (now: string) => plan(both, seen([active], { delays, steadySince }), policy, at(now));
		expect(waitOf(planned("2026-12-01T03:00:00Z"), /the clock jumped/)).toMatchObject({
			selector: "202609",
			until,
		});
		expect(planned("2026-12-02T03:00:00Z")).toMatchObject({ step: { kind: "drop" } });
		const ahead = { ...retired, owes: { ...owes, askedAt: "2027-01-01T03:00:00.000Z" } };
		const now = NOVEMBER;
		expect(reasons(plan(state(ahead, active), seen([active]), policy, now))).toContain(
			"its key file is kept that long, in case a restored backup names the key",
		);
	});
});

describe("the record of an old key", () => {
	const use = { host: "mx1", signer: "main", firstAt: "2026-10-01T03:00:00.000Z" };
	const old = keyEntry({ selector: "202610", state: "retiring", origin: "adopted" });
	const removing = policyOf({ retire: { ...policy.retire, adopted: true } });

	it("goes though keyturn did not make it, if that is configured", () => {
		expect(plan(state(old, active), seen([active]), removing, NOVEMBER)).toEqual({
			kind: "step",
			step: { kind: "retire", selector: "202610" },
		});
		expect(waitOf(plan(state(old, active), seen([active]), policy, NOVEMBER), /did not make it/)).toEqual({
			selector: "202610",
			until: null,
			reason: "its record stays: keyturn did not make it (retire.adopted is off)",
		});
	});

	it("waits for the last of its uses, until a moment if that is known", () => {
		const waits = (...latest: readonly (string | null)[]) => {
			const uses = latest.map((lastAtLatest) => ({ ...use, lastAt: null, lastAtLatest }));
			const ended = { ...use, lastAt: "2027-05-01T00:00:00.000Z", lastAtLatest: "2027-05-01T00:00:00.000Z" };
			return waitOf(
				plan(state({ ...old, uses: [...uses, ended] }, active), seen([active]), removing, NOVEMBER),
				/its last use is not confirmed yet/,
			)?.until;
		};
		expect(waits(null)).toBeNull();
		expect(waits("2026-11-23T00:00:00.000Z", "2026-11-24T00:00:00.000Z")).toEqual(at("2026-11-24T00:00:00Z"));
	});

	it("waits for grace, and then for the clock to be trusted", () => {
		const used = { ...old, uses: [{ ...use, lastAt: "2026-11-20T00:00:00.000Z", lastAtLatest: null }] };
		const planned = plan(state(used, active), seen([active]), removing, NOVEMBER);
		expect(waitOf(planned, /mail signed with it may still be under way \(grace\)/)).toMatchObject({
			selector: "202610",
			until: at("2026-12-04T00:00:00Z"),
		});
		const steadySince = new Date(NOVEMBER.getTime() - doubtMs(removing));
		expect(plan(state(old, active), seen([active], { steadySince }), removing, NOVEMBER).kind).toBe("step");
	});
});

describe("a key that the tables name before its record stands", () => {
	const early = keyEntry({ selector: "202612", state: "published", dueAt: "2026-12-01T03:00:00.000Z" });
	const both = state(active, early);

	const later = { until: DECEMBER, reason: "the servers are waited for" };
	const delays = new Map(
		[delayKey("look", "202612"), ...watched(active)].map((key) => [key, later] as const),
	);

	it("is looked at, and not given up whatever the configuration now asks for", () => {
		const rsa = { ...policy, key: { algorithm: "rsa", bits: 2048 } as const };
		expect(plan(both, seen([early]), rsa, NOVEMBER)).toEqual({
			kind: "step",
			step: { kind: "look", selector: "202612" },
		});
		expect(plan(both, seen([early], { delays }), rsa, NOVEMBER)).toMatchObject({ kind: "wait" });
	});

	it("is the one turn: no other key is made beside it", () => {
		const asked = { ...both, wants: { ...NOTHING_WANTED, rotate: { id: "1", askedAt: "x", noSoak: false } } };
		expect(plan(asked, seen([early], { delays }), policy, NOVEMBER)).toMatchObject({ kind: "wait" });
	});
});

describe("the daily look", () => {
	it("leaves a key alone whose switch is under way", () => {
		const owes = {
			act: "switch" as const,
			id: "9",
			askedAt: "2026-11-22T12:00:00.000Z",
			tries: 0,
			notBefore: null,
		};
		const switching = keyEntry({ selector: "202612", state: "verified", owes });
		const settle = delayKey("settle", "202612");
		const delays = new Map([[settle, { until: DECEMBER, reason: "the door is busy" }]]);
		for (const key of watched(active)) delays.set(key, { until: DECEMBER, reason: "watched" });
		expect(plan(state(active, switching), seen([active], { delays }), policy, NOVEMBER)).toMatchObject({
			kind: "wait",
		});
	});

	it("is at every key that signs or waits for its date, and at no other", () => {
		const keys = (["retiring", "retired", "revoked", "active", "verified"] as const).map((keyState) =>
			keyEntry({ selector: keyState, state: keyState, dueAt: "2026-12-01T03:00:00.000Z" }),
		);
		const watched = { until: DECEMBER, reason: "watched" };
		const delays = new Map(keys.map((key) => [delayKey("watch", key.selector), watched]));
		for (const gone of ["retiring", "revoked"])
			delays.set(delayKey("retire", gone), { until: DECEMBER, reason: "" });
		const planned = plan(state(...keys), seen(keys.slice(3, 4), { delays }), policy, NOVEMBER);
		const looks = planned.kind === "wait" ? planned.waits.filter((wait) => wait.reason === "watched") : [];
		expect(looks.map((wait) => wait.selector)).toEqual(["active", "verified"]);
	});
});

function watched(...keys: readonly KeyEntry[]): readonly string[] {
	return keys.map((key) => delayKey("watch", key.selector));
}
