/** Whatever stands in the door's own directory: its papers in the form in which it wrote them, or an error that names the file. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { SwapContext } from "../../src/swap/context.ts";
import { readJournal } from "../../src/swap/journal.ts";
import { readLedger } from "../../src/swap/ledger.ts";
import { readLeft, readResult } from "../../src/swap/results.ts";
import { listStaged, readStaged } from "../../src/swap/staged-switch.ts";
import { fuzzed, PATIENCE } from "../fuzz/fuzzing.ts";
import { mutatedBytes, mutatedJson } from "../fuzz/mutations.ts";
import { anyName } from "../fuzz/nasty-text.ts";

const ID = "0123456789abcdef0123456789abcdef";
const AT = "2026-11-01T03:00:00.000Z";
const RAN = { service: "postfix", units: ["postfix@-.service"] };
const KEY = { signer: "main", domain: "example.com", selector: "202611" };

const PAPERS = {
	journal: {
		schema: 1,
		id: ID,
		startedAt: AT,
		mail: [RAN],
		mailStart: ["postfix"],
		stopsMail: true,
		signers: [
			{
				signer: "main",
				swap: "restart",
				ran: RAN,
				files: [{ path: "/etc/key.table", hashBefore: "a", hashAfter: "b", kept: "/etc/.key.table.before" }],
				expectations: [{ domain: "example.com", selector: "202611", record: "v=DKIM1;p=" }],
				changes: [{ domain: "example.com", from: "202610", selector: "202611" }],
				partial: { hashes: ["c"], leftOut: [{ domain: "example.com", selector: "202611", reason: "no" }] },
				rollBack: null,
			},
		],
		owed: [RAN],
	},
	ledger: {
		schema: 1,
		keys: [{ ...KEY, path: "/k/a.private", origin: "made", id: ID, hash: "aa", wasLive: true }],
	},
	result: {
		schema: 1,
		result: {
			id: ID,
			outcome: "rolled_back",
			at: AT,
			keys: [{ ...KEY, from: null, outcome: "rolled_back", reason: "unsigned" }],
			oldProcessGone: true,
			reason: null,
			pauseMs: 12,
		},
	},
	left: { schema: 1, files: { "/etc/key.table": "a" }, pausedAt: AT },
	staged: {
		schema: 1,
		id: ID,
		isComplete: true,
		signers: [
			{
				signer: "main",
				tableHash: "a",
				changes: [
					{
						domain: "example.com",
						from: "202610",
						to: { selector: "202611", record: "v=DKIM1;p=", keyPath: "/k/a.private" },
					},
				],
				files: [{ path: "/etc/key.table", hashAfter: "b" }],
			},
		],
		scratch: ["/etc/.key.table.staged"],
	},
};

const READERS: Readonly<Record<keyof typeof PAPERS, (context: SwapContext) => Promise<unknown>>> = {
	journal: readJournal,
	ledger: readLedger,
	result: (context) => readResult(context, ID),
	left: readLeft,
	staged: (context) => readStaged(context, ID),
};

function contextWith(bytes: Uint8Array, names: readonly string[] = []): SwapContext {
	const disk = { read: async () => Promise.resolve(bytes), list: async () => Promise.resolve(names) };
	return { disk, directory: "/door" } as unknown as SwapContext;
}

const octetsOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value) ?? "");

/** What a recovery walks through: reading a member that is not there would throw. */
function walk(paper: unknown): number {
	if (typeof paper !== "object" || paper === null) return 1;
	return Object.values(paper).reduce((sum: number, one) => sum + walk(one), 1);
}

/** The members of the one that are not of the other's form; what is more is passed over. */
function isOfForm(read: unknown, written: unknown): boolean {
	if (read === null || written === null) return true;
	if (typeof read !== typeof written) return false;
	if (Array.isArray(written)) return Array.isArray(read) && read.every((one) => isOfForm(one, written[0]));
	if (typeof written !== "object" || typeof read !== "object") return true;
	return Object.entries(written).every(([name, value]) =>
		isOfForm((read as Readonly<Record<string, unknown>>)[name], value),
	);
}

test.each(Object.keys(PAPERS) as (keyof typeof PAPERS)[])(
	"the %s is read in its own form, or refused by its code",
	PATIENCE,
	async (name) => {
		const paper: { readonly [member: string]: unknown } = PAPERS[name];
		const whole = await READERS[name](contextWith(octetsOf(paper)));
		expect(walk(whole)).toBeGreaterThan(2);
		const seen = new Set<string>();
		await fc.assert(
			fc.asyncProperty(
				fc.oneof(mutatedJson([paper]).map(octetsOf), mutatedBytes([octetsOf(paper)])),
				async (bytes) => {
					try {
						const read = await READERS[name](contextWith(bytes));
						seen.add("read");
						// Its map of hashes by path may name any path.
						if (name !== "left") expect(isOfForm(read, whole)).toBe(true);
					} catch (thrown) {
						if (!(thrown instanceof KeyturnError)) throw thrown;
						expect(["state.corrupt", "state.newer"]).toContain(thrown.code);
						seen.add(thrown.code);
					}
				},
			),
			fuzzed(200),
		);
		expect([...seen]).toEqual(expect.arrayContaining(["read", "state.corrupt"]));
	},
);

test.each(["null", "[]", "1", '"a"', "{}", '{"schema":"1"}', '{"schema":1}', '{"schema":-1}', "\u0000", ""])(
	"a journal of %s is damaged, and not of a newer keyturn",
	async (text) => {
		await expect(readJournal(contextWith(Buffer.from(text)))).rejects.toMatchObject({
			code: "state.corrupt",
		});
	},
);

test("a later schema is a newer keyturn's", async () => {
	await expect(readJournal(contextWith(octetsOf({ schema: 2 })))).rejects.toMatchObject({
		code: "state.newer",
	});
});

test("what else lies among the staged switches is none", PATIENCE, async () => {
	await fc.assert(
		fc.asyncProperty(fc.array(anyName), async (names) => {
			const files = [...names.map((name) => `${name}.json`), `${ID}.json`];
			const listed = await listStaged(contextWith(new Uint8Array(), files));
			expect(listed).toContain(ID);
			for (const id of listed) expect(id).toMatch(/^[0-9a-z][0-9a-z-]{0,63}$/);
		}),
		fuzzed(100),
	);
});
