import { expect, test } from "vitest";
import type { DoorRequest } from "../../src/ports/door.ts";
import { readAnswer } from "../../src/system/door-answer.ts";

const stage: DoorRequest = { act: "stage", id: "a1", changes: [] };
const answer = { act: "stage", id: "a1", messages: [], tableHashes: {} };

test("takes the answer to its own request, and a refusal", () => {
	expect(readAnswer(stage, JSON.stringify(answer))).toEqual(answer);
	const refused = { act: "refused", why: "not_now", domains: [], message: "the host starts", hint: null };
	expect(readAnswer(stage, `${JSON.stringify(refused)}\n`)).toEqual(refused);
	const commit: DoorRequest = { act: "commit", id: "a1", tableHashes: {}, evidence: [] };
	const done = { act: "commit", result: { id: "a1", outcome: "done" } };
	expect(readAnswer(commit, JSON.stringify(done))).toEqual(done);
	expect(() => readAnswer(commit, JSON.stringify({ ...done, result: { id: "b2" } }))).toThrow("id b2");
});

test.each([
	["cut short", '{"act":"stage","id":"a1","mess', "door.unreachable"],
	["no JSON", "Segmentation fault", "door.unreachable"],
	["no object", "null", "door.unreachable"],
	["another act", JSON.stringify({ ...answer, act: "inspect" }), "door.protocol"],
	["an act of the future", JSON.stringify({ act: "toString" }), "door.protocol"],
	["no act", "{}", "door.protocol"],
	["another id", JSON.stringify({ ...answer, id: "b2" }), "door.protocol"],
	["a missing list", JSON.stringify({ ...answer, messages: undefined }), "door.protocol"],
	["a list for an object", JSON.stringify({ ...answer, tableHashes: [] }), "door.protocol"],
])("refuses %s", (_, text, code) => {
	expect(() => readAnswer(stage, text)).toThrow(expect.objectContaining({ code }));
});

test("refuses what does not say who else reads keys", () => {
	const inspected = { act: "inspect", at: "", signers: [], results: [], staged: [], otherReaders: [] };
	const inspect: DoorRequest = { act: "inspect", ids: [] };
	expect(readAnswer(inspect, JSON.stringify(inspected))).toEqual(inspected);
	const old = JSON.stringify({ ...inspected, otherReaders: undefined });
	expect(() => readAnswer(inspect, old)).toThrow("no list in its member otherReaders");
});

const pending = { reason: "postfix did not start again", hint: "see its log", services: ["postfix"] };

test("takes what a switch still owes, which an older door does not tell", () => {
	const recover: DoorRequest = { act: "recover", filesOnly: false };
	const commit: DoorRequest = { act: "commit", id: "a1", tableHashes: {}, evidence: [] };
	for (const told of [
		{ act: "recover", results: [], did: [] },
		{ act: "recover", results: [], did: [], pending },
	])
		expect(readAnswer(recover, JSON.stringify(told))).toEqual(told);
	const done = { act: "commit", result: { id: "a1", outcome: "done", owed: ["postfix"] } };
	expect(readAnswer(commit, JSON.stringify(done))).toEqual(done);
});

test.each([
	["no object", "postfix"],
	["null", null],
	["no services", { ...pending, services: undefined }],
	["services that are no texts", { ...pending, services: [{}] }],
	["no hint", { ...pending, hint: null }],
])("refuses what a switch still owes as %s", (_, told) => {
	const text = JSON.stringify({ act: "recover", results: [], did: [], pending: told });
	expect(() => readAnswer({ act: "recover", filesOnly: false }, text)).toThrow("in its member");
});

test("refuses services that are no texts in a result", () => {
	const text = JSON.stringify({ act: "commit", result: { id: "a1", owed: "postfix" } });
	const commit: DoorRequest = { act: "commit", id: "a1", tableHashes: {}, evidence: [] };
	expect(() => readAnswer(commit, text)).toThrow("no texts in its member owed");
});
