/** Asks one server one question over the wire: UDP first, TCP when truncated, without EDNS for servers that know none. */

import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { Answer, Question, Resolver, Server } from "../ports/resolver.ts";
import type { Wire } from "../ports/wire.ts";
import { withDeadline } from "./deadline.ts";
import { decodeAnswer } from "./dns-wire/answer.ts";
import { encodeQuery } from "./dns-wire/query.ts";

const TRY_MS = 3_000;
const TRIES = 2;
/** RFC 1035 section 4.2.1. A firewall that knows of no EDNS drops what is longer: asked so, the server refers to TCP. */
const LEAST_PAYLOAD = 512;

export interface WireResolverOptions {
	readonly wire: Wire;
	readonly random: Random;
	readonly clock: Clock;
	readonly systemServers: () => Promise<readonly Server[]>;
}

interface Place {
	readonly address: string;
	readonly port: number;
}

interface Attempt {
	readonly transport: "udp" | "tcp";
	readonly edns: boolean;
	readonly payloadOctets?: number;
}

export function createWireResolver({ wire, random, clock, systemServers }: WireResolverOptions): Resolver {
	async function askOnce(
		place: Place,
		question: Question,
		attempt: Attempt,
		signal: AbortSignal,
	): Promise<Answer> {
		const [high = 0, low = 0] = random.bytes(2);
		const id = high * 256 + low;
		const query = encodeQuery(question, { id, ...attempt });
		if (query === null)
			return { kind: "malformed", why: `"${question.name.slice(0, 80)}" is no name to ask for` };
		const target = { address: place.address, port: place.port, transport: attempt.transport };
		const outcome = await withDeadline(clock, TRY_MS, signal, (deadline) =>
			wire.exchange(target, query, deadline),
		);
		if (outcome.kind !== "bytes") return outcome;
		return decodeAnswer(outcome.bytes, { id, question, transport: attempt.transport });
	}

	async function askTwice(
		place: Place,
		question: Question,
		attempt: Attempt,
		signal: AbortSignal,
	): Promise<Answer> {
		let answer: Answer = { kind: "timeout" };
		for (let count = 0; count < TRIES && answer.kind === "timeout" && !signal.aborted; count++) {
			const again = count > 0 && attempt.transport === "udp" ? { payloadOctets: LEAST_PAYLOAD } : {};
			answer = await askOnce(place, question, { ...attempt, ...again }, signal);
		}
		return answer;
	}

	async function askBoth(
		place: Place,
		question: Question,
		edns: boolean,
		signal: AbortSignal,
	): Promise<Answer> {
		const answer = await askTwice(place, question, { transport: "udp", edns }, signal);
		if (answer.kind !== "truncated") return answer;
		const whole = await askTwice(place, question, { transport: "tcp", edns }, signal);
		return whole.kind === "timeout" || whole.kind === "unreachable" ? { kind: "truncated" } : whole;
	}

	return {
		async ask(server, question, signal) {
			if ("url" in server) return { kind: "malformed", why: "not built" };
			const answer = await askBoth(server, question, true, signal);
			return knowsNoEdns(answer) ? askBoth(server, question, false, signal) : answer;
		},
		systemResolvers: systemServers,
	};
}

function knowsNoEdns(answer: Answer): boolean {
	return answer.kind === "rcode" && ["FORMERR", "NOTIMP", "BADVERS"].includes(answer.rcode);
}
