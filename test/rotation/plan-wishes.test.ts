import { describe, expect, it } from "vitest";
import {
	type DomainState,
	emptyDomainState,
	type KeyEntry,
	NOTHING_WANTED,
	type Wants,
} from "../../src/rotation/domain-state.ts";
import { plan, type Plan } from "../../src/rotation/plan.ts";
import type { LineInUse, Seen } from "../../src/rotation/step.ts";
import { doubtMs } from "../../src/rotation/timing.ts";
import { keyEntry, policyOf } from "../fakes/policies.ts";

const AT = "2026-11-22T12:00:00.000Z";
const NOW = new Date(AT);
const LATER = new Date("2100-01-01T00:00:00Z");
const asked = { id: "1", askedAt: AT };
const use = {
	host: "mx1",
	signer: "main",
	firstAt: "2026-10-01T03:00:00.000Z",
	lastAt: "2026-11-01T03:00:00.000Z",
	lastAtLatest: null,
};
const active = keyEntry({ selector: "202611" });
const before = keyEntry({ selector: "202610", state: "retiring", uses: [use] });
const switching = { act: "switch", id: "2", askedAt: AT, tries: 0, notBefore: null } as const;

function state(wants: Partial<Wants>, ...keys: readonly KeyEntry[]): DomainState {
	return { ...emptyDomainState("example.com"), wants: { ...NOTHING_WANTED, ...wants }, keys };
}

/** The given keys sign; the daily looks are made, and no new key is due. */
function seen(keys: readonly KeyEntry[], changes: Partial<Seen> = {}): Seen {
	const inUse = keys.map(({ selector, publicKey }): LineInUse => ({ selector, publicKey, problem: null }));
	const delays = new Map(
		["202609", "202610", "202611", "202612"].map((selector) => [
			`watch ${selector}`,
			{ until: LATER, reason: "watched" },
		]),
	);
	return { inUse, lastPauseAt: null, delays, steadySince: null, firstKeyFault: null, ...changes };
}

function stepOf(planned: Plan) {
	return planned.kind === "step" ? planned.step : null;
}

/** But for the daily looks. */
function waitsOf(planned: Plan) {
	return planned.kind === "wait" ? planned.waits.filter(({ reason }) => reason !== "watched") : [];
}

describe("going back to the key before", () => {
	const rollback = { ...asked, selector: "202610" };
	const back = (
		changes: Partial<KeyEntry>,
		given: Partial<Seen> = {},
		others: readonly KeyEntry[] = [active],
	) =>
		plan(state({ rollback }, { ...before, ...changes }, ...others), seen([active], given), policyOf(), NOW);

	it.each([
		["retiring", "restore"],
		["pending", "publish"],
		["published", "look"],
	] as const)("goes on from %s with %s", (keyState, kind) => {
		expect(stepOf(back({ state: keyState }))).toEqual({ kind, selector: "202610" });
	});

	it("ends with the switch to it, from the key in use", () => {
		expect(stepOf(back({ state: "verified" }))).toEqual({
			kind: "switch",
			selector: "202610",
			from: "202611",
		});
	});

	it("waits for a signer that can be read", () => {
		const blind = { selector: "202610", until: null, reason: "the signer's configuration could not be read" };
		expect(waitsOf(back({ state: "verified" }, { inUse: null }))).toContainEqual(blind);
	});

	it("is like a first key where nothing signs any more, if the signer has a place for one", () => {
		const planned = back({ state: "verified" }, { inUse: [] }, []);
		expect(stepOf(planned)).toEqual({ kind: "switch", selector: "202610", from: null });
		const placeless = back({ state: "verified" }, { inUse: [], firstKeyFault: "no KeyTable" }, []);
		expect(waitsOf(placeless)).toContainEqual({
			selector: "202610",
			until: null,
			reason: "no first key for example.com: no KeyTable",
		});
	});

	it("waits until it is known how a switch under way ended", () => {
		const delays = new Map([...seen([]).delays, ["settle 202611", { until: LATER, reason: "no answer" }]]);
		const planned = back({}, { delays }, [{ ...active, owes: switching }]);
		expect(waitsOf(planned).map(({ reason }) => reason)).toEqual(["no answer"]);
	});

	it("is over once that key signs, or is gone: the next turn is planned", () => {
		for (const keyState of ["active", "retired"] as const) {
			const keys = keyState === "active" ? [] : [active];
			const planned = back({ state: keyState }, { inUse: [] }, keys);
			expect(
				waitsOf(planned)
					.map(({ reason }) => reason)
					.join(),
			).toMatch(/the next key, due .* is made/);
		}
		const gone = plan(state({ rollback }, active), seen([active]), policyOf(), NOW);
		expect(
			waitsOf(gone)
				.map(({ reason }) => reason)
				.join(),
		).toMatch(/the next key, due .* is made/);
	});

	it("keeps the record of that key from being removed", () => {
		const delays = new Map([...seen([]).delays, ["restore 202610", { until: LATER, reason: "dns" }]]);
		expect(waitsOf(back({}, { delays })).map(({ reason }) => reason)).toEqual(["dns"]);
	});
});

