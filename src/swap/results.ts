/** How switches ended, kept under their ids, and what the last one left. */

import { KeyturnError } from "../errors.ts";
import type { SwitchResult } from "../ports/door.ts";
import type { SwapContext } from "./context.ts";
import { type Document, readDocument, writeDocument } from "./document.ts";
import { count, flag, listOf, objectOf, orNull, recordOf, type Shape, text, word } from "./shape.ts";

interface ResultDocument extends Document {
	readonly result: SwitchResult;
}

interface LeftDocument extends Document {
	/** SHA-256 of each table file as the last switch left it, by path. */
	readonly files: Readonly<Record<string, string>>;
	/** When a switch last stopped a signer; null if never. */
	readonly pausedAt: string | null;
}

const RESULT: Shape = objectOf({
	result: objectOf(
		{
			id: text,
			outcome: word("done", "undone", "rolled_back", "conflict"),
			at: text,
			keys: listOf(
				objectOf({
					signer: text,
					domain: text,
					from: orNull(text),
					selector: orNull(text),
					outcome: word("done", "rolled_back"),
					reason: orNull(text),
				}),
			),
			oldProcessGone: flag,
			reason: orNull(text),
			pauseMs: orNull(count),
		},
		{ owed: listOf(text) },
	),
});
const LEFT: Shape = objectOf({ files: recordOf(text), pausedAt: orNull(text) });

export async function readResult(context: SwapContext, id: string): Promise<SwitchResult | null> {
	const path = `${context.directory}/results/${safeId(id)}.json`;
	return (await readDocument<ResultDocument>(context.disk, path, RESULT))?.result ?? null;
}

export async function writeResult(context: SwapContext, result: SwitchResult): Promise<void> {
	const path = `${context.directory}/results/${safeId(result.id)}.json`;
	await writeDocument(context.disk, path, { schema: 1, result } as ResultDocument);
}

export async function readLeft(context: SwapContext): Promise<Omit<LeftDocument, "schema">> {
	const left = await readDocument<LeftDocument>(context.disk, leftPath(context), LEFT);
	return left ?? { files: {}, pausedAt: null };
}

/** Adds to what was left before: every switch touches only some files. */
export async function writeLeft(
	context: SwapContext,
	left: { readonly files: Readonly<Record<string, string>>; readonly pausedAt: string | null },
): Promise<void> {
	const before = await readLeft(context);
	await writeDocument(context.disk, leftPath(context), {
		schema: 1,
		files: { ...before.files, ...left.files },
		pausedAt: left.pausedAt ?? before.pausedAt,
	} as LeftDocument);
}

export function isId(text: string): boolean {
	return /^[0-9a-z][0-9a-z-]{0,63}$/.test(text);
}

/** An id becomes part of a path. */
export function safeId(id: string): string {
	if (isId(id)) return id;
	throw new KeyturnError("door.protocol", `${JSON.stringify(id.slice(0, 40))}: no id of a switch`);
}

function leftPath(context: SwapContext): string {
	return `${context.directory}/left.json`;
}
