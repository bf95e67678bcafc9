/** One signed message to the zone's server over TCP, and what its answer is worth. */

import { readServerMessage, type ServerMessage } from "../../src/dns/dns-wire/server-message.ts";
import { signMessage, type TsigKey, verifyAnswer } from "../../src/dns/dns-wire/tsig.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Random } from "../../src/ports/random.ts";
import type { Wire } from "../../src/ports/wire.ts";
import { type Asked, type Refusal, refusalOfRcode, refusalOfTsig } from "./refusal.ts";

/** Long enough for a server that signs the zone again before it answers. */
const ANSWER_MS = 10_000;

export type Reply =
	/** NOERROR or NXDOMAIN, signed by the holder of our key. */
	| { readonly kind: "answer"; readonly message: ServerMessage }
	| { readonly kind: "refused"; readonly refusal: Refusal }
	/** Nothing that can be believed came back: a write may or may not have been done. */
	| { readonly kind: "nothing"; readonly why: string };

export interface Conversation {
	/** `write` makes the message for an id; `zone` is for the words. Never fails. */
	ask(write: (id: number) => Uint8Array, zone: string | null, signal: AbortSignal): Promise<Reply>;
}

export function createConversation(options: {
	readonly server: string;
	readonly target: { readonly address: string; readonly port: number };
	readonly key: TsigKey;
	readonly wire: Wire;
	readonly clock: Clock;
	readonly random: Random;
}): Conversation {
	const { server, target, key, wire, clock, random } = options;
	return {
		async ask(write, zone, signal) {
			const [high = 0, low = 0] = random.bytes(2);
			const id = high * 256 + low;
			const signed = signMessage(write(id), key, seconds(clock.now()));
			const outcome = await wire.exchange(
				{ ...target, transport: "tcp" },
				signed.bytes,
				clock.deadline(ANSWER_MS, signal),
			);
			if (outcome.kind === "timeout") return nothing(`${server} did not answer in time`);
			if (outcome.kind === "unreachable") return nothing(`${server} cannot be reached: ${outcome.why}`);
			const asked = { server, key: key.name, zone, now: clock.now() };
			return judge(outcome.bytes, id, { asked, key, mac: signed.mac });
		},
	};
}

/** As an error, for what has no other way to say it. */
export function replyError(provider: string, reply: Exclude<Reply, { kind: "answer" }>): KeyturnError {
	if (reply.kind === "nothing")
		return new KeyturnError("provider.unreachable", `${provider}: ${reply.why}`, {
			retry: true,
			hint: "check that the server runs, listens there on TCP, and that no firewall stands between",
		});
	const { refusal } = reply;
	return new KeyturnError(refusal.errorCode, `${provider}: ${refusal.why}`, {
		retry: refusal.retry,
		...(refusal.hint === null ? {} : { hint: refusal.hint }),
	});
}

function judge(
	bytes: Uint8Array,
	id: number,
	sent: { readonly asked: Asked; readonly key: TsigKey; readonly mac: Uint8Array },
): Reply {
	const { asked, key, mac } = sent;
	const message = readServerMessage(bytes);
	if (message === null || !message.isAnswer || message.id !== id)
		return nothing(`${asked.server} sent what is no answer to our message`);
	const verdict = verifyAnswer(bytes, key, mac, seconds(asked.now));
	switch (verdict.kind) {
		case "forged":
			return nothing(`the answer in the name of ${asked.server} is not to be believed: ${verdict.why}`);
		case "error":
			return { kind: "refused", refusal: refusalOfTsig(verdict.error, asked) };
		case "unsigned":
			if (message.rcode === 0 || message.rcode === 3)
				return nothing(`${asked.server} answered without signing, so nobody knows who it was`);
			return { kind: "refused", refusal: refusalOfRcode(message.rcode, asked) };
		case "signed":
			if (message.truncated) return nothing(`the answer of ${asked.server} is cut short`);
			if (message.rcode === 0 || (message.rcode === 3 && message.opcode === 0))
				return { kind: "answer", message };
			return { kind: "refused", refusal: refusalOfRcode(message.rcode, asked) };
	}
}

function nothing(why: string): Reply {
	return { kind: "nothing", why };
}

function seconds(at: Date): number {
	return Math.floor(at.getTime() / 1000);
}