describe("a compromised key", () => {
	const revokeOf = (changes: object = {}) => [
		{ ...asked, selector: "202610", unsigned: false, distrusts: [], ...changes },
	];
	const revoked = (key: KeyEntry, changes: object = {}) =>
		plan(state({ revoke: revokeOf(changes) }, key, active), seen([active]), policyOf(), NOW);

	it("that signs no more loses its record at once, whatever its grace", () => {
		const used = { ...before, uses: [{ ...use, lastAt: null }] };
		expect(stepOf(revoked(used))).toEqual({ kind: "revoke", selector: "202610" });
	});

	it.each(["pending", "published", "verified"] as const)("that is %s is given up", (keyState) => {
		const key = { ...before, state: keyState };
		expect(stepOf(revoked(key))).toEqual({ kind: "giveUp", selector: "202610", reason: "it is compromised" });
	});

	it("is left alone while its switch has no known end, while it signs, and once it is gone", () => {
		const delays = new Map([...seen([]).delays, ["settle 202610", { until: LATER, reason: "no answer" }]]);
		const underWay = { ...before, state: "verified" as const, owes: switching };
		const planned = plan(
			state({ revoke: revokeOf() }, underWay, active),
			seen([active], { delays }),
			policyOf(),
			NOW,
		);
		expect(waitsOf(planned)[0]?.reason).toBe("no answer");
		for (const keyState of ["retired", "revoked"] as const)
			expect(stepOf(revoked({ ...before, state: keyState }))?.kind ?? "wait").not.toMatch(/revoke|giveUp/);
		const signing = plan(
			state({ revoke: revokeOf({ selector: "202611" }) }, active),
			seen([active]),
			policyOf(),
			NOW,
		);
		expect(stepOf(signing)?.kind ?? "wait").not.toMatch(/revoke|giveUp|takeOut/);
		expect(stepOf(plan(state({ revoke: revokeOf() }, active), seen([active]), policyOf(), NOW))).toBeNull();
	});

	it("takes with it what was made before it was known to be compromised, and nothing made since", () => {
		const next = keyEntry({ selector: "202612", state: "published" });
		const planned = (distrusts: readonly string[]) =>
			stepOf(plan(state({ revoke: revokeOf({ distrusts }) }, active, next), seen([active]), policyOf(), NOW));
		expect(planned(["202609", "202612"])).toEqual({
			kind: "giveUp",
			selector: "202612",
			reason: "it was made before 202610 was known to be compromised",
		});
		expect(planned(["202609"])).toEqual({ kind: "look", selector: "202612" });
	});

	it("has an empty record that is removed when its time has come, and not while the clock is not to be trusted", () => {
		const key = { ...before, state: "revoked" as const };
		expect(stepOf(plan(state({}, key, active), seen([active]), policyOf(), NOW))).toEqual({
			kind: "retire",
			selector: "202610",
		});
		const frozen = plan(state({}, key, active), seen([active], { steadySince: NOW }), policyOf(), NOW);
		expect(waitsOf(frozen)).toContainEqual({
			selector: "202610",
			until: new Date(NOW.getTime() + doubtMs(policyOf())),
			reason: `the clock jumped before ${NOW.toISOString()}; grace counts from then on`,
		});
		const owes = {
			act: "retire",
			id: null,
			askedAt: AT,
			tries: 0,
			notBefore: "2026-12-22T12:00:00.000Z",
		} as const;
		const standing = plan(state({}, { ...key, owes }, active), seen([active]), policyOf(), NOW);
		expect(waitsOf(standing)).toContainEqual({
			selector: "202610",
			until: new Date("2026-12-22T12:00:00Z"),
			reason: "its empty record stands that long: the key is revoked for everybody who looks",
		});
		const ahead = { ...owes, askedAt: "2026-12-01T00:00:00.000Z" };
		const early = plan(state({}, { ...key, owes: ahead }, active), seen([active]), policyOf(), NOW);
		expect(waitsOf(early).map(({ selector }) => selector)).toContain("202610");
	});
});

