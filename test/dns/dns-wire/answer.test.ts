import { type Answer as PacketRecord, encode } from "dns-packet";
import { array, assert, boolean, integer, nat, property, tuple, uint8Array } from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { decodeAnswer } from "../../../src/dns/dns-wire/answer.ts";
import { checkBounds } from "../../../src/dns/dns-wire/bounds.ts";
import { encodeQuery } from "../../../src/dns/dns-wire/query.ts";
import type { Question } from "../../../src/ports/resolver.ts";

const QUESTION: Question = {
	name: "202611._domainkey.example.test",
	type: "TXT",
	recursive: false,
	dnssec: true,
};
const ASKED = { id: 4711, question: QUESTION, transport: "udp" } as const;
const AA = 1 << 10;

function makeAnswer(records: PacketRecord[], flags = AA, name: string = QUESTION.name): Uint8Array {
	return encode({ type: "response", id: 4711, flags, questions: [{ type: "TXT", name }], answers: records });
}

function text(name: string, ...strings: string[]): PacketRecord {
	return { type: "TXT", name, ttl: 300, data: strings };
}

/** A header with these counts and nothing but zeros behind it. */
function makeHostile(counts: readonly number[], length: number): Uint8Array {
	const bytes = new Uint8Array(length);
	const view = new DataView(bytes.buffer);
	view.setUint16(0, 4711);
	view.setUint16(2, 0x8400);
	counts.forEach((count, index) => view.setUint16(4 + 2 * index, count));
	return bytes;
}

function whyMalformed(bytes: Uint8Array): string {
	const answer = decodeAnswer(bytes, ASKED);
	if (answer.kind !== "malformed") throw new Error(`taken as ${answer.kind}`);
	return answer.why;
}

describe("an answer", () => {
	test("is read with its strings, names in lower case, TTL and flags", () => {
		const bytes = makeAnswer([text("202611._DomainKey.Example.test", "a".repeat(255), "b")]);
		const answer = decodeAnswer(bytes, ASKED);
		expect(answer).toMatchObject({
			kind: "message",
			rcode: "NOERROR",
			authoritative: true,
			authenticated: false,
		});
		if (answer.kind !== "message") return;
		const [record] = answer.answers;
		expect(record).toMatchObject({ name: QUESTION.name, type: "TXT", ttlSeconds: 300 });
		expect(record?.data.kind === "txt" ? record.data.strings.map((string) => string.length) : []).toEqual([
			255, 1,
		]);
	});

	test("to a question in other case is still the answer", () => {
		const bytes = makeAnswer([], AA, "202611._DOMAINKEY.example.TEST");
		expect(decodeAnswer(bytes, ASKED)).toMatchObject({ kind: "message", answers: [] });
	});

	test("of every kind that a look reads comes through", () => {
		const records: PacketRecord[] = [
			{ type: "NS", name: "example.test", data: "NS1.example.test" },
			{ type: "A", name: "ns1.example.test", data: "192.0.2.1" },
			{ type: "AAAA", name: "ns1.example.test", data: "2001:db8::1" },
			{
				type: "SOA",
				name: "example.test",
				ttl: 900,
				data: { mname: "ns1.example.test", rname: "root.example.test", serial: 7, minimum: 60 },
			},
			{
				type: "RRSIG",
				name: "example.test",
				data: {
					typeCovered: "TXT",
					algorithm: 13,
					labels: 2,
					originalTTL: 300,
					expiration: 1_800_000_000,
					inception: 1_700_000_000,
					keyTag: 1,
					signersName: "example.test",
					signature: Buffer.alloc(64),
				},
			},
		];
		const answer = decodeAnswer(makeAnswer(records), ASKED);
		expect(answer.kind === "message" ? answer.answers.map((record) => record.data) : []).toEqual([
			{ kind: "name", target: "ns1.example.test" },
			{ kind: "address", address: "192.0.2.1" },
			{ kind: "address", address: "2001:db8::1" },
			{ kind: "soa", primary: "ns1.example.test", serial: 7, minimumSeconds: 60 },
			{
				kind: "rrsig",
				covers: "TXT",
				expiresAt: new Date(1_800_000_000_000),
				validFrom: new Date(1_700_000_000_000),
			},
		]);
	});

	test("with TC set is truncated, whatever it holds, and wherever it was cut", () => {
		const whole = makeAnswer([text(QUESTION.name, "x".repeat(250))], AA | (1 << 9));
		for (const bytes of [whole, whole.subarray(0, 120), whole.subarray(0, 12)])
			expect(decodeAnswer(bytes, ASKED), `${bytes.length}`).toEqual({ kind: "truncated" });
		const ofOthers = whole.with(1, 0);
		expect(decodeAnswer(ofOthers, ASKED)).toMatchObject({ kind: "malformed" });
	});

	test.each([
		[1, { kind: "rcode", rcode: "FORMERR" }],
		[2, { kind: "servfail" }],
		[4, { kind: "rcode", rcode: "NOTIMP" }],
		[5, { kind: "refused" }],
		[9, { kind: "rcode", rcode: "NOTAUTH" }],
	] as const)("with response code %i", (code, expected) => {
		expect(decodeAnswer(makeAnswer([], code), ASKED)).toEqual(expected);
	});

	test("that refuses may leave the question out, one that tells something may not", () => {
		const empty = (flags: number): Uint8Array => encode({ type: "response", id: 4711, flags, questions: [] });
		expect(decodeAnswer(empty(1), ASKED)).toEqual({ kind: "rcode", rcode: "FORMERR" });
		expect(whyMalformed(empty(AA))).toContain("does not say");
		expect(whyMalformed(empty(AA | 3))).toContain("does not say");
	});

	test("with an extended response code is no success", () => {
		const bytes = encode({
			type: "response",
			id: 4711,
			questions: [{ type: "TXT", name: QUESTION.name }],
			additionals: [
				{
					type: "OPT",
					name: ".",
					udpPayloadSize: 1232,
					extendedRcode: 1,
					ednsVersion: 0,
					flags: 0,
					flag_do: false,
					options: [],
				},
			],
		});
		expect(decodeAnswer(bytes, ASKED)).toEqual({ kind: "rcode", rcode: "BADVERS" });
	});
});

