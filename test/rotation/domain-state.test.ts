import { describe, expect, it } from "vitest";
import { activeKey, editKey, emptyDomainState, keyOf, moveKey } from "../../src/rotation/domain-state.ts";
import { parseDomainState } from "../../src/rotation/stored-state.ts";
import { isCandidate, KEY_STATES, mayMove, MOVES, needsRecord } from "../../src/rotation/life.ts";
import { keyEntry } from "../fakes/policies.ts";

const state = { ...emptyDomainState("example.com"), keys: [keyEntry()] };

describe("a domain's state", () => {
	it("is read as it was written", () => {
		expect(parseDomainState(JSON.parse(JSON.stringify(state)))).toEqual(state);
	});

	it.each([
		["an unknown field", { ...state, extra: 1 }, /extra: unknown field/],
		["a missing field", { schema: 1, domain: "example.com", keys: [] }, /wants: missing/],
		["a newer schema", { ...state, schema: 2 }, /newer keyturn/],
		[
			"an unknown state",
			{ ...state, keys: [{ ...keyEntry(), state: "lost" }] },
			/keys\[0\]\.state: expected pending/,
		],
		["a selector that stands twice", { ...state, keys: [keyEntry(), keyEntry()] }, /stands twice/],
		[
			"a time in another form",
			{ ...state, keys: [{ ...keyEntry(), since: "yesterday" }] },
			/keys\[0\]\.since/,
		],
	])("stops at %s", (_what, stored, message) => {
		expect(() => parseDomainState(JSON.parse(JSON.stringify(stored)))).toThrow(message);
	});

	it("moves keys along the life table only", () => {
		const now = new Date("2026-11-22T12:00:00Z");
		expect(moveKey(state, "202611", "retiring", now).keys[0]?.state).toBe("retiring");
		expect(() => moveKey(state, "202611", "retired", now)).toThrow("cannot move from active to retired");
	});
});

describe("the life of a key", () => {
	it("says of every move when it is made", () => {
		expect(MOVES.length).toBeGreaterThan(10);
		for (const { from, to, when } of MOVES) expect(when, `${from} to ${to}`).toMatch(/\w+ \w+/);
	});

	it("leaves active by retiring only, and never comes back from being given up", () => {
		expect(KEY_STATES.filter((to) => mayMove("active", to))).toEqual(["retiring"]);
		expect(MOVES.filter((move) => move.from === "retired").map((move) => move.to)).toEqual(["pending"]);
	});
});

/** A state in which no field is null that can be something else. */
const AT = "2026-11-01T03:00:00.000Z";
const full = {
	...emptyDomainState("example.com"),
	wants: {
		rotate: { id: "1", askedAt: AT, noSoak: true },
		rollback: { id: "2", askedAt: AT, selector: "202610" },
		revoke: [{ id: "3", askedAt: AT, selector: "202609", unsigned: true, distrusts: ["202612"] }],
		retire: [{ id: "4", askedAt: AT, selector: "202608" }],
		add: { id: "5", askedAt: AT, noSoak: true },
		remove: { id: "6", askedAt: AT },
	},
	keys: [
		{
			...keyEntry({ selector: "202611" }),
			bits: 2048,
			rightSince: AT,
			lookingSince: AT,
			uses: [{ host: "mx1", signer: "main", firstAt: AT, lastAt: AT, lastAtLatest: AT }],
			owes: { act: "publish", id: "2", askedAt: AT, tries: 3, notBefore: AT },
			reason: "why",
		},
	],
};

type Path = readonly (string | number)[];

/** Every value of a document, by the way to it. */
function places(value: unknown, path: Path = []): readonly Path[] {
	if (typeof value !== "object" || value === null) return [path];
	const below = Object.entries(value).flatMap(([name, inner]) =>
		places(inner, [...path, Array.isArray(value) ? Number(name) : name]),
	);
	return path.length === 0 ? below : [path, ...below];
}

