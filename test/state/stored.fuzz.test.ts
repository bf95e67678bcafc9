/** Whatever stands in the state directory: what it says, or an error that names the file; never the end of a tick. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newHostState, parseEvent, parseHostState } from "../../src/agent/host-state.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { Disk } from "../../src/ports/disk.ts";
import { NOTHING_WANTED } from "../../src/rotation/domain-state.ts";
import { parseDomainState } from "../../src/rotation/stored-state.ts";
import { createDocuments } from "../../src/state/documents.ts";
import { raiseEpoch, readEpoch } from "../../src/state/epoch.ts";
import { createHistory } from "../../src/state/history.ts";
import { checksumOf } from "../../src/state/stored-json.ts";
import { createWishes } from "../../src/state/wishes.ts";
import { keyEntry } from "../fakes/policies.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";
import { fuzzed, PATIENCE } from "../fuzz/fuzzing.ts";
import { mutatedBytes, mutatedJson } from "../fuzz/mutations.ts";
import { anyName, anyText } from "../fuzz/nasty-text.ts";

const NOW = new Date("2026-11-26T12:00:00.000Z");
const AT = NOW.toISOString();
const DOMAIN_STATE = {
	schema: 1,
	domain: "example.com",
	wants: { ...NOTHING_WANTED, rotate: { id: "w1", askedAt: AT, noSoak: true } },
	keys: [
		keyEntry({ reason: "found in use" }),
		keyEntry({
			selector: "202612",
			state: "published",
			owes: { act: "publish", id: null, askedAt: AT, tries: 2, notBefore: AT },
		}),
	],
};
const EVENT = {
	schema: 1,
	id: "1",
	at: AT,
	host: "mx1",
	event: "published",
	severity: "info",
	trouble: null,
	phase: null,
	domains: ["example.com"],
	selector: "202611",
	summary: "it is",
	detail: null,
	hint: null,
	since: null,
	count: 1,
} as const;
const HOST_STATE = {
	...newHostState(NOW),
	outbox: [{ sink: "webhook 1", event: EVENT, tries: 1, notBefore: AT }],
};
const WISHES = [
	{ id: "w1", at: AT, kind: "rotate", domains: ["example.com"], noSoak: false },
	{ id: "w1", at: AT, kind: "rollback", domains: ["example.com"] },
	{ id: "w1", at: AT, kind: "retire", domains: ["example.com"], selector: "202610" },
];
const MOMENT = /"(?:\w*At|at|since|notBefore|lastClock|steadySince)":"([^"]*)"/g;
const EPOCHS = ["1\n", `${NOW.getTime()}\n`, "999999999999999\n"];

/** A disk on which every file has these octets. */
function diskWith(bytes: Uint8Array, names: readonly string[] = []): Disk {
	const disk: Pick<Disk, "read" | "list"> = {
		read: async (path, limit) => {
			if (bytes.length > limit)
				throw new KeyturnError("disk.failed", `cannot read ${path}: too long`, { errno: "EFBIG" });
			return Promise.resolve(bytes);
		},
		list: async () => Promise.resolve(names),
	};
	return disk as Disk;
}

const octetsOf = (value: unknown): Uint8Array =>
	new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);

/** The stored form, now and then with the right checksum: then what is in it is what the reader has to judge. */
const storedOctets = (seed: object): fc.Arbitrary<Uint8Array> =>
	fc.oneof(
		mutatedBytes([octetsOf({ checksum: checksumOf({ revision: 3, ...seed }), revision: 3, ...seed })]),
		mutatedJson([{ revision: 3, ...seed }]).map((value) => octetsOf(value)),
		mutatedJson([{ revision: 3, ...seed }]).map((value) =>
			typeof value === "object" && value !== null
				? octetsOf({ checksum: checksumOf(JSON.parse(JSON.stringify(value))), ...value })
				: octetsOf(value),
		),
		anyText.map((text) => new TextEncoder().encode(text)),
	);

