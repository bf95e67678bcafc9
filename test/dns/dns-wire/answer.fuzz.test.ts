/** Whatever a server, or who stands between, sends in answer to a question: an answer or why it is none. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeAnswer } from "../../../src/dns/dns-wire/answer.ts";
import { observe, observeRecursive, findSoa } from "../../../src/dns/observation.ts";
import type { Answer } from "../../../src/ports/resolver.ts";
import { fuzzed, PATIENCE } from "../../fuzz/fuzzing.ts";
import { mutatedBytes } from "../../fuzz/mutations.ts";
import { REAL_ANSWERS, REAL_ID, type RealAnswer } from "./real-answers.ts";

const NOW = new Date("2026-11-26T12:00:00Z");
const KINDS = ["message", "servfail", "refused", "rcode", "truncated", "malformed"];

function read(
	bytes: Uint8Array,
	{ name, type }: Pick<RealAnswer, "name" | "type">,
	transport: "udp" | "tcp",
) {
	return decodeAnswer(bytes, {
		id: REAL_ID,
		question: { name, type, recursive: false, dnssec: true },
		transport,
	});
}

/** What holds of every answer, and of what is made of it. */
function isSound(answer: Answer, name: string): void {
	expect(KINDS).toContain(answer.kind);
	for (const observation of [observe(answer, name, NOW), observeRecursive(answer, name, NOW)])
		expect(JSON.stringify(observation).length).toBeLessThan(1_000_000);
	findSoa(answer);
	if (answer.kind === "malformed") expect(answer.why).toMatch(/^[\x20-\x7e]{1,1400}$/);
	if (answer.kind !== "message") return;
	const records = [...answer.answers, ...answer.authority, ...answer.additional];
	expect(records.length).toBeLessThanOrEqual(192);
	for (const record of records) {
		expect(record.name).toMatch(/^[\x21-\x7e]{0,1016}$/);
		expect(record.ttlSeconds).toBeGreaterThanOrEqual(0);
		expect(record.ttlSeconds).toBeLessThanOrEqual(0x7fffffff);
		if (record.data.kind === "name") expect(record.data.target).toMatch(/^[\x21-\x7e]{0,1016}$/);
		if (record.data.kind === "rrsig") expect(record.data.expiresAt.getTime()).not.toBeNaN();
	}
}

test.each(REAL_ANSWERS)("$what of a real server is read", (real) => {
	const answer = read(real.bytes, real, "tcp");
	expect(answer.kind).not.toBe("malformed");
	isSound(answer, real.name);
});

test("an answer with a few octets changed is read, or refused with a reason", PATIENCE, () => {
	const reached = new Set<string>();
	fc.assert(
		fc.property(
			fc
				.constantFrom(...REAL_ANSWERS)
				.chain((real) => fc.tuple(fc.constant(real), mutatedBytes([real.bytes]))),
			fc.constantFrom("udp" as const, "tcp" as const),
			([real, bytes], transport) => {
				const answer = read(bytes, real, transport);
				reached.add(answer.kind);
				isSound(answer, real.name);
			},
		),
		fuzzed(500),
	);
	expect([...reached]).toEqual(expect.arrayContaining(["message", "malformed"]));
});

test("any octets behind a header that fits are read, or refused with a reason", PATIENCE, () => {
	const counts = fc.tuple(fc.nat(2), fc.nat(70), fc.nat(70), fc.nat(70));
	fc.assert(
		fc.property(counts, fc.nat(0xffff), fc.uint8Array({ maxLength: 600 }), (numbers, flags, rest) => {
			const head = Buffer.alloc(12);
			[REAL_ID, flags | 0x8000, ...numbers].forEach((value, index) => head.writeUInt16BE(value, 2 * index));
			isSound(read(Buffer.concat([head, rest]), { name: "example.com", type: "TXT" }, "udp"), "example.com");
		}),
		fuzzed(300),
	);
});

test("an answer cut short at any octet is none", () => {
	for (const real of REAL_ANSWERS)
		for (let length = 0; length < real.bytes.length; length++) {
			const answer = read(real.bytes.slice(0, length), real, "udp");
			if (answer.kind !== "malformed") throw new Error(`${real.what}, cut at ${length}: ${answer.kind}`);
		}
});

const HEAD = [0x12, 0x34, 0x84, 0x00];
const QUESTION = [...Buffer.from("\x07example\x03com\0"), 0, 16, 0, 1];

/** Each built to cost a careless reader much. */
describe("a message of the longest length", () => {
	const claimed = (questions: number, answers: number, rest: readonly number[]): Uint8Array => {
		const bytes = new Uint8Array(65_535);
		const [q1, q2] = [questions >> 8, questions & 255];
		bytes.set([...HEAD, q1, q2, answers >> 8, answers & 255, 255, 255, 255, 255, ...rest]);
		return bytes;
	};
	const pointers = Array.from({ length: 8000 }, (_, index) => [
		0xc0 | ((12 + 2 * index) >> 8),
		(12 + 2 * index) & 255,
	]).flat();
	test.each([
		["that claims 65,535 of all", claimed(0xffff, 0xffff, [])],
		["that claims 65,535 records of nothing", claimed(1, 0xffff, QUESTION)],
		["of pointers that lead to one another", claimed(1, 64, pointers)],
		["of a pointer to itself", claimed(1, 1, [0xc0, 12])],
		[
			"of one endless name",
			claimed(
				1,
				64,
				Array.from({ length: 65_000 }, (_, index) => (index % 2 === 0 ? 1 : 97)),
			),
		],
		["of 0xff", new Uint8Array(65_535).fill(0xff)],
	])("%s is refused before it is decoded", (_, bytes) => {
		const answer = read(bytes, { name: "example.com", type: "TXT" }, "tcp");
		expect(answer.kind).toBe("malformed");
		isSound(answer, "example.com");
	});

	test("with as many of the longest names as it may have is read", () => {
		const label = [63, ...Array.from({ length: 63 }, () => 97)];
		const name = [...label, ...label, ...label, 60, ...Array.from({ length: 60 }, () => 97), 0];
		const record = [...name, 0, 2, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 12 + QUESTION.length];
		const sections = [...HEAD, 0, 1, 0, 64, 0, 64, 0, 64, ...QUESTION];
		const bytes = Uint8Array.from([...sections, ...Array.from({ length: 192 }, () => record).flat()]);
		const answer = read(bytes, { name: "example.com", type: "TXT" }, "tcp");
		expect(answer).toMatchObject({ kind: "message", answers: { length: 64 } });
		isSound(answer, "example.com");
	});
});
