import { encode } from "dns-packet";
import { beforeEach, describe, expect, test } from "vitest";
import { createProvider } from "../../../providers/rfc2136/provider.ts";
import { signMessage, type TsigKey } from "../../../src/dns/dns-wire/tsig.ts";
import { readServerMessage } from "../../../src/dns/dns-wire/server-message.ts";
import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import type { WireOutcome } from "../../../src/ports/wire.ts";
import { signedAnswer } from "../../dns/dns-wire/signed-answer.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";

const SECRET = Buffer.from("a secret of the tests, of 32 oct").toString("base64");
const KEY: TsigKey = { name: "k", algorithm: "hmac-sha256", secret: Buffer.from(SECRET, "base64") };
const ZONE = "example.test";
const ADD = { kind: "add", name: `s1._domainkey.${ZONE}`, value: "v=DKIM1;p=", ttlSeconds: 60 } as const;
const signal = new AbortController().signal;

let asked: Buffer[];
let answer: (request: Buffer) => WireOutcome;
let provider: DnsProvider;
/** How long the server was given, and whether it took longer. */
let deadlines: number[];
let isLate: boolean;

beforeEach(() => {
	asked = [];
	deadlines = [];
	isLate = false;
	provider = createProvider({
		name: "home",
		settings: { server: "192.0.2.53:53", name: "k", algorithm: "hmac-sha256", secret: { env: "TSIG" } },
		secrets: { read: async () => SECRET },
		wire: {
			exchange: async (_, query, { aborted }) => {
				asked.push(Buffer.from(query));
				return aborted ? { kind: "timeout" } : answer(Buffer.from(query));
			},
		},
		clock: {
			...createSleepingClock(),
			deadline: (ms, ended) => {
				deadlines.push(ms);
				return isLate ? AbortSignal.abort() : ended;
			},
		},
		random: { bytes: (count) => new Uint8Array(count).fill(7), id: () => "7".repeat(32) },
		log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
	});
});

/** The request without its signature, with the bits of an answer. */
function unsignedAnswer(request: Buffer, flags: number): Buffer {
	const plain = unsigned(request);
	plain.writeUInt16BE(flags, 2);
	return plain;
}

function unsigned(request: Buffer): Buffer {
	const end = readServerMessage(request)?.additional.at(-1)?.start ?? 0;
	const plain = Buffer.from(request.subarray(0, end));
	plain.writeUInt16BE(0, 10);
	return plain;
}

const AA = 0x0400;
const TC = 0x0200;
const NXDOMAIN = 3;
const NOW_SECONDS = Date.parse("2026-10-31T12:00:00Z") / 1000;

/** As the holder of the key answers it, with these bits; to a question for TXT records with one of this value. */
function signed(request: Buffer, bits: number, value: string | null = null): WireOutcome {
	const { mac } = signMessage(unsigned(request), KEY, NOW_SECONDS);
	const flags = (request.readUInt16BE(2) & 0x7800) | 0x8000 | bits;
	const plain = unsignedAnswer(request, flags);
	if (value === null) return bytes(signedAnswer(plain, mac, KEY, NOW_SECONDS));
	const [question] = readServerMessage(request)?.questions ?? [];
	const answered = encode({
		type: "response",
		id: request.readUInt16BE(0),
		flags: flags & 0x7fff,
		questions: [{ type: "TXT", name: question?.name ?? "" }],
		answers: [{ type: "TXT", name: question?.name ?? "", ttl: 60, data: value }],
	});
	return bytes(signedAnswer(answered, mac, KEY, NOW_SECONDS));
}

const isQuery = (request: Buffer): boolean => (request.readUInt16BE(2) & 0x7800) === 0;

describe("what the holder of the key says", () => {
	test("is believed: a change is made, and a record stands there", async () => {
		answer = (request) => signed(request, AA);
		expect(await provider.change(ZONE, [ADD], signal)).toEqual([{ kind: "done" }]);
		answer = (request) =>
			readServerMessage(request)?.questions[0]?.name === ADD.name
				? signed(request, AA, ADD.value)
				: signed(request, AA | NXDOMAIN);
		expect(await provider.list(ZONE, ADD.name, signal)).toEqual([ADD.value]);
	});

	test("is waited for ten seconds, and a change is open then", async () => {
		answer = (request) => signed(request, AA);
		isLate = true;
		expect(await provider.change(ZONE, [ADD], signal)).toMatchObject([
			{ kind: "unknown", why: expect.stringContaining("did not answer in time") },
		]);
		expect(deadlines).toEqual([10_000]);
	});

	test("is no list where it does not have the zone, or what it said was cut short", async () => {
		answer = (request) => signed(request, 0);
		await expect(provider.list(ZONE, ADD.name, signal)).rejects.toMatchObject({ code: "provider.zone" });
		answer = (request) => signed(request, AA | TC);
		await expect(provider.list(ZONE, ADD.name, signal)).rejects.toMatchObject({
			code: "provider.unreachable",
			message: expect.stringContaining("cut short"),
		});
	});

	test("is no list of a name's own where every name gets it: a wildcard stands there", async () => {
		answer = (request) => signed(request, AA, "of a wildcard");
		expect(await provider.list(ZONE, ADD.name, signal)).toEqual([]);
	});

	test("is no success where it says that the name has changed meanwhile", async () => {
		answer = (request) => signed(request, AA | NXDOMAIN);
		expect(await provider.change(ZONE, [ADD], signal)).toMatchObject([
			{ kind: "refused", denied: false, why: expect.stringContaining("changed by somebody else") },
		]);
		expect(asked.filter((request) => !isQuery(request))).toHaveLength(4);
	});
});

