/** What a switch under way has to tell whoever comes after a crash; there is at most one. */

import type { ProbedKey } from "../ports/signer.ts";
import type { SwapContext } from "./context.ts";
import { type Document, readDocument, removeDocument, writeDocument } from "./document.ts";
import { flag, listOf, objectOf, orNull, text, word } from "./shape.ts";

/** A service with those of its units that ran before; none: it is not ours to start. */
export interface RanService {
	readonly service: string;
	readonly units: readonly string[];
	/** Of a mail server that did not answer before it was stopped: nor is it expected to once it runs again. */
	readonly wasSilent?: boolean;
}

export interface JournalFile {
	readonly path: string;
	readonly hashBefore: string;
	readonly hashAfter: string;
	/** The hard link to the file before. */
	readonly kept: string;
}

export interface LeftOut {
	readonly domain: string;
	readonly selector: string;
	readonly reason: string;
}

export interface JournalSigner {
	readonly signer: string;
	readonly swap: "restart" | "reload";
	readonly ran: RanService;
	/** In the order of the renames; the last is the commit point. */
	readonly files: readonly JournalFile[];
	/** What the running signer has to show for its files to stay. */
	readonly expectations: readonly ProbedKey[];
	readonly changes: readonly {
		readonly domain: string;
		readonly from: string | null;
		readonly selector: string | null;
		/** Of keys that turn together: where one fails, all go back. */
		readonly group?: string;
	}[];
	/** Once a probe failed: the table without the keys left out. */
	readonly partial: { readonly hashes: readonly string[]; readonly leftOut: readonly LeftOut[] } | null;
	/** Why everything is being put back; null while it is not. */
	readonly rollBack: string | null;
}

export interface Journal extends Document {
	readonly id: string;
	readonly startedAt: string;
	/** The mail servers that ran, in the order in which they are stopped. */
	readonly mail: readonly RanService[];
	/** Names of mail servers in the order in which they are started. */
	readonly mailStart: readonly string[];
	/** Whether this switch stops them. */
	readonly stopsMail: boolean;
	readonly signers: readonly JournalSigner[];
	/** Services that did not start although the switch has its result. */
	readonly owed: readonly RanService[];
}

export async function readJournal(context: SwapContext): Promise<Journal | null> {
	return readDocument<Journal>(context.disk, path(context), JOURNAL);
}

export async function writeJournal(context: SwapContext, journal: Journal): Promise<void> {
	await writeDocument(context.disk, path(context), journal);
}

export async function removeJournal(context: SwapContext): Promise<void> {
	await removeDocument(context.disk, path(context));
}

const RAN = objectOf({ service: text, units: listOf(text) });
const JOURNAL = objectOf({
	id: text,
	startedAt: text,
	mail: listOf(RAN),
	mailStart: listOf(text),
	stopsMail: flag,
	signers: listOf(
		objectOf({
			signer: text,
			swap: word("restart", "reload"),
			ran: RAN,
			files: listOf(objectOf({ path: text, hashBefore: text, hashAfter: text, kept: text })),
			expectations: listOf(objectOf({ domain: text, selector: text, record: orNull(text) })),
			changes: listOf(objectOf({ domain: text, from: orNull(text), selector: orNull(text) })),
			partial: orNull(
				objectOf({
					hashes: listOf(text),
					leftOut: listOf(objectOf({ domain: text, selector: text, reason: text })),
				}),
			),
			rollBack: orNull(text),
		}),
	),
	owed: listOf(RAN),
});

function path(context: SwapContext): string {
	return `${context.directory}/journal.json`;
}
