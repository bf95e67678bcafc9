/** Which key files are the door's own, and which keys of others it has replaced. */

import type { SwapContext } from "./context.ts";
import type { PlacedFile } from "./keys.ts";
import { type Document, readDocument, writeDocument } from "./document.ts";
import { flag, listOf, objectOf, orNull, text, word } from "./shape.ts";

export interface LedgerKey {
	readonly signer: string;
	readonly domain: string;
	readonly selector: string;
	readonly path: string;
	/** "made": placed by the door, under the id of a switch. "found": in use before ours; never deleted. */
	readonly origin: "made" | "found";
	readonly id: string;
	/** SHA-256 of the file that was placed; null for a found one. */
	readonly hash: string | null;
	/** Whether a live table may have named it. */
	readonly wasLive: boolean;
}

interface LedgerDocument extends Document {
	readonly keys: readonly LedgerKey[];
}

export async function readLedger(context: SwapContext): Promise<readonly LedgerKey[]> {
	return (await readDocument<LedgerDocument>(context.disk, path(context), LEDGER))?.keys ?? [];
}

export async function writeLedger(context: SwapContext, keys: readonly LedgerKey[]): Promise<void> {
	await writeDocument(context.disk, path(context), { schema: 1, keys } as LedgerDocument);
}

/** The ledger with these entries in place of the older ones of the same key and path. */
export function enter(ledger: readonly LedgerKey[], keys: readonly LedgerKey[]): readonly LedgerKey[] {
	const name = (key: LedgerKey) => JSON.stringify([key.signer, key.domain, key.selector, key.path]);
	const names = new Set(keys.map(name));
	return [...ledger.filter((key) => !names.has(name(key))), ...keys];
}

/** What is to be removed of a key. */
export function placedFile({ signers }: SwapContext, { signer, path, hash }: LedgerKey): PlacedFile {
	return { path, hash: hash ?? "", mayBeBare: signers.get(signer)?.signer.keyFile !== undefined };
}

export function isSameKey(
	key: { readonly signer: string; readonly domain: string; readonly selector: string },
	other: { readonly signer: string; readonly domain: string; readonly selector: string },
): boolean {
	return key.signer === other.signer && key.domain === other.domain && key.selector === other.selector;
}

/** Where a name of a ring came again, the key that was placed under it, not the one that was found there. */
export function entryOf(
	ledger: readonly LedgerKey[],
	key: { readonly signer: string; readonly domain: string; readonly selector: string },
): LedgerKey | undefined {
	const own = ledger.filter((known) => isSameKey(known, key));
	return own.find(({ origin }) => origin === "made") ?? own[0];
}

const LEDGER = objectOf({
	keys: listOf(
		objectOf({
			signer: text,
			domain: text,
			selector: text,
			path: text,
			origin: word("made", "found"),
			id: text,
			hash: orNull(text),
			wasLive: flag,
		}),
	),
});

function path(context: SwapContext): string {
	return `${context.directory}/ledger.json`;
}