describe("what is no proof that the zone was changed", () => {
	test.each<[string, (request: Buffer) => WireOutcome]>([
		[
			"a success without signature",
			(request) => bytes(unsignedAnswer(request, (request.readUInt16BE(2) & 0x7800) | 0x8000 | AA)),
		],
		["our own message sent back", (request) => bytes(request)],
		[
			"a success signed, but for no request of ours",
			(request) => {
				const flags = (request.readUInt16BE(2) & 0x7800) | 0x8000 | AA;
				return bytes(signMessage(unsignedAnswer(request, flags), KEY, NOW_SECONDS).bytes);
			},
		],
		["rubbish", () => bytes(Buffer.from("rubbish"))],
		["nothing", () => bytes(Buffer.alloc(0))],
		["silence", () => ({ kind: "timeout" })],
		["a closed connection", () => ({ kind: "unreachable", why: "closed" })],
	])("%s", async (_, answering) => {
		answer = answering;
		expect(await provider.change(ZONE, [ADD], signal)).toMatchObject([{ kind: "unknown" }]);
		await expect(provider.list(ZONE, ADD.name, signal)).rejects.toMatchObject({
			code: "provider.unreachable",
			message: expect.stringMatching(/^home: .*192\.0\.2\.53:53/),
		});
	});
});

test.each([
	[5, "REFUSED", true],
	[2, "SERVFAIL", false],
	[4, "NOTIMP", false],
	[9, "NOTAUTH", false],
	[10, "NOTZONE", false],
	[1, "FORMERR", false],
] as const)("a refusal by %i is told as %s, also by who cannot sign", async (rcode, word, denied) => {
	answer = (request) => bytes(unsignedAnswer(request, 0xa800 | rcode));
	const [result] = await provider.change(ZONE, [ADD], signal);
	expect(result).toMatchObject({ kind: "refused", denied, why: expect.stringContaining(word) });
});

test("a server that takes not even a question names that right, too, which BIND asks for with each change", async () => {
	answer = (request) => bytes(unsignedAnswer(request, (request.readUInt16BE(2) & 0x7800) | 0x8005));
	const hint = expect.stringContaining("allow-query");
	await expect(provider.list(ZONE, ADD.name, signal)).rejects.toMatchObject({
		code: "provider.denied",
		hint,
	});
	expect(await provider.change(ZONE, [ADD], signal)).toMatchObject([{ kind: "refused", denied: true, hint }]);
	expect(await provider.findZone(ADD.name, signal)).toMatchObject({ kind: "none", hint });
});

test("no message holds the secret, and no value is anything but data", async () => {
	answer = () => ({ kind: "timeout" });
	const value = 'v=DKIM1;p="\n; update delete example.test\n';
	await provider.change(ZONE, [{ ...ADD, value }], signal);
	expect(asked).toHaveLength(1);
	const message = readServerMessage(asked[0] ?? Buffer.alloc(0));
	expect(message?.authority).toHaveLength(1);
	expect(message?.authority[0]?.data.subarray(1).toString()).toBe(value);
	expect((asked[0] ?? Buffer.alloc(0)).includes(Buffer.from(KEY.secret))).toBe(false);
});

test("values near the largest go in messages of their own", async () => {
	answer = () => ({ kind: "timeout" });
	const adds = ["a", "b", "c"].map((label) => ({
		...ADD,
		name: `${label}._domainkey.${ZONE}`,
		value: "x".repeat(provider.limits.valueOctets),
	}));
	expect(await provider.change(ZONE, adds, signal)).toHaveLength(3);
	expect(asked.map((message) => readServerMessage(message)?.authority.length)).toEqual([1, 1, 1]);
	expect(Math.max(...asked.map((message) => message.length))).toBeLessThanOrEqual(65_535);
});

function bytes(octets: Buffer): WireOutcome {
	return { kind: "bytes", bytes: octets };
}