/** As an agent leaves it, and what else may lie there. */
const wishOctets = (wish: object): fc.Arbitrary<Uint8Array> =>
	fc.oneof(
		mutatedBytes([octetsOf(wish)]),
		mutatedJson([wish]).map(octetsOf),
		anyText.map((text) => new TextEncoder().encode(text)),
	);

/** Fails but with what the codes are; counts what was read. */
async function attempt(codes: readonly string[], act: () => unknown): Promise<boolean> {
	try {
		await act();
		return true;
	} catch (thrown) {
		if (!(thrown instanceof KeyturnError)) throw thrown;
		expect(codes).toContain(thrown.code);
		expect(thrown.message.length).toBeLessThan(1000);
		return false;
	}
}

test.each([
	["a domain's", DOMAIN_STATE, parseDomainState],
	["the host's", HOST_STATE, parseHostState],
] as const)("%s document is read whole or refused by its code", PATIENCE, async (_, seed, parse) => {
	expect(parse(seed)).toEqual(seed);
	const seen = new Set<boolean>();
	await fc.assert(
		fc.asyncProperty(storedOctets(seed), async (bytes) => {
			seen.add(
				await attempt(["state.corrupt", "state.newer"], async () => {
					const stored = await createDocuments(diskWith(bytes), "/state").load("domains/example.com");
					const state = parse(stored?.state);
					for (const [, moment = ""] of JSON.stringify(state).matchAll(MOMENT))
						expect(new Date(moment).toISOString()).toBe(moment);
				}),
			);
		}),
		fuzzed(400),
	);
	expect(seen.size).toBe(2);
});

test("a document's name is a path below the directory, or refused", PATIENCE, async () => {
	await fc.assert(
		fc.asyncProperty(anyName, async (name) => {
			const paths: string[] = [];
			const read = async (path: string) => {
				paths.push(path);
				return Promise.resolve(null);
			};
			const documents = createDocuments({ read } as unknown as Disk, "/state");
			await attempt(["bug"], () => documents.load(`domains/${name}`));
			await attempt(["bug"], () => documents.load(name));
			for (const path of paths)
				expect(path).toMatch(/^\/state\/(?:[a-z0-9_-]+\/)?[a-z0-9_][a-z0-9._-]*\.json$/);
			expect(paths.some((path) => path.includes("/../"))).toBe(false);
		}),
		fuzzed(400),
	);
});

test("a wish is taken as an agent writes it, or passed over", PATIENCE, async () => {
	const seen = new Set<boolean>();
	await fc.assert(
		fc.asyncProperty(fc.constantFrom(...WISHES).chain(wishOctets), async (bytes) => {
			const wishes = await createWishes(diskWith(bytes, ["w1.json"]), "/state/wishes").all();
			seen.add(wishes.length > 0);
			for (const wish of wishes) {
				expect(wish.id).toBe("w1");
				expect(new Date(wish.at).toISOString()).toMatch(/^\d{4}-/);
				const fields = ["id", "at", "kind", "domains", "noSoak", "selector", "unsigned", "useStandby"];
				expect(fields).toEqual(expect.arrayContaining(Object.keys(wish)));
			}
		}),
		fuzzed(400),
	);
	expect(seen.size).toBe(2);
});

