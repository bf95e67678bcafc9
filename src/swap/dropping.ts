/** Deletes key files that are the door's own and that nothing live names; gives staged switches up. */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { DropAnswer, OtherReader } from "../ports/door.ts";
import type { SwapContext } from "./context.ts";
import { removeKey } from "./keys.ts";
import { isSameKey, type LedgerKey, readLedger, writeLedger } from "./ledger.ts";
import { giveUp, listStaged, readStaged } from "./staged-switch.ts";
import { signerNamed } from "./context.ts";

interface DroppedKey {
	readonly signer: string;
	readonly domain: string;
	readonly selector: string;
}

/** What still needs key files: live tables and staged switches, by path, and programs that are not ours. */
interface Held {
	readonly live: ReadonlySet<string>;
	readonly staged: ReadonlySet<string>;
	readonly others: readonly OtherReader[];
}

export async function drop(
	context: SwapContext,
	keys: readonly DroppedKey[],
	staged: readonly string[],
): Promise<DropAnswer> {
	const live = await livePaths(context);
	for (const id of staged) await giveUp(context, id, live);
	const held = {
		live,
		staged: await stagedPaths(context),
		others: keys.length === 0 ? [] : await context.otherReaders(),
	};
	const answers: DropAnswer["keys"][number][] = [];
	for (const key of keys) {
		const reason = await dropKey(context, key, held);
		answers.push({ domain: key.domain, selector: key.selector, gone: reason === null, reason });
	}
	return { act: "drop", keys: answers };
}

/** Null once the key's file is gone, otherwise why it stays. */
async function dropKey(context: SwapContext, key: DroppedKey, held: Held): Promise<string | null> {
	const ledger = await readLedger(context);
	const known = ledger.find((candidate) => isSameKey(candidate, key));
	if (known === undefined) return whyUnknown(context, key);
	if (known.origin === "found") return `${known.path}: keyturn did not make it`;
	if (await isNamed(context, known, held.live)) return `${known.path}: a live table names it`;
	if (held.staged.has(known.path)) return `${known.path}: a staged switch waits for it`;
	const reads = await whoReads(context, known, held.others);
	if (reads !== null) return `${known.path}: ${reads}`;
	if ((await removeKey(context.disk, known.path, known.hash ?? "")) === "foreign")
		return `${known.path}: it is not the file that keyturn placed`;
	// The ledger forgets last: as long as it names the file, a repetition finds it.
	await writeLedger(
		context,
		ledger.filter((candidate) => candidate !== known),
	);
	return null;
}

async function whyUnknown(context: SwapContext, key: DroppedKey): Promise<string | null> {
	const path = signerNamed(context, key.signer).signer.keyPath(key.domain, key.selector);
	return (await context.disk.lstat(path)) === null ? null : `${path}: keyturn did not make it`;
}

/** A table may name a file by way of a symbolic link. */
async function isNamed(
	{ disk }: SwapContext,
	{ path }: LedgerKey,
	live: ReadonlySet<string>,
): Promise<boolean> {
	const real = await disk.realpath(path);
	return live.has(path) || (real !== null && live.has(real));
}

/** Null where nobody else reads it; whoever cannot be read might. */
async function whoReads(
	{ disk }: SwapContext,
	{ path, domain, selector }: LedgerKey,
	others: readonly OtherReader[],
): Promise<string | null> {
	const real = (await disk.realpath(path)) ?? path;
	for (const { program, where, problem, ...names } of others) {
		if (problem !== null) return `whether ${program} reads it cannot be told: ${where}: ${problem}`;
		const isOfName = names.selector === selector && (names.domain === null || names.domain === domain);
		if (names.keyPath === real || isOfName) return `${program} reads it (${where})`;
	}
	return null;
}

/** Every key file that any signer's live table names; one unreadable table stops all deleting. */
async function livePaths({ disk, signers }: SwapContext): Promise<ReadonlySet<string>> {
	const paths = new Set<string>();
	for (const [name, { signer }] of signers) {
		try {
			for (const { keyPath } of (await signer.read()).lines) {
				paths.add(keyPath);
				const real = await disk.realpath(keyPath);
				if (real !== null) paths.add(real);
			}
		} catch (error) {
			const { message } = asKeyturnError(error);
			throw new KeyturnError(
				"signer.config",
				`signer ${name}: nothing is deleted while its table cannot be read: ${message}`,
				{ cause: error },
			);
		}
	}
	return paths;
}

async function stagedPaths(context: SwapContext): Promise<ReadonlySet<string>> {
	const paths = new Set<string>();
	for (const id of await listStaged(context))
		for (const { to } of (await readStaged(context, id))?.signers.flatMap((entry) => entry.changes) ?? [])
			if (to !== null) paths.add(to.keyPath);
	return paths;
}