/** A copy in which what stands at the path is another value, or is gone. */
function edited(path: Path, value: unknown): unknown {
	const copy = structuredClone(full) as unknown as Record<string | number, unknown>;
	let at = copy;
	for (const name of path.slice(0, -1)) at = at[name] as Record<string | number, unknown>;
	const last = path.at(-1) ?? "";
	if (value === undefined) delete at[last];
	else at[last] = value;
	return copy;
}

/** As errors name it: `keys[0].uses[0].host`; the names of a list of texts by the list. */
function named(path: Path): string {
	const text = path.reduce<string>(
		(name, part) => (typeof part === "number" ? `${name}[${part}]` : name === "" ? part : `${name}.${part}`),
		"",
	);
	return text.replace(/(providers|distrusts)\[0\]$/, "$1");
}

const NULLABLE =
	/(^wants\.rotate|^wants\.rollback|^wants\.add|^wants\.remove|\.bits|\.zone|\.rightSince|\.lookingSince|\.lastAt|\.lastAtLatest|\.owes|owes\.id|\.notBefore|\.reason)$/;

/** What documents had no place for at first. */
const OF_LATER = /^wants\.(rollback|revoke|retire|add|remove)$/;

function stopAt(stored: unknown): string {
	try {
		parseDomainState(stored);
	} catch (error) {
		return error instanceof Error ? error.message : "";
	}
	return "read";
}

