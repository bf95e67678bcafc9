/** What was staged under an id and waits for its commit; no key material is in it. */

import { asKeyturnError } from "../errors.ts";
import type { SwapContext } from "./context.ts";
import { type Document, readDocument, removeDocument, writeDocument } from "./document.ts";
import { removeKey } from "./keys.ts";
import { type LedgerKey, placedFile, readLedger, writeLedger } from "./ledger.ts";
import { isId, readResult, safeId } from "./results.ts";
import { flag, listOf, objectOf, orNull, text } from "./shape.ts";
import { directoryOf, isTemporary, syncIfThere } from "../durable.ts";

export interface StagedChange {
	readonly domain: string;
	readonly from: string | null;
	readonly to: { readonly selector: string; readonly record: string; readonly keyPath: string } | null;
}

export interface StagedSigner {
	readonly signer: string;
	readonly tableHash: string;
	readonly changes: readonly StagedChange[];
	readonly files: readonly { readonly path: string; readonly hashAfter: string }[];
}

export interface StagedSwitch extends Document {
	readonly id: string;
	/** False until every key is placed and every message was signed. */
	readonly isComplete: boolean;
	readonly signers: readonly StagedSigner[];
	/** Files that stand beside the live tables while messages are signed offline. */
	readonly scratch: readonly string[];
}

const STAGED = objectOf({
	id: text,
	isComplete: flag,
	signers: listOf(
		objectOf({
			signer: text,
			tableHash: text,
			changes: listOf(
				objectOf({
					domain: text,
					from: orNull(text),
					to: orNull(objectOf({ selector: text, record: text, keyPath: text })),
				}),
			),
			files: listOf(objectOf({ path: text, hashAfter: text })),
		}),
	),
	scratch: listOf(text),
});

export async function readStaged(context: SwapContext, id: string): Promise<StagedSwitch | null> {
	return readDocument<StagedSwitch>(context.disk, path(context, id), STAGED);
}

export async function writeStaged(context: SwapContext, staged: StagedSwitch): Promise<void> {
	await writeDocument(context.disk, path(context, staged.id), staged);
}

export async function removeStaged(context: SwapContext, id: string): Promise<void> {
	if ((await readStaged(context, id)) !== null) await removeDocument(context.disk, path(context, id));
}

/** The ids of all that is staged, complete or not. */
export async function listStaged(context: SwapContext): Promise<readonly string[]> {
	const names = (await context.disk.list(`${context.directory}/staged`)) ?? [];
	const ids = names.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -".json".length));
	// What else somebody put there is no staged switch, and must not keep the door from its work.
	return ids.filter(isId);
}

/** Removes what a crash left of stagings that did not end, and of those that have a result. */
export async function tidyStaged(context: SwapContext): Promise<void> {
	for (const directory of [context.directory, `${context.directory}/staged`])
		for (const name of (await context.disk.list(directory)) ?? [])
			if (isTemporary(name)) await context.disk.unlink(`${directory}/${name}`);
	for (const id of await listStaged(context)) {
		const staged = await readStaged(context, id);
		if (staged === null) continue;
		if (!staged.isComplete) await clearAway(context, staged);
		if ((await readResult(context, id)) !== null) await removeStaged(context, id);
	}
}

/** Where that cannot be (the directory of one signer's is read-only, say) the others' requests go on; the next one tries again. */
async function clearAway(context: SwapContext, { id, scratch }: StagedSwitch): Promise<void> {
	try {
		await removeScratch(context, scratch);
	} catch (error) {
		context.log.warn("what a staging that did not end left beside the tables cannot be removed", {
			id,
			error: asKeyturnError(error).message,
		});
	}
}

/** Gives a staged id up: its key files that never were in a live table go, and the ledger forgets them. */
export async function giveUp(
	context: SwapContext,
	id: string,
	livePaths: ReadonlySet<string>,
): Promise<void> {
	const staged = await readStaged(context, id);
	if (staged !== null) await removeScratch(context, staged.scratch);
	const ledger = await readLedger(context);
	const goes = (key: LedgerKey) =>
		key.id === id && key.origin === "made" && !key.wasLive && !livePaths.has(key.path);
	const given = ledger.filter(goes);
	const kept = new Set(ledger.filter((key) => !goes(key)).map(({ path }) => path));
	for (const key of given) if (!kept.has(key.path)) await removeKey(context.disk, placedFile(context, key));
	// The ledger forgets last: as long as it names a file, a repetition finds it.
	if (given.length > 0)
		await writeLedger(
			context,
			ledger.filter((key) => !goes(key)),
		);
	await removeStaged(context, id);
}

/** With what a signer has put beside it, under the same name and one more word. */
export async function removeScratch({ disk }: SwapContext, scratch: readonly string[]): Promise<void> {
	for (const directory of new Set(scratch.map(directoryOf))) {
		const paths = ((await disk.list(directory)) ?? []).map((name) => `${directory}/${name}`);
		for (const path of paths)
			if (scratch.some((file) => path === file || path.startsWith(`${file}.`))) await disk.unlink(path);
		await syncIfThere(disk, directory);
	}
}

function path(context: SwapContext, id: string): string {
	return `${context.directory}/staged/${safeId(id)}.json`;
}
