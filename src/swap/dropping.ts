/** Deletes key files that are the door's own and that nothing live names; gives staged switches up. */

import { asKeyturnError, KeyturnError, leadsNowhere } from "../errors.ts";
import { publicHalf } from "../dkim/key-material.ts";
import type { DoorRequest, DropAnswer, DroppedKey, OtherReader } from "../ports/door.ts";
import type { SwapContext } from "./context.ts";
import { hashOfKey, readKey, removeKey } from "./keys.ts";
import { entryOf, type LedgerKey, placedFile, readLedger, writeLedger } from "./ledger.ts";
import { giveUp, listStaged, readStaged } from "./staged-switch.ts";

/** What still needs key files: live tables and staged switches, by path, and programs that are not ours. */
interface Held {
	readonly live: ReadonlySet<string>;
	/** Public halves of what live tables name. */
	readonly liveKeys: ReadonlySet<string>;
	readonly staged: ReadonlySet<string>;
	readonly others: readonly OtherReader[];
	/** Why a live table may name any file; null where it is known which. */
	readonly unfollowed: string | null;
	/** Why a live table may name any key; null where it is known which. */
	readonly unread: string | null;
}

export async function drop(
	context: SwapContext,
	{ keys, staged, reveal }: Pick<Extract<DoorRequest, { act: "drop" }>, "keys" | "staged" | "reveal">,
): Promise<DropAnswer> {
	const { live, ...known } = await readLive(context);
	for (const id of staged) await giveUp(context, id, live);
	const held = {
		live,
		...known,
		staged: await stagedPaths(context),
		others: keys.length === 0 && reveal === undefined ? [] : await context.otherReaders(),
	};
	const answers: DropAnswer["keys"][number][] = [];
	for (const key of keys) {
		const kept = await dropKey(context, key, held);
		const { domain, selector } = key;
		answers.push({ domain, selector, ...(kept ?? { gone: true, reason: null }) });
	}
	if (reveal === undefined) return { act: "drop", keys: answers };
	const revealed: Revealed[] = [];
	for (const key of reveal) revealed.push(await revealKey(context, key, held));
	return { act: "drop", keys: answers, revealed };
}

interface Kept extends Pick<DropAnswer["keys"][number], "reason" | "isForeign"> {
	readonly gone: false;
}

/** Null once the key's file is gone, otherwise why it stays. */
async function dropKey(context: SwapContext, key: DroppedKey, held: Held): Promise<Kept | null> {
	const ledger = await readLedger(context);
	const known = entryOf(ledger, key);
	if (known === undefined) return keptIfUnknown(context, ledger, key);
	if (known.origin === "found") return foreign(known.path, NOT_MADE);
	const needed = await whyNeeded(context, known, held);
	if (needed !== null) return { gone: false, reason: `${known.path}: ${needed}` };
	// A file of several domains goes with the last of them; whom somebody else gave it to is never dropped.
	const isShared = ledger.some(
		(other) => other !== known && other.path === known.path && other.origin === "made",
	);
	if (!isShared && (await removeKey(context.disk, placedFile(context, known))) === "foreign")
		return foreign(known.path, "it is not the file that keyturn placed");
	// The ledger forgets last: as long as it names the file, a repetition finds it.
	await writeLedger(
		context,
		ledger.filter((candidate) => candidate !== known),
	);
	return null;
}

const NOT_MADE = "keyturn did not make it";

function foreign(path: string, why: string): Kept {
	return { gone: false, reason: `${path}: ${why}`, isForeign: true };
}

/** Null for a key of ours that nothing needs. */
async function whyNeeded(context: SwapContext, known: LedgerKey, held: Held): Promise<string | null> {
	if (await isNamed(context, known, held.live)) return "a live table names it";
	if (held.unfollowed !== null) return `whether a live table names it cannot be told: ${held.unfollowed}`;
	if (held.staged.has(known.path)) return "a staged switch waits for it";
	return whoReads(context, known, held.others);
}

type Revealed = NonNullable<DropAnswer["revealed"]>[number];

/** The bytes that were placed, of a key that nothing needs, not even by a copy. */
async function revealKey(context: SwapContext, key: DroppedKey, held: Held): Promise<Revealed> {
	const { domain, selector } = key;
	const refused = (reason: string): Revealed => ({ domain, selector, key: null, reason });
	if (!context.mayReveal) return refused("keyturn.yaml does not say retire.publish_private");
	const ledger = await readLedger(context);
	const known = entryOf(ledger, key);
	if (known === undefined) return refused("the door has no such key");
	if (ledger.some((other) => other !== known && other.path === known.path))
		return refused(`${known.path}: another domain signed with it, too`);
	if (known.origin === "found") return refused(`${known.path}: ${NOT_MADE}`);
	const needed = await whyNeeded(context, known, held);
	if (needed !== null) return refused(`${known.path}: ${needed}`);
	if (held.unread !== null)
		return refused(`${known.path}: whether a live table names a copy of it cannot be told: ${held.unread}`);
	const pem = await readKey(context.disk, known.path);
	if (pem === null || hashOfKey(pem) !== known.hash)
		return refused(`${known.path}: it is not the file that keyturn placed`);
	if (held.liveKeys.has(publicHalf(pem)?.publicKey ?? ""))
		return refused(`${known.path}: a live table names a copy of it`);
	return { domain, selector, key: pem, reason: null };
}

async function keptIfUnknown(
	context: SwapContext,
	ledger: readonly LedgerKey[],
	key: DroppedKey,
): Promise<Kept | null> {
	const signer = context.signers.get(key.signer)?.signer;
	// One that keyturn.yaml has no more has no directory to look into.
	if (signer === undefined) return null;
	const path = signer.keyPath(key.domain, key.selector);
	// It was dropped before, and others that signed with it still have it.
	if (ledger.some((other) => other.path === path && other.origin === "made")) return null;
	return (await context.disk.lstat(path)) === null ? null : foreign(path, NOT_MADE);
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
async function readLive({
	disk,
	signers,
}: SwapContext): Promise<Pick<Held, "live" | "liveKeys" | "unfollowed" | "unread">> {
	const live = new Set<string>();
	const liveKeys = new Set<string>();
	let unfollowed: string | null = null;
	let unread: string | null = null;
	for (const [name, { signer }] of signers) {
		try {
			for (const { domain, keyPath, publicKey, unread: why } of (await signer.read()).lines) {
				live.add(keyPath);
				if (publicKey !== null) liveKeys.add(publicKey);
				if (why !== undefined) unread ??= `${domain}: ${why}`;
				const real = await disk.realpath(keyPath).catch((thrown: unknown) => {
					if (!leadsNowhere(thrown)) unfollowed ??= `${domain}: ${asKeyturnError(thrown).message}`;
					return null;
				});
				if (real !== null) live.add(real);
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
	return { live, liveKeys, unfollowed, unread };
}

async function stagedPaths(context: SwapContext): Promise<ReadonlySet<string>> {
	const paths = new Set<string>();
	for (const id of await listStaged(context))
		for (const { to } of (await readStaged(context, id))?.signers.flatMap((entry) => entry.changes) ?? [])
			if (to !== null) paths.add(to.keyPath);
	return paths;
}
