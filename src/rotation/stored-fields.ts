/** Reads fields of stored JSON, for every document of the agent; each reader throws with the place, expected and got. */

import { KeyturnError } from "../errors.ts";

export function object(
	stored: unknown,
	at: string,
	fields: readonly string[],
	/** Those that may be missing. */
	others: readonly string[] = [],
): Record<string, unknown> {
	if (typeof stored !== "object" || stored === null || Array.isArray(stored))
		throw expected("an object", stored, at);
	for (const name of Object.keys(stored))
		if (!fields.includes(name) && !others.includes(name))
			throw notUnderstood(`${at === "" ? name : `${at}.${name}`}: unknown field`);
	const found = stored as Record<string, unknown>;
	for (const name of fields)
		if (found[name] === undefined) throw notUnderstood(`${at === "" ? name : `${at}.${name}`}: missing`);
	return found;
}

export function list(stored: unknown, at: string): readonly unknown[] {
	if (!Array.isArray(stored)) throw expected("a list", stored, at);
	return stored;
}

export function text(stored: unknown, at: string): string {
	if (typeof stored !== "string") throw expected("a text", stored, at);
	return stored;
}

export function time(stored: unknown, at: string): string {
	if (typeof stored === "string" && isMoment(stored)) return stored;
	throw expected("a time such as 2026-11-01T03:00:00.000Z", stored, at);
}

export function count(stored: unknown, at: string): number {
	if (typeof stored !== "number" || !Number.isSafeInteger(stored) || stored < 0)
		throw expected("a whole number", stored, at);
	return stored;
}

export function flag(stored: unknown, at: string): boolean {
	if (typeof stored !== "boolean") throw expected("true or false", stored, at);
	return stored;
}

export function oneOf<const Word extends string>(stored: unknown, words: readonly Word[], at: string): Word {
	const word = words.find((candidate) => candidate === stored);
	if (word === undefined) throw expected(words.join(" or "), stored, at);
	return word;
}

export function nullable<Value>(stored: unknown, read: (value: unknown) => Value): Value | null {
	return stored === null ? null : read(stored);
}

const MOMENT = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
/** Every month has so many. */
const SAFE_DAY = "28";

/** As it was written: a day that no month has would end whoever reckons with it. */
function isMoment(text: string): boolean {
	if (!MOMENT.test(text)) return false;
	return text.slice(8, 10) <= SAFE_DAY || new Date(text).toISOString() === text;
}

/** Not `state.corrupt`: the bytes are those that were written, so that the document is kept as it is. */
export function notUnderstood(why: string): KeyturnError {
	return new KeyturnError("state.newer", why, {
		hint: "a newer keyturn wrote it, or somebody edited it: run that one, or restore the file from a backup",
	});
}

function expected(what: string, got: unknown, at: string): KeyturnError {
	return notUnderstood(`${at}: expected ${what}, got ${JSON.stringify(got)?.slice(0, 80)}`);
}
