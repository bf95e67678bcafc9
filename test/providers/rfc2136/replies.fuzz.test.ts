/** Whatever the zone's server, or who stands in its place, answers to a query or an update: a reply, and nothing thrown. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createConversation, type Reply, replyError } from "../../../providers/rfc2136/conversation.ts";
import { createZoneReader } from "../../../providers/rfc2136/zone-reader.ts";
import { readServerMessage, readTxtData } from "../../../src/dns/dns-wire/server-message.ts";
import { verifyAnswer } from "../../../src/dns/dns-wire/tsig.ts";
import { encodeQuery } from "../../../src/dns/dns-wire/update.ts";
import { KeyturnError } from "../../../src/errors.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import { fuzzed, PATIENCE } from "../../fuzz/fuzzing.ts";
import { mutatedBytes } from "../../fuzz/mutations.ts";
import { REAL_ID, REAL_REPLIES, REAL_REPLY_SECONDS, REAL_TSIG_KEY } from "../../dns/dns-wire/real-answers.ts";

const HELD = readServerMessage(REAL_REPLIES[0]?.bytes ?? new Uint8Array());
const NEVER = new AbortController().signal;
const NAME = "202611._domainkey.example.com";
const clock: Pick<Clock, "now" | "deadline"> = {
	now: () => new Date(REAL_REPLY_SECONDS * 1000),
	deadline: (_, signal) => signal,
};

/** A server that answers these octets to whatever is asked. */
function conversationWith(bytes: Uint8Array) {
	return createConversation({
		server: "127.0.0.1:53",
		target: { address: "127.0.0.1", port: 53 },
		key: REAL_TSIG_KEY,
		wire: { exchange: async () => ({ kind: "bytes", bytes }) },
		clock: clock as Clock,
		random: { bytes: () => Uint8Array.of(REAL_ID >> 8, REAL_ID & 255), id: () => "" },
	});
}

const ask = async (bytes: Uint8Array): Promise<Reply> =>
	conversationWith(bytes).ask((id) => encodeQuery(id, NAME, "TXT"), "example.com", NEVER);

function isSound(reply: Reply): void {
	if (reply.kind === "answer") return;
	const error = replyError("home", reply);
	expect(error).toBeInstanceOf(KeyturnError);
	expect(error.message).toMatch(/^[\x20-\x7e]{1,800}$/);
}

test.each(REAL_REPLIES)("$what of a real server is what it says", ({ what, bytes, requestMac }) => {
	const message = readServerMessage(bytes);
	expect(message?.id).toBe(REAL_ID);
	const verdict = verifyAnswer(bytes, REAL_TSIG_KEY, requestMac, REAL_REPLY_SECONDS);
	const said: Readonly<Record<string, object>> = {
		BADSIG: { kind: "error", error: { kind: "badsig" }, signed: false },
		BADKEY: { kind: "error", error: { kind: "badkey" }, signed: false },
		BADTIME: { kind: "error", error: { kind: "badtime" }, signed: true },
	};
	expect(verdict).toMatchObject(said[what] ?? { kind: "signed" });
});

test("a reply with any octet changed is believed no more", () => {
	// The id is not signed: relays change it.
	for (const { bytes, requestMac, what } of REAL_REPLIES)
		for (let at = 2; at < bytes.length; at++) {
			const changed = bytes.slice();
			changed[at] = (changed[at] ?? 0) ^ 0x40;
			const verdict = verifyAnswer(changed, REAL_TSIG_KEY, requestMac, REAL_REPLY_SECONDS);
			if (verdict.kind === "signed") throw new Error(`${what}: octet ${at} may be changed`);
		}
});

test("octets near a real reply, or none at all, are no answer and no failure", PATIENCE, async () => {
	const kinds = new Set<string>();
	const bytes = fc.oneof(
		{ weight: 4, arbitrary: mutatedBytes(REAL_REPLIES.map((reply) => reply.bytes)) },
		fc.uint8Array({ maxLength: 400 }),
	);
	await fc.assert(
		fc.asyncProperty(bytes, async (sent) => {
			const reply = await ask(sent);
			kinds.add(reply.kind);
			// The very request that the first one answered: what it says must not be changed in any octet.
			if (reply.kind === "answer") expect(reply.message.answers).toEqual(HELD?.answers);
			isSound(reply);
			for (const record of readServerMessage(sent)?.answers ?? [])
				expect((readTxtData(record.data) ?? []).length).toBeLessThanOrEqual(record.data.length);
		}),
		fuzzed(500),
	);
	expect([...kinds].sort()).toEqual(["answer", "nothing", "refused"]);
});