describe("the record of an old key", () => {
	const old = { ...before, uses: [{ ...use, lastAt: "2026-11-08T11:59:00.000Z" }] };

	it("goes when asked for though keyturn did not make it, and then without jitter", () => {
		const policy = policyOf({ jitterMs: 30 * 86_400_000 });
		const adopted = { ...old, origin: "adopted" as const };
		const retire = [{ ...asked, selector: "202610" }];
		expect(stepOf(plan(state({ retire }, adopted, active), seen([active]), policy, NOW))).toEqual({
			kind: "retire",
			selector: "202610",
		});
		const other = [{ ...asked, selector: "202609" }];
		expect(stepOf(plan(state({ retire: other }, adopted, active), seen([active]), policy, NOW))).toBeNull();
		expect(stepOf(plan(state({}, old, active), seen([active]), policy, NOW))).toBeNull();
	});

	it("is emptied before it goes where a tombstone is configured, unless it never signed or was asked to go", () => {
		const policy = policyOf();
		const tombstone = policyOf({ retire: { ...policy.retire, tombstoneMs: 1 } });
		const kind = (wants: Partial<Wants>, key: KeyEntry, given = tombstone) =>
			stepOf(plan(state(wants, key, active), seen([active]), given, NOW))?.kind;
		expect(kind({}, old)).toBe("revoke");
		expect(kind({}, old, policy)).toBe("retire");
		expect(kind({}, { ...old, uses: [] })).toBe("retire");
		expect(kind({ retire: [{ ...asked, selector: "202610" }] }, old)).toBe("retire");
	});
});

describe("a standby key", () => {
	it("is made as soon as there is none, for the slot to come", () => {
		const planned = plan(state({}, active), seen([active]), policyOf({ standby: true }), NOW);
		expect(stepOf(planned)).toEqual({
			kind: "make",
			selector: null,
			dueAt: new Date("2026-12-01T03:00:00Z"),
		});
	});
});

describe("the standby keys of many domains", () => {
	it("are made over the jitter from when the keys before them sign, and by the time of any other key at the latest", () => {
		const HOUR_MS = 3_600_000;
		const starts = (jitterMs: number, since: Date) =>
			Array.from({ length: 20 }, (_, index) => {
				const policy = policyOf({ domain: `d${index}.example`, standby: true, jitterMs });
				const signing = { ...active, since: since.toISOString() };
				const planned = plan(state({}, signing), seen([signing]), policy, NOW);
				if (stepOf(planned)?.kind === "make") return NOW.getTime();
				return waitsOf(planned)[0]?.until?.getTime() ?? 0;
			});
		const spread = starts(6 * HOUR_MS, NOW);
		expect(new Set(spread).size).toBeGreaterThan(10);
		for (const at of spread) expect(at - NOW.getTime()).toBeLessThanOrEqual(6 * HOUR_MS);
		const due = Date.parse("2026-12-01T03:00:00Z");
		for (const at of starts(400 * 24 * HOUR_MS, NOW)) expect(at).toBeLessThanOrEqual(due);
		const long = new Date(NOW.getTime() - 6 * HOUR_MS);
		expect(new Set(starts(6 * HOUR_MS, long))).toEqual(new Set([NOW.getTime()]));
	});
});

