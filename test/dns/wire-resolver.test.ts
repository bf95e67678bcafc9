import { type Answer as PacketRecord, decode, encode } from "dns-packet";
import { expect, test } from "vitest";
import { createWireResolver } from "../../src/dns/wire-resolver.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Answer, Question } from "../../src/ports/resolver.ts";
import type { Wire, WireOutcome } from "../../src/ports/wire.ts";

const SERVER = { address: "192.0.2.1", port: 53 };
const QUESTION: Question = { name: "s._domainkey.example.test", type: "TXT", recursive: false, dnssec: true };
const NEVER = new AbortController().signal;
const CLOCK: Clock = {
	now: () => new Date(0),
	uptimeMs: () => 0,
	bootMs: () => 0,
	bootId: () => null,
	sleep: async () => {},
	deadline: (_ms, signal) => signal,
};

interface Query {
	readonly transport: "udp" | "tcp";
	readonly id: number;
	readonly edns: boolean;
	/** 0 without EDNS. */
	readonly payload: number;
}

/** Asks with a wire that gives `answers` in turn, the last one again and again. */
async function askOver(
	answers: readonly ((query: Query) => WireOutcome)[],
	signal: AbortSignal = NEVER,
): Promise<{ readonly answer: Answer; readonly queries: readonly Query[] }> {
	const queries: Query[] = [];
	const wire: Wire = {
		async exchange(target, bytes) {
			const packet = decode(Buffer.from(bytes));
			const [opt] = packet.additionals ?? [];
			const query = {
				transport: target.transport,
				id: packet.id ?? 0,
				edns: opt !== undefined,
				payload: opt?.type === "OPT" ? opt.udpPayloadSize : 0,
			};
			queries.push(query);
			const next = answers[Math.min(queries.length, answers.length) - 1];
			return next === undefined ? { kind: "timeout" } : next(query);
		},
	};
	let count = 0;
	const resolver = createWireResolver({
		wire,
		clock: CLOCK,
		random: { bytes: () => Uint8Array.of(7, count++), id: () => "" },
		systemServers: async () => [],
	});
	return { answer: await resolver.ask(SERVER, QUESTION, signal), queries };
}

function reply(flags: number, answers: PacketRecord[] = []): (query: Query) => WireOutcome {
	return ({ id }) => ({
		kind: "bytes",
		bytes: encode({
			type: "response",
			id,
			flags,
			questions: [{ type: "TXT", name: QUESTION.name }],
			answers,
		}),
	});
}

const AA = 1 << 10;
const TC = 1 << 9;
const RECORD: PacketRecord = { type: "TXT", name: QUESTION.name, data: ["x"] };

test("one datagram each way is enough", async () => {
	const { answer, queries } = await askOver([reply(AA, [RECORD])]);
	expect(answer).toMatchObject({ kind: "message", transport: "udp", answers: [{ name: QUESTION.name }] });
	expect(queries).toEqual([{ transport: "udp", id: 0x0700, edns: true, payload: 1232 }]);
});

test("what is truncated is asked by TCP, with another id", async () => {
	const { answer, queries } = await askOver([reply(AA | TC), reply(AA, [RECORD])]);
	expect(answer).toMatchObject({ kind: "message", transport: "tcp" });
	expect(queries.map((query) => query.transport)).toEqual(["udp", "tcp"]);
	expect(new Set(queries.map((query) => query.id)).size).toBe(2);
});

test.each([{ kind: "timeout" }, { kind: "unreachable", why: "nothing listens" }] as const)(
	"truncated, and TCP gives $kind: truncated",
	async (outcome) => {
		expect((await askOver([reply(AA | TC), () => outcome])).answer).toEqual({ kind: "truncated" });
	},
);

test("an answer too long for a firewall on the way comes by TCP", async () => {
	const { answer, queries } = await askOver([
		(query) => {
			if (query.transport === "tcp") return reply(AA, [RECORD])(query);
			return query.payload > 512 ? { kind: "timeout" } : reply(AA | TC)(query);
		},
	]);
	expect(answer).toMatchObject({ kind: "message", transport: "tcp" });
	expect(queries.map(({ transport, payload }) => `${transport} ${payload}`)).toEqual([
		"udp 1232",
		"udp 512",
		"tcp 1232",
	]);
});

test("a server that knows no EDNS is asked without", async () => {
	const { answer, queries } = await askOver([reply(1), reply(AA, [RECORD])]);
	expect(answer.kind).toBe("message");
	expect(queries.map((query) => query.edns)).toEqual([true, false]);
	expect((await askOver([reply(1)])).answer).toEqual({ kind: "rcode", rcode: "FORMERR" });
});

test("silence is asked into twice, other answers are taken as they are", async () => {
	const silent = await askOver([() => ({ kind: "timeout" })]);
	expect(silent.answer).toEqual({ kind: "timeout" });
	expect(silent.queries).toHaveLength(2);
	expect((await askOver([() => ({ kind: "timeout" }), reply(AA, [RECORD])])).answer.kind).toBe("message");
	const refused = await askOver([() => ({ kind: "unreachable", why: "nothing listens" })]);
	expect(refused.answer).toEqual({ kind: "unreachable", why: "nothing listens" });
	expect(refused.queries).toHaveLength(1);
});

test("a server that is silent is given up after three seconds, each time", async () => {
	const deadlines: number[] = [];
	const resolver = createWireResolver({
		wire: {
			exchange: async (_, query, { aborted }) => {
				const id = decode(Buffer.from(query)).id ?? 0;
				return aborted
					? { kind: "timeout" }
					: reply(AA, [RECORD])({ transport: "udp", id, edns: true, payload: 0 });
			},
		},
		clock: {
			...CLOCK,
			deadline: (ms) => {
				deadlines.push(ms);
				return AbortSignal.abort();
			},
		},
		random: { bytes: () => new Uint8Array(2), id: () => "" },
		systemServers: async () => [],
	});
	expect(await resolver.ask(SERVER, QUESTION, NEVER)).toEqual({ kind: "timeout" });
	expect(deadlines).toEqual([3_000, 3_000]);
});

test("an answer with another id is none", async () => {
	const { answer } = await askOver([
		({ id }) => reply(AA, [RECORD])({ transport: "udp", id: id + 1, edns: true, payload: 0 }),
	]);
	expect(answer).toMatchObject({ kind: "malformed" });
});

test("nothing is sent for an ended signal, an impossible name, or a URL", async () => {
	expect(await askOver([reply(AA)], AbortSignal.abort())).toEqual({
		answer: { kind: "timeout" },
		queries: [],
	});
	const resolver = createWireResolver({
		wire: { exchange: async () => ({ kind: "timeout" }) },
		clock: CLOCK,
		random: { bytes: () => new Uint8Array(2), id: () => "" },
		systemServers: async () => [SERVER],
	});
	expect(await resolver.ask(SERVER, { ...QUESTION, name: "a..b" }, NEVER)).toMatchObject({
		kind: "malformed",
	});
	expect(await resolver.ask({ url: "https://dns.example/dns-query" }, QUESTION, NEVER)).toEqual({
		kind: "malformed",
		why: "not built",
	});
	expect(await resolver.systemResolvers()).toEqual([SERVER]);
});
