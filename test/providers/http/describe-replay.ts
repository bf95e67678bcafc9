/**
 * Fakes are checked against what the real interfaces answered: each recorded exchange is sent to the fake, and its answers
 * must have the recorded status, no field that the real one has not, and the records in the recorded form. The recordings
 * lie beside the checkout; without them these tests are left out, which `npm test` says.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { areRecordingsThere, RECORDINGS } from "../../run/recordings.ts";
import type { Fake, FakeAnswer, FakeRequest } from "./fake-server.ts";
import { ZoneStore } from "./zone-store.ts";

export interface Recorded {
	readonly request: { readonly method: string; readonly uri: string; readonly body: string | null };
	readonly response: { readonly status: number; readonly body: string | null };
}

export interface Replay {
	/** Of the recordings. */
	readonly folder: string;
	/** Puts into the store what the account had before: the zone, and what was left there. */
	readonly prepare: (store: ZoneStore, recorded: readonly Recorded[]) => void;
	readonly fake: (store: ZoneStore) => Fake;
	/** The credential, which the recordings do not have; names in lower case. */
	readonly headers: Readonly<Record<string, string>>;
	/** Content as fields, where it is no JSON. */
	readonly read?: (body: string) => unknown;
	/** Recordings that are left out, each with its reason. */
	readonly leftOut?: Readonly<Record<string, string>>;
	/** What was sent, where the recording has left something out of it. */
	readonly body?: (request: Recorded["request"], index: number, interactions: readonly Recorded[]) => string;
}

export function describeReplay(replay: Replay): void {
	if (!areRecordingsThere()) return;
	const names = readdirSync(join(RECORDINGS, replay.folder))
		.filter((name) => name.endsWith(".json"))
		.map((name) => name.slice(0, -".json".length))
		.filter((name) => !Object.hasOwn(replay.leftOut ?? {}, name));
	describe(`the fake of ${replay.folder} answers as the real one did`, () => {
		test("there are recordings", () => {
			expect(names.length).toBeGreaterThan(5);
		});
		test.each(names)("%s", async (name) => {
			const text = readFileSync(join(RECORDINGS, replay.folder, `${name}.json`), "utf8");
			const { interactions } = JSON.parse(text) as { readonly interactions: readonly Recorded[] };
			expect(interactions.length).toBeGreaterThan(0);
			const store = new ZoneStore();
			replay.prepare(store, interactions);
			await play(replay, replay.fake(store), interactions);
		});
	});
}

async function play(replay: Replay, fake: Fake, interactions: readonly Recorded[]): Promise<void> {
	const read = replay.read ?? parseJson;
	/** The fake's ids for the recorded ones. */
	const ids = new Map<string, string>();
	for (const [index, { request, response }] of interactions.entries()) {
		const body = (replay.body ?? ((one) => one.body ?? ""))(request, index, interactions);
		const answer = await fake(requestOf({ ...request, body }, ids, replay.headers));
		const what = `${index + 1}: ${request.method} ${request.uri} ${body}`;
		expect(answer.status, `${what}: ${JSON.stringify(answer.body)}`).toBe(response.status);
		const recorded = read(response.body ?? "");
		const got = read(textOf(answer));
		learnIds(recorded, got, ids);
		expect(missing(shapeOf(got), shapeOf(recorded)), `${what}: fields that the real one has not`).toEqual([]);
		expect(tokensIn(got), `${what}: the records' form`).toEqual(tokensIn(recorded));
	}
}

function requestOf(
	{ method, uri, body }: Recorded["request"],
	ids: ReadonlyMap<string, string>,
	headers: Readonly<Record<string, string>>,
): FakeRequest {
	const url = new URL(translated(uri, ids));
	return {
		method,
		path: decodeURIComponent(url.pathname),
		query: url.searchParams,
		headers,
		body: translated(body ?? "", ids),
	};
}

function translated(text: string, ids: ReadonlyMap<string, string>): string {
	let left = text;
	for (const [recorded, own] of ids) left = left.replaceAll(recorded, own);
	return left;
}

/** Two answers to one request: where both have an id at the same place, it is the same record's; a list of numbers is one of ids. */
function learnIds(recorded: unknown, got: unknown, ids: Map<string, string>): void {
	if (Array.isArray(recorded) && Array.isArray(got)) {
		for (const [index, one] of recorded.entries()) {
			const own: unknown = got[index];
			if (typeof one === "number" && typeof own === "number") ids.set(String(one), String(own));
			else learnIds(one, own, ids);
		}
	} else if (isFields(recorded) && isFields(got)) {
		for (const [name, value] of Object.entries(recorded)) {
			const own = got[name];
			if (/id$/i.test(name) && isId(value) && isId(own)) ids.set(String(value), String(own));
			else learnIds(value, own, ids);
		}
	}
}

function isId(value: unknown): value is string | number {
	return (typeof value === "string" && value.length > 3) || (typeof value === "number" && value > 999);
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Every path to a field, lists taken as one, with the kind of a value that is there. */
function shapeOf(value: unknown, at = ""): readonly string[] {
	if (Array.isArray(value)) return [`${at}[]`, ...new Set(value.flatMap((one) => shapeOf(one, `${at}[]`)))];
	if (isFields(value))
		return [`${at}{}`, ...Object.entries(value).flatMap(([name, one]) => shapeOf(one, `${at}.${name}`))];
	return value === null || value === undefined ? [] : [`${at}: ${typeof value}`];
}

function missing(shape: readonly string[], recorded: readonly string[]): readonly string[] {
	return [...new Set(shape)].filter((path) => !recorded.includes(path));
}

/** The values that the recordings wrote, with the quotes around them. */
function tokensIn(content: unknown): readonly string[] {
	const text = JSON.stringify(content) ?? "";
	return [...new Set(text.match(/(?:\\*")*(?:challengetoken|ttlshouldbe)\w*(?:\\*")*/g))].toSorted();
}

function textOf({ body }: FakeAnswer): string {
	return typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body);
}

function parseJson(body: string): unknown {
	try {
		return JSON.parse(body);
	} catch {
		return body;
	}
}
