/** Carries changes to the server: several in one message where that works, each alone where one of them does not. */

import { encodeUpdate } from "../../src/dns/dns-wire/update.ts";
import { asKeyturnError } from "../../src/errors.ts";
import type { ChangeResult, ZoneChange } from "../../src/ports/dns-provider.ts";
import type { Conversation, Reply } from "./conversation.ts";
import { type Decision, decide, NOTHING_HELD } from "./decide.ts";
import type { ZoneReader } from "./zone-reader.ts";

/** Below the 65,535 octets of a TCP message, with room for the TSIG record. */
const MESSAGE_OCTETS = 64_000;
/** How often somebody else may change a name between our look and our update. */
const ROUNDS = 3;
/** A message of several fails as a whole with these, though the cause may be one of its changes. */
const MAYBE_ONE = new Set([
	"YXRRSET",
	"NXRRSET",
	"YXDOMAIN",
	"NXDOMAIN",
	"NOTZONE",
	"REFUSED",
	"BADKEY",
	"FORMERR",
]);
const PREREQUISITE = new Set(["YXRRSET", "NXRRSET", "YXDOMAIN", "NXDOMAIN"]);

export interface ZoneWriter {
	/** One result per change, in order; never fails. */
	write(zone: string, changes: readonly ZoneChange[], signal: AbortSignal): Promise<readonly ChangeResult[]>;
}

type Write = Extract<Decision, { kind: "write" }>;
interface Planned {
	readonly index: number;
	readonly change: ZoneChange;
	readonly write: Write;
}

export function createZoneWriter(options: {
	readonly reader: ZoneReader;
	readonly conversation: Conversation;
	readonly batch: number;
}): ZoneWriter {
	const { reader, conversation, batch } = options;

	async function send(zone: string, writes: readonly Write[], signal: AbortSignal): Promise<Reply> {
		const prerequisites = writes.flatMap((write) => write.prerequisites);
		const updates = writes.flatMap((write) => write.updates);
		return conversation.ask((id) => encodeUpdate({ id, zone, prerequisites, updates }), zone, signal);
	}

	/** Looks, decides and writes, again while somebody else changes the name in between. */
	async function settle(zone: string, change: ZoneChange, signal: AbortSignal): Promise<ChangeResult> {
		for (let round = 1; round <= ROUNDS; round++) {
			const decision = await lookAndDecide(zone, change, signal);
			if (decision.kind === "settled") return decision.result;
			const reply = await send(zone, [decision], signal);
			if (reply.kind !== "refused" || !PREREQUISITE.has(reply.refusal.code)) return resultOf(reply);
		}
		const why = `${change.name} was changed by somebody else each of the ${ROUNDS} times that we tried`;
		return { kind: "refused", denied: false, why, hint: null };
	}

	async function lookAndDecide(zone: string, change: ZoneChange, signal: AbortSignal): Promise<Decision> {
		try {
			return decide(change, await reader.held(zone, change.name, signal));
		} catch (thrown) {
			const error = asKeyturnError(thrown);
			if (error.code === "bug") throw thrown;
			const { message: why, hint } = error;
			return {
				kind: "settled",
				result: { kind: "refused", denied: error.code === "provider.denied", why, hint },
			};
		}
	}

	return {
		async write(zone, changes, signal) {
			const results = new Map<number, ChangeResult>();
			const planned: Planned[] = [];
			for (const [index, change] of changes.entries()) {
				// For an addition the prerequisites ask the question in the same message.
				const decision =
					change.kind === "add" ? decide(change, NOTHING_HELD) : await lookAndDecide(zone, change, signal);
				if (decision.kind === "settled") results.set(index, decision.result);
				else planned.push({ index, change, write: decision });
			}
			for (const message of intoMessages(planned, batch)) {
				const writes = message.map((item) => item.write);
				const reply = await send(zone, writes, signal);
				const alone = reply.kind === "refused" && isOnesTrouble(reply.refusal.code, message.length);
				for (const { index, change } of message)
					results.set(index, alone ? await settle(zone, change, signal) : resultOf(reply));
			}
			return changes.map((_, index) => results.get(index) ?? { kind: "unknown", why: "it was not asked" });
		},
	};
}

function isOnesTrouble(code: string, changes: number): boolean {
	return PREREQUISITE.has(code) || (changes > 1 && MAYBE_ONE.has(code));
}

/** No name twice in a message, since all its prerequisites are checked before its first update; order is kept per name. */
function intoMessages(planned: readonly Planned[], batch: number): readonly (readonly Planned[])[] {
	const messages: { items: Planned[]; names: Set<string>; octets: number }[] = [];
	for (const item of planned) {
		const octets = roughOctets(item);
		const last = messages.at(-1);
		const fits =
			last !== undefined &&
			last.items.length < batch &&
			!last.names.has(item.change.name) &&
			last.octets + octets <= MESSAGE_OCTETS;
		if (fits) {
			last.items.push(item);
			last.names.add(item.change.name);
			last.octets += octets;
		} else messages.push({ items: [item], names: new Set([item.change.name]), octets });
	}
	return messages.map((message) => message.items);
}

function roughOctets({ write }: Planned): number {
	const data = [
		...write.prerequisites.flatMap((one) => (one.kind === "equals" ? one.data : [new Uint8Array()])),
		...write.updates.map((update) => update.data),
	];
	return data.reduce((sum, octets) => sum + octets.length + 270, 0);
}

function resultOf(reply: Reply): ChangeResult {
	switch (reply.kind) {
		case "answer":
			return { kind: "done" };
		case "nothing":
			return { kind: "unknown", why: reply.why };
		case "refused": {
			const { denied, why, hint } = reply.refusal;
			return { kind: "refused", denied, why, hint };
		}
	}
}