describe("a first key", () => {
	const first = keyEntry({ selector: "202611", state: "verified", dueAt: "2026-12-01T03:00:00.000Z" });

	it("signs as soon as it is verified where the domain was added by hand, else in its time", () => {
		const add = { ...asked, noSoak: false };
		expect(stepOf(plan(state({ add }, first), seen([]), policyOf(), NOW))).toEqual({
			kind: "switch",
			selector: "202611",
			from: null,
		});
		expect(stepOf(plan(state({}, first), seen([]), policyOf(), NOW))?.kind).toBeUndefined();
		const next = keyEntry({ selector: "202612", state: "verified", dueAt: "2026-12-01T03:00:00.000Z" });
		expect(stepOf(plan(state({ add }, active, next), seen([active]), policyOf(), NOW))?.kind).toBeUndefined();
	});

	it("is for the next turn where somebody else's key was found signing after it was due", () => {
		const late = { ...first, selector: "202612", dueAt: "2026-11-10T03:00:00.000Z" };
		const found = (changes: Partial<KeyEntry>) => {
			const key = { ...active, origin: "adopted" as const, since: AT, dueAt: AT, ...changes };
			return stepOf(plan(state({}, key, late), seen([key]), policyOf(), NOW))?.kind;
		};
		expect(found({})).toBeUndefined();
		expect(found({ origin: "made" })).toBe("switch");
		expect(found({ dueAt: "2026-11-10T03:00:00.000Z" })).toBe("switch");
	});
});

describe("a key that is to sign no more", () => {
	const unsigned = [{ ...asked, selector: "202611", unsigned: true, distrusts: [] }];

	it("is taken out where its domain leaves, or where it is compromised and no mail shall be signed", () => {
		const out = { kind: "takeOut", selector: "202611" };
		expect(stepOf(plan(state({ remove: asked }, active), seen([active]), policyOf(), NOW))).toEqual(out);
		expect(stepOf(plan(state({ revoke: unsigned }, active), seen([active]), policyOf(), NOW))).toEqual(out);
	});

	it("is not taken out a second time while the first has no known end, nor instead of another key", () => {
		const owes = { ...switching, act: "takeOut" } as const;
		const delays = new Map([...seen([]).delays, ["settle 202611", { until: LATER, reason: "no answer" }]]);
		const planned = plan(
			state({ remove: asked }, { ...active, owes }),
			seen([active], { delays }),
			policyOf(),
			NOW,
		);
		expect(planned.kind).toBe("wait");
		expect(waitsOf(planned)[0]?.reason).toBe("no answer");
		const other = unsigned.map((wish) => ({ ...wish, selector: "202610" }));
		expect(stepOf(plan(state({ revoke: other }, active), seen([active]), policyOf(), NOW))).toBeNull();
	});

	it("leaves a domain that gets no new key, and says what it waits for", () => {
		const leaving = (...keys: readonly KeyEntry[]) =>
			waitsOf(plan(state({ remove: asked }, ...keys), seen([]), policyOf(), NOW)).filter(
				({ selector }) => selector === null,
			);
		const is =
			"example.com is leaving: it gets no new key; its entry in keyturn.yaml stays until its records are gone";
		const has = "example.com has left: its entry in keyturn.yaml can be deleted";
		const used = { ...before, uses: [{ ...use, lastAt: AT }] };
		const wait = (reason: string) => [{ selector: null, until: null, reason }];
		expect(leaving(used)).toEqual(wait(is));
		expect(leaving({ ...used, origin: "adopted" })).toEqual(wait(has));
		expect(leaving({ ...used, state: "retired" })).toEqual(wait(has));
		expect(leaving()).toEqual(wait(has));
		expect(leaving(used, { ...used, selector: "202609", state: "retired" })).toEqual(wait(is));
	});

	it("has what was made ahead given up with it, unless its switch has no known end", () => {
		const next = keyEntry({ selector: "202612", state: "verified" });
		const removed = { ...before, state: "retired" as const };
		const planned = (...keys: readonly KeyEntry[]) =>
			plan(state({ remove: asked }, removed, ...keys), seen([]), policyOf(), NOW);
		expect(stepOf(planned(next))).toEqual({
			kind: "giveUp",
			selector: "202612",
			reason: "its domain is leaving",
		});
		const delays = new Map([...seen([]).delays, ["settle 202612", { until: LATER, reason: "no answer" }]]);
		const underWay = plan(
			state({ remove: asked }, { ...next, owes: switching }),
			seen([], { delays }),
			policyOf(),
			NOW,
		);
		expect(waitsOf(underWay).map(({ reason }) => reason)).toEqual(["no answer"]);
	});
});
