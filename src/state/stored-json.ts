/** JSON as it lies on disk; what cannot be read is told with its path and never overwritten. */

import { hash } from "node:crypto";
import { KeyturnError } from "../errors.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export function encodeJson(value: JsonObject): Uint8Array {
	return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

/**
 * A flipped bit can leave a document that reads well and says something else: another year of a last use would end its
 * grace at once. Computed from what is read, so that white space does not count.
 */
export function checksumOf(value: JsonObject): string {
	return hash("sha256", JSON.stringify(value), "hex");
}

export function decodeJson(path: string, bytes: Uint8Array): JsonObject {
	if (isDeep(bytes)) throw corrupt(path, `expected JSON nested at most ${LIMIT_DEPTH} deep`);
	const value = parse(path, bytes);
	if (typeof value !== "object" || value === null || Array.isArray(value)) {
		throw corrupt(path, "expected a JSON object");
	}
	return value as JsonObject;
}

export function corrupt(path: string, expected: string): KeyturnError {
	return new KeyturnError("state.corrupt", `${path}: ${expected}, got something else`, {
		hint: "restore it from a backup; of a domain or of the host it is kept aside by the next tick, and begun anew",
	});
}

/** What we write is six deep. Whatever walks through thousands of lists in lists ends with its own stack. */
const LIMIT_DEPTH = 64;
const QUOTE = 0x22;
const OPENING_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSING_LIST = 0x5d;
const OPENING_OBJECT = 0x7b;
const CLOSING_OBJECT = 0x7d;

function isDeep(bytes: Uint8Array): boolean {
	let depth = 0;
	for (let at = 0; at < bytes.length && depth <= LIMIT_DEPTH; at++) {
		const byte = bytes[at];
		if (byte === QUOTE) at = endOfText(bytes, at);
		else if (byte === OPENING_LIST || byte === OPENING_OBJECT) depth++;
		else if (byte === CLOSING_LIST || byte === CLOSING_OBJECT) depth--;
	}
	return depth > LIMIT_DEPTH;
}

/** Where the quotation mark stands that ends the text begun at `start`. Most bytes of a document are text. */
function endOfText(bytes: Uint8Array, start: number): number {
	for (let at = start + 1; at < bytes.length; at++) {
		const byte = bytes[at];
		if (byte === QUOTE) return at;
		if (byte === BACKSLASH) at++;
	}
	return bytes.length;
}

function parse(path: string, bytes: Uint8Array): unknown {
	try {
		return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
	} catch {
		throw corrupt(path, `expected JSON (the file has ${bytes.length} bytes)`);
	}
}