test(
	"a reader of zones fails with what the provider's errors are, whatever is answered",
	PATIENCE,
	async () => {
		let failed = 0;
		await fc.assert(
			fc.asyncProperty(mutatedBytes(REAL_REPLIES.map((reply) => reply.bytes)), async (sent) => {
				const reader = createZoneReader({
					provider: "home",
					server: "127.0.0.1:53",
					conversation: conversationWith(sent),
					random: { bytes: (count) => new Uint8Array(count), id: () => "7".repeat(32) },
				});
				await reader.held("example.com", NAME, NEVER).catch((thrown: unknown) => {
					failed += 1;
					expect(thrown).toBeInstanceOf(KeyturnError);
					expect((thrown as KeyturnError).code).toMatch(/^provider\./);
				});
			}),
			fuzzed(300),
		);
		expect(failed).toBeGreaterThan(0);
	},
);

test.each([0, 1, 2 ** 31, 8_640_000_000_000, 8_640_000_000_001, 2 ** 48 - 1])(
	"a server whose clock says %d seconds is told of",
	async (seconds) => {
		const reply = await ask(badTime(seconds));
		expect(reply).toMatchObject({ kind: "refused", refusal: { code: "BADTIME" } });
		isSound(reply);
	},
);

/** Unsigned, as anybody on the way could send it. */
function badTime(seconds: number): Uint8Array {
	const other = Buffer.alloc(6);
	other.writeUIntBE(seconds, 0, 6);
	const data = Buffer.concat([
		Buffer.from("\x0bhmac-sha256\0"),
		Buffer.from([0, 0, 0, 0, 0, 0, 1, 44, 0, 0, 0x12, 0x34, 0, 18, 0, 6]),
		other,
	]);
	const head = Buffer.from([0x12, 0x34, 0x80, 0x09, 0, 0, 0, 0, 0, 0, 0, 1]);
	const tsig = Buffer.concat([
		Buffer.from("\x01k\0"),
		Buffer.from([0, 250, 0, 255, 0, 0, 0, 0, 0, data.length]),
	]);
	return Buffer.concat([head, tsig, data]);
}

/** Names of the longest kind, each reached by as many pointers as there is room for. */
test("a message of the longest length is read at a cost that its length bounds", async () => {
	let octets = 0;
	for (const bytes of [namesOnNames(), pointersOnPointers(), new Uint8Array(65_535).fill(0xc0)]) {
		const message = readServerMessage(bytes);
		for (const record of message?.answers ?? []) octets += record.name.length;
		isSound(await ask(bytes));
	}
	expect(octets).toBeLessThan(255 * 4 * 6000);
});

/** The header of an answer that claims so many records. */
function answers(count: number): readonly number[] {
	return [0x12, 0x34, 0x84, 0, 0, 0, count >> 8, count & 255, 0, 0, 0, 0];
}

/** 5,400 records whose names all lead to one of 126 labels of 63 octets: 43 MB of names in 64 KiB. */
function namesOnNames(): Uint8Array {
	const label = [63, ...Array.from({ length: 63 }, () => 97)];
	const first = [...Array.from({ length: 126 }, () => label).flat(), 0];
	const record = (name: readonly number[]) => [...name, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0];
	const count = Math.floor((65_535 - 12 - first.length - 10) / 12);
	return Uint8Array.from([
		...answers(count + 1),
		...record(first),
		...Array.from({ length: count }, () => record([0xc0, 12])).flat(),
	]);
}

/** One record full of pointers that each lead to the one before, and records that begin at the last of them. */
function pointersOnPointers(): Uint8Array {
	const dataStart = 12 + 11;
	const pointers = Array.from({ length: 8000 }, (_, index) =>
		index === 0 ? [0, 0] : [0xc0 | ((dataStart + 2 * index - 2) >> 8), (dataStart + 2 * index - 2) & 255],
	).flat();
	const last = dataStart + 2 * 7999;
	const holder = [0, 0, 16, 0, 1, 0, 0, 0, 0, pointers.length >> 8, pointers.length & 255, ...pointers];
	const count = 4000;
	return Uint8Array.from([
		...answers(count + 1),
		...holder,
		...Array.from({ length: count }, () => [
			0xc0 | (last >> 8),
			last & 255,
			0,
			16,
			0,
			1,
			0,
			0,
			0,
			0,
			0,
			0,
		]).flat(),
	]);
}