describe("no acceptable answer", () => {
	test("has another id, another question, or is a question", () => {
		expect(
			whyMalformed(makeHostile([0, 0, 0, 0], 12).map((byte, index) => (index === 1 ? byte + 1 : byte))),
		).toContain("id");
		expect(whyMalformed(makeAnswer([], AA, "other.example.test"))).toContain("instead of");
		const type = encode({ type: "response", id: 4711, questions: [{ type: "A", name: QUESTION.name }] });
		expect(whyMalformed(type)).toContain("instead of");
		const query = encodeQuery(QUESTION, { id: 4711, edns: true }) ?? new Uint8Array();
		expect(whyMalformed(query)).toContain("question");
	});

	test.each([
		["61,184 additional records in 58 bytes", [0, 0, 0, 61_184], 58],
		["65,535 of each", [1, 65_535, 65_535, 65_535], 512],
		["65 answers", [0, 65, 0, 0], 12 + 65 * 11],
		["two questions", [2, 0, 0, 0], 64],
		["more records than bytes", [0, 64, 64, 64], 100],
		["a record without a body", [0, 1, 0, 0], 20],
	] as const)("%s is refused before decoding", (_what, counts, length) => {
		expect(checkBounds(makeHostile(counts, length), "tcp")).toMatchObject({ kind: "refused" });
	});

	test("too long or too short", () => {
		expect(checkBounds(new Uint8Array(65_535), "udp").kind).toBe("refused");
		expect(checkBounds(new Uint8Array(16_385), "udp").kind).toBe("refused");
		expect(checkBounds(new Uint8Array(11), "tcp").kind).toBe("refused");
		expect(checkBounds(new Uint8Array(0), "udp").kind).toBe("refused");
	});

	test.each([
		["points at itself", [0xc0, 12]],
		["points forward", [0xc0, 40]],
		["points into the header", [0xc0, 2]],
		["points outside", [0xff, 0xff]],
		["has a label of a kind that nobody uses", [0x80, 1]],
		["ends within a label", [63, 97]],
		["has a dot inside a label", [3, 97, 46, 98, 0]],
	])("a name that %s", (_what, name) => {
		const bytes = makeHostile([0, 1, 0, 0], 12 + name.length + 10);
		bytes.set(name, 12);
		expect(checkBounds(bytes, "udp").kind).toBe("refused");
	});

	test("names chained by pointers stay cheap", () => {
		const reads = [vi.spyOn(DataView.prototype, "getUint8"), vi.spyOn(DataView.prototype, "getUint16")];
		const counted = (pointers: number): readonly [string, number] => {
			const before = reads.reduce((sum, { mock }) => sum + mock.calls.length, 0);
			const { kind } = checkBounds(chained(pointers), "udp");
			return [kind, reads.reduce((sum, { mock }) => sum + mock.calls.length, 0) - before];
		};
		const [allowed, longer, longest] = [counted(16), counted(17), counted(1000)];
		for (const spy of reads) spy.mockRestore();
		expect(allowed[0]).toBe("bounded");
		// Three to a pointer, of sixteen to a name, of 191 names.
		expect(allowed[1]).toBeLessThan(191 * 16 * 3 + 1000);
		expect(longer[0]).toBe("refused");
		expect(longest).toEqual(longer);
	});

	/** 192 records: the first holds pointers, each to the one before it, and all other names are the last of them. */
	function chained(pointers: number): Uint8Array {
		const at = (index: number): number => (index < 0 ? 12 : 23 + 2 * index);
		const bytes = makeHostile([0, 64, 64, 64], at(pointers) + 191 * 12);
		const view = new DataView(bytes.buffer, bytes.byteOffset);
		view.setUint16(21, 2 * pointers);
		for (let index = 0; index < pointers; index++) view.setUint16(at(index), 0xc000 | at(index - 1));
		for (let record = 0; record < 191; record++)
			view.setUint16(at(pointers) + record * 12, 0xc000 | at(pointers - 2));
		return bytes;
	}

	test("record data that is shorter than the record inside it", () => {
		const bytes = makeAnswer([text(QUESTION.name, "abc")]);
		const cut = Uint8Array.from(bytes);
		// The string's own length says more than the record has.
		cut[cut.length - 4] = 200;
		expect(decodeAnswer(cut, ASKED).kind).toBe("malformed");
		expect(decodeAnswer(bytes, ASKED).kind).toBe("message");
	});
});