describe("what is dropped among the wishes", () => {
	test.each(["EISDIR", "ELOOP", "ENXIO", "EFBIG", "EACCES"])(
		"and reads as %s keeps nobody from the others",
		async (errno) => {
			const read = async (path: string) => {
				if (path.endsWith("/w0.json")) throw new KeyturnError("disk.failed", path, { errno });
				return Promise.resolve(octetsOf(WISHES[0]));
			};
			const disk = { read, list: async () => Promise.resolve(["w0.json", "w1.json"]) } as unknown as Disk;
			expect(await createWishes(disk, "/w").all()).toHaveLength(1);
		},
	);

	test.each([
		["a moment that no state can hold", { ...WISHES[0], at: "+275760-09-13T00:00:00.000Z" }],
		["a day that no month has", { ...WISHES[0], at: "2026-02-30T00:00:00.000Z" }],
		["more than a wish has", { ...WISHES[0], extra: [[[]]] }],
		["more domains than a host", { ...WISHES[0], domains: Array.from({ length: 20_001 }, () => "a.b") }],
		["another id than its name", { ...WISHES[0], id: "w2" }],
	])("and has %s is passed over", async (_, wish) => {
		expect(await createWishes(diskWith(octetsOf(wish), ["w1.json"]), "/w").all()).toEqual([]);
	});

	test("but a disk that fails is told", async () => {
		const read = async () => Promise.reject(new KeyturnError("disk.failed", "x", { errno: "EIO" }));
		const disk = { read, list: async () => Promise.resolve(["w1.json"]) } as unknown as Disk;
		await expect(createWishes(disk, "/w").all()).rejects.toMatchObject({ errno: "EIO" });
	});
});

test("the epoch is a number or no epoch, and the next is always above it", PATIENCE, async () => {
	const octets = fc.oneof(
		mutatedBytes(EPOCHS.map((text) => new TextEncoder().encode(text))),
		fc.uint8Array({ maxLength: 64 }),
	);
	await fc.assert(
		fc.asyncProperty(octets, async (bytes) => {
			let epoch = 0;
			await attempt(["state.corrupt", "disk.failed"], async () => {
				epoch = await readEpoch(diskWith(bytes), "/state");
			});
			expect(Number.isSafeInteger(epoch)).toBe(true);
			if (bytes.length > 64) return;
			const disk = new SimDisk(() => NOW).open({ process: createSimProcess() });
			await disk.makeDirectory("/state", 0o700);
			const file = await disk.create("/state/epoch", 0o600);
			if (file === "exists") throw new Error("the disk is not empty");
			await file.write(bytes);
			expect(await raiseEpoch(disk, "/state", NOW)).toBeGreaterThan(epoch);
		}),
		fuzzed(200),
	);
});

test("the history gives every whole line, whatever stands between", PATIENCE, async () => {
	const line = JSON.stringify(EVENT);
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.oneof(anyText, mutatedBytes([Buffer.from(line)])), { maxLength: 6 }),
			async (parts) => {
				const between = parts.map((part) => Buffer.concat([Buffer.from(part), Buffer.from(`\n${line}\n`)]));
				const bytes = Buffer.concat([Buffer.from(`${line}\n`), ...between]);
				const disk = { read: async (path: string) => Promise.resolve(path.endsWith(".1") ? null : bytes) };
				const entries = await createHistory(disk as unknown as Disk, "/state").newest(1000);
				expect(entries.filter((entry) => JSON.stringify(entry) === line).length).toBeGreaterThan(
					parts.length,
				);
				for (const entry of entries) await attempt(["state.newer"], () => parseEvent(entry, "event"));
			},
		),
		fuzzed(200),
	);
});

describe("a document of 32 MiB", () => {
	const LENGTH = 32 * 1024 * 1024;
	test.each([
		["lists in lists", "[".repeat(LENGTH)],
		["objects in objects", '{"a":'.repeat(LENGTH / 5)],
		["closed lists in a member", `{"revision":1,"a":${"[".repeat(LENGTH / 2)}${"]".repeat(LENGTH / 2)}}`],
		["quotes", '"'.repeat(LENGTH)],
		["one text", `{"revision":1,"a":"${"x".repeat(LENGTH)}"}`],
	])("of %s is read or refused by its code", PATIENCE, async (_, text) => {
		await attempt(["state.corrupt", "state.newer"], async () => {
			const stored = await createDocuments(diskWith(Buffer.from(text)), "/state").load("host");
			parseHostState(stored?.state);
		});
	});
});
