/** Whatever stands on the door's side of the socket: an answer to this very request, or an error that says what came. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { DoorRequest } from "../../src/ports/door.ts";
import { readAnswer } from "../../src/system/door-answer.ts";
import { fuzzed, PATIENCE } from "../fuzz/fuzzing.ts";
import { mutatedJson, mutatedText } from "../fuzz/mutations.ts";
import { anyText, NEVER_SHOWN } from "../fuzz/nasty-text.ts";

const ID = "0123456789abcdef0123456789abcdef";
const KEY = { signer: "main", domain: "example.com", selector: "202611" };
const REQUESTS: readonly DoorRequest[] = [
	{ act: "inspect", ids: [ID] },
	{ act: "stage", id: ID, changes: [] },
	{ act: "commit", id: ID, tableHashes: { main: "ab" }, evidence: [] },
	{ act: "drop", keys: [KEY], staged: [ID] },
	{ act: "recover", filesOnly: false },
];
const RESULT = { id: ID, outcome: "done", at: "2026-11-22T12:00:00.000Z", pauseMs: 21, reason: null };
const ANSWERS: readonly Readonly<Record<string, unknown>>[] = [
	{
		act: "inspect",
		at: RESULT.at,
		signers: [{ signer: "main", lines: [] }],
		results: [RESULT],
		staged: [ID],
	},
	{ act: "stage", id: ID, messages: [{ ...KEY, message: "DKIM-Signature: " }], tableHashes: { main: "ab" } },
	{ act: "commit", result: { ...RESULT, owed: ["postfix"] } },
	{ act: "drop", keys: [KEY] },
	{
		act: "recover",
		results: [RESULT],
		did: ["started main"],
		pending: { reason: "postfix did not start", hint: "see its log", services: ["postfix"] },
	},
	{ act: "refused", why: "not_now", message: "the host is starting", domains: ["example.com"], hint: null },
];

const sent = fc.oneof(
	mutatedJson(ANSWERS).map((value) => JSON.stringify(value) ?? ""),
	mutatedText(ANSWERS.map((answer) => JSON.stringify(answer))),
	anyText.map((text) => JSON.stringify({ ...ANSWERS[0], act: text })),
	anyText.map((text) => JSON.stringify({ ...ANSWERS[1], id: text })),
	anyText,
	fc.json(),
);

test("what is taken answers the request, and what is not is told", PATIENCE, () => {
	const seen = { taken: 0, refused: 0 };
	fc.assert(
		fc.property(fc.constantFrom(...REQUESTS), sent, (request, text) => {
			if (reads(request, text)) seen.taken += 1;
			else seen.refused += 1;
		}),
		fuzzed(1000),
	);
	expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(0);
});

test.each([
	["lists", "[".repeat(1_000_000)],
	["objects", '{"act":'.repeat(300_000)],
	["closed lists in a member", `{"act":"inspect","signers":${"[".repeat(200_000)}${"]".repeat(200_000)}}`],
	["digits", `{"act":"inspect","at":${"9".repeat(5_000_000)}}`],
	["characters", `{"act":"${"\u001b".repeat(5_000_000)}"}`],
])("endlessly many %s are refused", PATIENCE, (_, text) => {
	for (const request of REQUESTS) expect(reads(request, text)).toBe(false);
});

/** Whether it was taken. */
function reads(request: DoorRequest, text: string): boolean {
	try {
		const answer = readAnswer(request, text) as unknown as Readonly<Record<string, unknown>>;
		expect([request.act, "refused"]).toContain(answer["act"]);
		if (answer["act"] === "stage") expect(answer["id"]).toBe(ID);
		const right = ANSWERS.find(({ act }) => act === answer["act"]) ?? {};
		for (const [name, value] of Object.entries(right))
			if (Array.isArray(value)) expect(answer[name]).toBeInstanceOf(Array);
		return true;
	} catch (thrown) {
		if (!(thrown instanceof KeyturnError)) throw thrown;
		expect(["door.unreachable", "door.protocol"]).toContain(thrown.code);
		// It is a line of the log, and of an alert.
		expect(thrown.message).toMatch(/^the door: \S/);
		expect(thrown.message).not.toMatch(NEVER_SHOWN);
		expect(thrown.message.length).toBeLessThan(1000);
		return false;
	}
}