test("whatever is done to a message, it is read or refused", () => {
	const original = makeAnswer([
		text(QUESTION.name, "v=DKIM1;p=abc"),
		{ type: "CNAME", name: "a.example.test", data: "b.example.test" },
		{ type: "SOA", name: "example.test", data: { mname: "ns1.example.test", rname: "root.example.test" } },
		{ type: "MX", name: "example.test", data: { preference: 10, exchange: "mx.example.test" } },
	]);
	const kinds = new Map<string, number>();
	assert(
		property(
			array(tuple(nat(original.length - 1), nat(255)), { minLength: 1, maxLength: 8 }),
			integer({ min: 0, max: original.length }),
			boolean(),
			(changes, length, isCut) => {
				const bytes = Uint8Array.from(isCut ? original.subarray(0, length) : original);
				for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
				const { kind } = decodeAnswer(bytes, ASKED);
				kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
			},
		),
		{ numRuns: 30_000 },
	);
	expect(kinds.get("message")).toBeGreaterThan(100);
	expect(kinds.get("malformed")).toBeGreaterThan(1000);
});

test("random bytes never fail", () => {
	assert(
		property(uint8Array({ maxLength: 600 }), (bytes) => {
			expect(decodeAnswer(bytes, ASKED).kind).toBeTypeOf("string");
		}),
		{ numRuns: 3000 },
	);
});

test("no letter but k is a k in a name, and what is not plain ASCII comes out escaped", () => {
	const name = `${QUESTION.name.slice(0, -4)}\u212a`;
	expect(whyMalformed(makeAnswer([], AA, name))).toContain("\\226\\132\\170");
	const answer = decodeAnswer(
		makeAnswer([{ type: "CNAME", name: QUESTION.name, data: "a\u001b\nb.c\\d" }]),
		ASKED,
	);
	expect(answer).toMatchObject({ answers: [{ data: { target: "a\\027\\010b.c\\\\d" } }] });
});