describe("a stored state", () => {
	const paths = places(full);

	it("has all the places that are tried", () => {
		expect(paths.length).toBeGreaterThan(35);
		expect(parseDomainState(structuredClone(full))).toEqual(full);
	});

	it.each(paths.map((path) => [named(path), path] as const))("is not read with another %s", (name, path) => {
		for (const wrong of [[], {}, "", -1, 1.5, false].filter((value) => !isLike(value, path)))
			expect(stopAt(edited(path, wrong)), JSON.stringify(wrong)).toMatch(
				new RegExp(`^${name.replace(/[[\].]/g, "\\$&")}(\\.\\w+)?: `),
			);
	});

	it.each(
		paths.filter((path) => typeof path.at(-1) === "string").map((path) => [named(path), path] as const),
	)("is not read without %s", (name, path) => {
		expect(stopAt(edited(path, undefined))).toBe(OF_LATER.test(name) ? "read" : `${name}: missing`);
		expect(stopAt(edited([...path.slice(0, -1), "more"], 1))).toMatch(/more: unknown field$/);
	});

	it.each(paths.map((path) => [named(path), path] as const))("may have null at %s, or not", (name, path) => {
		const said = stopAt(edited(path, null));
		if (NULLABLE.test(name)) expect(said).toBe("read");
		else expect(said).toMatch(/expected .*, got null/);
	});

	it.each([
		["keys[0].state", "lost", "expected pending or published or verified or active or retiring or retired"],
		["keys[0].algorithm", "ecdsa", 'expected rsa or ed25519, got "ecdsa"'],
		["keys[0].origin", "found", 'expected made or adopted, got "found"'],
		["keys[0].owes.act", "wait", 'expected publish or switch or takeOut or retire or drop, got "wait"'],
		["keys[0].owes.tries", "3", 'expected a whole number, got "3"'],
		["keys[0].since", "x2026-11-01T03:00:00.000Z", "expected a time such as 2026-11-01T03:00:00.000Z"],
		["keys[0].since", "2026-11-01T03:00:00.000Zx", "expected a time such as"],
		["keys[0].publicKey", 7, "expected a text, got 7"],
		["keys[0].uses", {}, "expected a list, got {}"],
		["wants.rotate.noSoak", "yes", 'expected true or false, got "yes"'],
		["wants", [], "expected an object, got []"],
	])("names the place, what belongs there, and what stands there: %s", (name, value, message) => {
		const path = name
			.split(/[.[\]]+/)
			.filter((part) => part !== "")
			.map((part) => (/^\d$/.test(part) ? 0 : part));
		expect(stopAt(edited(path, value))).toContain(`${name}: ${message}`);
	});

	it.each(["publish", "switch", "retire", "drop"])("may owe to %s", (act) => {
		expect(stopAt(edited(["keys", 0, "owes", "act"], act))).toBe("read");
	});

	it.each([
		["algorithm", ["rsa", "ed25519"]],
		["origin", ["made", "adopted"]],
		["state", KEY_STATES],
	] as const)("may have any %s that there is", (name, words) => {
		for (const word of words) expect(stopAt(edited(["keys", 0, name], word))).toBe("read");
	});

	it("tells no more of a wrong value than its beginning", () => {
		expect(stopAt(edited(["keys", 0, "since"], "x".repeat(200)))).toMatch(/got "x{79}$/);
		expect(stopAt(edited(["schema"], 2))).toBe("schema: expected 1, got 2 (made by a newer keyturn?)");
		expect(stopAt([])).toBe(": expected an object, got []");
		expect(stopAt(edited(["keys"], [full.keys[0], full.keys[0]]))).toBe("keys: selector 202611 stands twice");
	});
});

/** Whether a value is of the kind that belongs there. */
function isLike(value: unknown, path: Path): boolean {
	let at: unknown = full;
	for (const name of path) at = (at as Record<string | number, unknown>)[name];
	if (Array.isArray(at) || Array.isArray(value)) return Array.isArray(at) && Array.isArray(value);
	const isPlainText = typeof at === "string" && !/^(ed25519|made|active|publish|2026-.*)$/.test(at);
	if (typeof at === "string") return isPlainText && typeof value === "string";
	return typeof at === typeof value && typeof at === "boolean";
}

describe("keys of a domain", () => {
	const two = {
		...emptyDomainState("example.com"),
		keys: [keyEntry({ selector: "a", state: "retiring" }), keyEntry({ selector: "b" })],
	};

	it("are found by selector, and the active one by its state", () => {
		expect(activeKey(two)?.selector).toBe("b");
		expect(activeKey(emptyDomainState("example.com"))).toBeNull();
		expect(keyOf(two, "a")?.state).toBe("retiring");
		expect(keyOf(two, "c")).toBeNull();
	});

	it("are changed one at a time", () => {
		const edit = editKey(two, "a", (key) => ({ ...key, reason: "changed" }));
		expect(edit.keys.map((key) => key.reason)).toEqual(["changed", null]);
	});

	it("owe nothing and have no reason once they have moved, unless told so", () => {
		const owes = { act: "retire", id: null, askedAt: AT, tries: 1, notBefore: AT } as const;
		const owing = editKey(two, "a", (key) => ({ ...key, owes, reason: "why" }));
		const since = new Date("2026-11-22T12:00:00Z");
		expect(moveKey(owing, "a", "retired", since).keys[0]).toMatchObject({
			state: "retired",
			since: "2026-11-22T12:00:00.000Z",
			owes: null,
			reason: null,
		});
		expect(moveKey(owing, "a", "retired", since, { reason: "other" }).keys[0]?.reason).toBe("other");
	});
});

describe("a state of a key", () => {
	it("needs a record from being published to being retired", () => {
		expect(KEY_STATES.filter(needsRecord)).toEqual(["published", "verified", "active", "retiring"]);
	});

	it("is that of a candidate until it signs", () => {
		expect(KEY_STATES.filter(isCandidate)).toEqual(["pending", "published", "verified"]);
	});

	it("is reached by these moves and no others", () => {
		const moves = (from: (typeof KEY_STATES)[number] | null) => KEY_STATES.filter((to) => mayMove(from, to));
		expect(moves(null)).toEqual(["pending", "active"]);
		expect(moves("pending")).toEqual(["published", "retiring"]);
		expect(moves("published")).toEqual(["pending", "verified", "retiring"]);
		expect(moves("verified")).toEqual(["published", "active", "retiring"]);
		expect(moves("active")).toEqual(["retiring"]);
		expect(moves("retiring")).toEqual(["verified", "retired", "revoked"]);
		expect(moves("retired")).toEqual(["pending"]);
		expect(moves("revoked")).toEqual(["retired"]);
	});
});
