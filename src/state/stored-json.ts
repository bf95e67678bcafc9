/** JSON as it lies on disk; what cannot be read is told with its path and never overwritten. */

import { createHash } from "node:crypto";
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
	return createHash("sha256").update(JSON.stringify(value)).digest("hex");
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
		hint: "mend it or restore it from a backup; keyturn does not touch it until then",
	});
}

/** What we write is six deep. Whatever walks through thousands of lists in lists ends with its own stack. */
const LIMIT_DEPTH = 64;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function isDeep(bytes: Uint8Array): boolean {
	let depth = 0;
	let isText = false;
	for (let at = 0; at < bytes.length && depth <= LIMIT_DEPTH; at++) {
		const byte = bytes[at] ?? 0;
		if (byte === QUOTE) isText = !isText;
		else if (isText) at += byte === BACKSLASH ? 1 : 0;
		else if (OPENING.has(byte)) depth++;
		else if (CLOSING.has(byte)) depth--;
	}
	return depth > LIMIT_DEPTH;
}

function parse(path: string, bytes: Uint8Array): unknown {
	try {
		return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
	} catch {
		throw corrupt(path, `expected JSON (the file has ${bytes.length} bytes)`);
	}
}
