/** Takes the door's answer for what it is: one JSON object, to the very request that was made. */

import { excerpt } from "../dkim/foreign-text.ts";
import { KeyturnError } from "../errors.ts";
import type { DoorAnswer, DoorRequest } from "../ports/door.ts";

type Shape = Readonly<Record<string, "list" | "object" | "text" | "texts">>;

/** The members that whoever reads an answer walks through. */
const SHAPES: Readonly<Record<DoorAnswer["act"], Shape>> = {
	inspect: { at: "text", signers: "list", results: "list", staged: "list", otherReaders: "list" },
	stage: { id: "text", messages: "list", tableHashes: "object" },
	commit: { result: "object" },
	drop: { keys: "list" },
	recover: { results: "list", did: "list" },
	refused: { why: "text", message: "text", domains: "list" },
};
/** What an older door does not tell. */
const PENDING: Shape = { reason: "text", hint: "text", services: "texts" };
const OWED: Shape = { owed: "texts" };

/** Fails with `door.unreachable` if the answer was cut short, with `door.protocol` if it answers something else. */
export function readAnswer(request: DoorRequest, text: string): DoorAnswer {
	const answer = parse(text);
	const act = [request.act, "refused" as const].find((each) => each === answer["act"]);
	if (act === undefined) throw protocol(request, `an answer to ${describe(answer["act"])}`);
	requireMembers(request, answer, SHAPES[act]);
	if (answer["pending"] !== undefined) requireMembers(request, membersOf(answer["pending"]), PENDING);
	const result = act === "commit" ? membersOf(answer["result"]) : {};
	if (result["owed"] !== undefined) requireMembers(request, result, OWED);
	const id = idOf(answer);
	if ("id" in request && id !== null && id !== request.id)
		throw protocol(request, `an answer for id ${describe(id)}`);
	return answer as unknown as DoorAnswer;
}

export function unreachable(why: string): KeyturnError {
	return new KeyturnError("door.unreachable", `the door: ${why}`, {
		hint: "see journalctl -u 'keyturn-apply*'; `systemctl status keyturn-apply.socket` says whether it listens",
		retry: true,
	});
}

/** Of the socket by which alone anybody but root reaches it. */
export function notListening(socketPath: string): KeyturnError {
	return new KeyturnError("door.unreachable", `the door: nobody listens at ${socketPath}`, {
		hint: "systemctl enable --now keyturn-apply.socket",
		retry: true,
	});
}

function parse(text: string): Readonly<Record<string, unknown>> {
	try {
		const value: unknown = JSON.parse(text);
		if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
	} catch {
		// Told below.
	}
	throw unreachable(`expected an answer in JSON, got ${text.length} characters that are none`);
}

function requireMembers(request: DoorRequest, given: Readonly<Record<string, unknown>>, shape: Shape): void {
	for (const [name, kind] of Object.entries(shape)) {
		if (!is(kind, given[name])) throw protocol(request, `no ${kind} in its member ${name}`);
	}
}

/** None of what is no object. */
function membersOf(value: unknown): Readonly<Record<string, unknown>> {
	return is("object", value) ? (value as Readonly<Record<string, unknown>>) : {};
}

function is(kind: Shape[string], value: unknown): boolean {
	if (kind === "text") return typeof value === "string";
	if (kind === "list") return Array.isArray(value);
	if (kind === "texts") return Array.isArray(value) && value.every((one) => is("text", one));
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function idOf(answer: Readonly<Record<string, unknown>>): unknown {
	if (answer["act"] === "stage") return answer["id"];
	return answer["act"] === "commit" ? (answer["result"] as { readonly id?: unknown }).id : null;
}

function describe(value: unknown): string {
	return typeof value === "string" ? excerpt(value, 64) : typeof value;
}

function protocol(request: DoorRequest, got: string): KeyturnError {
	return new KeyturnError("door.protocol", `the door: expected an answer to ${request.act}, got ${got}`, {
		hint: "agent and door may be of different versions: restart keyturn.service after an upgrade",
	});
}
