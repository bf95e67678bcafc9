/** Whatever a filter answers, and whatever the door and its probe say to one another: an outcome or an error of the probe. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { Connection } from "../../src/ports/sockets.ts";
import { passMessage, quit, shakeHands } from "../../src/signers/milter.ts";
import { parseProbeAnswer, parseProbeRequest } from "../../src/signers/probe-protocol.ts";
import { fuzzed, PATIENCE } from "../fuzz/fuzzing.ts";
import { mutatedBytes, mutatedJson, mutatedText } from "../fuzz/mutations.ts";
import { anyText, NEVER_SHOWN } from "../fuzz/nasty-text.ts";

const NEVER = new AbortController().signal;
const MESSAGE = {
	sender: "keyturn-probe@example.com",
	recipient: "nobody@keyturn.invalid",
	headers: [["From", "<keyturn-probe@example.com>"]] as const,
	body: "x\r\n",
};

function packet(command: string, data: Uint8Array | string = ""): Buffer {
	const bytes = Buffer.from(data);
	const head = Buffer.alloc(5);
	head.writeUInt32BE(bytes.length + 1, 0);
	head.write(command, 4, "latin1");
	return Buffer.concat([head, bytes]);
}

const AGREED = packet("O", Buffer.from([0, 0, 0, 6, 0, 0, 1, 255, 0, 0, 0, 0]));
/** As OpenDKIM: spared nothing, the signature on top at the end. */
const SIGNS = Buffer.concat([
	AGREED,
	...Array.from({ length: 7 }, () => packet("c")),
	packet("p"),
	packet("i", "\0\0\0\u0001DKIM-Signature\0v=1; a=rsa-sha256; d=example.com; s=a\0"),
	packet("c"),
]);
const REFUSES = Buffer.concat([AGREED, packet("c"), packet("y", "550 5.7.1 \u001b[2J no\r\n\0x")]);
const SPARED = Buffer.concat([
	AGREED.subarray(0, 13),
	Buffer.from([0, 0, 7, 0x7f]),
	packet("h", "A\0b\0"),
	packet("a"),
]);

/** A filter that sends these octets, whatever it hears, and closes; counts what was taken. */
function filterSaying(bytes: Uint8Array, length = bytes.length): Connection & { taken: number } {
	const filter = {
		taken: 0,
		write: async () => Promise.resolve(),
		read: async (count: number) => {
			if (filter.taken + count > length) throw new KeyturnError("signer.probe", "closed by the other side");
			const from = filter.taken % bytes.length;
			filter.taken += count;
			if (from + count <= bytes.length)
				return Promise.resolve(new Uint8Array(bytes.slice(from, from + count)));
			return Promise.resolve(new Uint8Array(count));
		},
		readLine: async () => Promise.resolve(""),
		close: () => undefined,
	};
	return filter;
}

async function outcomeOf(connection: Connection): Promise<string> {
	try {
		const session = await shakeHands(connection, NEVER);
		const outcome = await passMessage(session, MESSAGE, NEVER);
		await quit(connection);
		if (outcome.kind === "refused") {
			expect(outcome.reply).not.toMatch(NEVER_SHOWN);
			expect(outcome.reply.length).toBeLessThan(2200);
		}
		if (outcome.kind === "delivered") expect(JSON.stringify(outcome).length).toBeLessThan(8_000_000);
		return outcome.kind;
	} catch (thrown) {
		if (!(thrown instanceof KeyturnError)) throw thrown;
		expect(thrown.code).toBe("signer.probe");
		expect(thrown.message).not.toMatch(NEVER_SHOWN);
		return "failed";
	}
}

test("octets near what a filter answers end in an outcome or an error of the probe", PATIENCE, async () => {
	const seen = new Set<string>();
	await fc.assert(
		fc.asyncProperty(mutatedBytes([SIGNS, REFUSES, SPARED]), async (bytes) => {
			seen.add(await outcomeOf(filterSaying(bytes.length === 0 ? Uint8Array.of(0) : bytes)));
		}),
		fuzzed(500),
	);
	expect([...seen]).toEqual(expect.arrayContaining(["delivered", "refused", "failed"]));
});

describe("a filter without an end", () => {
	const LENGTH = 4 * 1024 * 1024 * 1024;
	const big = packet("h", `A\0${"x".repeat(1024 * 1024 - 8)}\0`);
	test.each([
		["that only says that it is working", packet("p"), 1_000_000],
		["that adds fields for ever", packet("h", "A\0b\0"), 1_000_000],
		["that adds fields of a megabyte each", big, 4_000_000],
		["that changes the body for ever", packet("b", "x".repeat(60_000)), 4_000_000],
		["that sends what is no packet", Buffer.alloc(1024), 100],
	])("%s is left after a bounded number of octets", async (_, answer, most) => {
		const connection = filterSaying(answer, LENGTH);
		await passMessage({ connection, steps: 0x37f }, MESSAGE, NEVER).catch((thrown: unknown) => {
			expect(thrown).toMatchObject({ code: "signer.probe" });
		});
		expect(connection.taken).toBeGreaterThan(0);
		expect(connection.taken).toBeLessThan(most);
	});

	test("that claims a packet of four gigabytes is left at once", async () => {
		const connection = filterSaying(Buffer.alloc(64, 0xff), LENGTH);
		expect(await outcomeOf(connection)).toBe("failed");
		expect(connection.taken).toBe(4);
	});
});

const EXPECTATION = {
	domain: "example.com",
	selector: "202611",
	record: "v=DKIM1;p=",
	sender: "a@example.com",
	unsigned: { means: "unproven", why: "it is not internal" },
};
const REQUESTS = [
	{
		kind: "milter",
		socket: { kind: "unix", path: "/run/opendkim.sock" },
		expectations: [EXPECTATION],
		timeoutMs: 5,
		settleMs: 0,
	},
	{ kind: "smtp", socket: { kind: "inet", host: "127.0.0.1", port: 25 }, timeoutMs: 5 },
];
const ANSWERS = [
	{ isUp: true, reason: null, verdicts: [{ domain: "a.b", selector: "a", outcome: "signed", reason: null }] },
	{ isUp: false, reason: "closed", verdicts: [] },
];

test.each([
	["request", parseProbeRequest, REQUESTS],
	["answer", parseProbeAnswer, ANSWERS],
] as const)("a %s of the probe is read whole, or refused by its code", PATIENCE, (_, parse, seeds) => {
	const seen = new Set<boolean>();
	const text = fc.oneof(
		mutatedJson(seeds).map((value) => JSON.stringify(value) ?? ""),
		mutatedText(seeds.map((seed) => JSON.stringify(seed))),
		anyText,
	);
	fc.assert(
		fc.property(text, (sent) => {
			try {
				expect(parse(sent)).toEqual(JSON.parse(sent));
				seen.add(true);
			} catch (thrown) {
				if (!(thrown instanceof KeyturnError)) throw thrown;
				expect(thrown.code).toBe("signer.probe");
				expect(thrown.message.length).toBeLessThan(1000);
				seen.add(false);
			}
		}),
		fuzzed(300),
	);
	expect(seen.size).toBe(2);
});

test.each([
	["lists", "[".repeat(1_000_000)],
	["closed lists", `${"[".repeat(500_000)}${"]".repeat(500_000)}`],
	["objects", '{"kind":'.repeat(100_000)],
])("a request of the probe of nothing but %s is refused", (_, text) => {
	expect(() => parseProbeRequest(text)).toThrow(KeyturnError);
});
