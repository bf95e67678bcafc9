import { describe, expect, it } from "vitest";
import { isSelector } from "../../src/dkim/names.ts";
import { freeAgainAt, type NamingFacts, selectorNames } from "../../src/rotation/selector-naming.ts";
import { keyEntry, policyOf } from "../fakes/policies.ts";

const facts: NamingFacts = {
	dueAt: new Date("2026-11-01T02:00:00Z"),
	timezone: "Europe/Berlin",
	host: "mx1",
	algorithm: "rsa",
	inUse: null,
};

function names(template: string, count: number, given = facts): readonly string[] {
	const found: string[] = [];
	for (const name of selectorNames({ kind: "template", template }, given)) {
		if (found.length === count) break;
		found.push(name);
	}
	return found;
}

describe("selector names", () => {
	it("are the month of the due date in the configured zone", () => {
		expect(names("{yyyy}{mm}", 1)).toEqual(["202611"]);
		const lastEvening = { ...facts, dueAt: new Date("2026-10-31T23:30:00Z") };
		expect(names("{yyyy}{mm}", 1, lastEvening)).toEqual(["202611"]);
	});

	it("go on with b to z, then aa", () => {
		const all = names("{yyyy}{mm}", 28);
		expect(all.slice(0, 3)).toEqual(["202611", "202611b", "202611c"]);
		expect(all[25]).toBe("202611z");
		expect(all[26]).toBe("202611aa");
		expect(new Set(all).size).toBe(28);
		expect(all.every(isSelector)).toBe(true);
	});

	it("end with the suffix where no date is in them", () => {
		expect(names("mail", 2)).toEqual(["mail", "mailb"]);
		expect(names("{host}-dkim", 2)).toEqual(["mx1-dkim", "mx1-dkimb"]);
		expect(names("{mm}-{host}", 2)).toEqual(["11-mx1", "11b-mx1"]);
	});

	it("have two digits for each month and day", () => {
		const march = { ...facts, dueAt: new Date("2026-03-05T12:00:00Z") };
		expect(names("{yyyy}{mm}{dd}", 1, march)).toEqual(["20260305"]);
	});

	it("put the suffix behind the date and before the host", () => {
		expect(names("{yyyy}{mm}-{host}", 2)).toEqual(["202611-mx1", "202611b-mx1"]);
		expect(names("{alg}-{yyyy}{mm}{dd}", 2)).toEqual(["rsa-20261101", "rsa-20261101b"]);
	});
});

describe("a ring", () => {
	const ring = { kind: "ring", names: ["kt1", "kt2", "kt3"] } as const;

	it("goes on behind the name in use", () => {
		expect([...selectorNames(ring, facts)]).toEqual(["kt1", "kt2", "kt3"]);
		expect([...selectorNames(ring, { ...facts, inUse: "kt2" })]).toEqual(["kt3", "kt1", "kt2"]);
		expect([...selectorNames(ring, { ...facts, inUse: "mail" })]).toEqual(["kt1", "kt2", "kt3"]);
	});

	it("has a name again when its record has been gone for grace, TTL and negative TTL", () => {
		const day = 86_400_000;
		const policy = policyOf({ selector: ring, retire: { ...policyOf().retire, graceMs: 2 * day } });
		const key = keyEntry({ selector: "kt1", state: "retired", since: "2026-11-10T00:00:00.000Z" });
		const { ttlSeconds, negativeTtlSeconds } = key.record;
		const freeAt = Date.parse("2026-11-12T00:00:00Z") + (ttlSeconds + negativeTtlSeconds) * 1000;
		expect(freeAgainAt(key, policy, null)?.getTime()).toBe(freeAt);
		expect(freeAgainAt({ ...key, state: "revoked" }, policy, null)).toBeNull();
		expect(freeAgainAt(key, policyOf(), null)).toBeNull();
		// One server's absurd answer would take the name out of the ring for years.
		const absurd = { ...key, record: { ...key.record, negativeTtlSeconds: 2 ** 31 - 1 } };
		const weekLater = Date.parse("2026-11-19T00:00:00Z") + ttlSeconds * 1000;
		expect(freeAgainAt(absurd, policy, null)?.getTime()).toBe(weekLater);
		// How long ago a clock in doubt saw the record go cannot be told.
		expect(freeAgainAt(key, policy, new Date("2026-11-11T00:00:00Z"))?.getTime()).toBe(freeAt + day);
		expect(freeAgainAt(key, policy, new Date("2026-11-09T00:00:00Z"))?.getTime()).toBe(freeAt);
	});
});
