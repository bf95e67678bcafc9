/** Keeps the agent's copy of each private key, `<directory>/<domain>/<selector>.pem`, until the signer has its own. */

import { publicHalf } from "../dkim/key-material.ts";
import { isForeignSelector, parseDomain } from "../dkim/names.ts";
import { directoryOf, durableCreate, temporaryPath } from "../durable.ts";
import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";
import type { KeyStore, MadeKey } from "../ports/key-store.ts";
import type { MakeKey } from "./key-maker.ts";

export interface KeyStoreOptions {
	/** Absolute; made if its parent is there. */
	readonly directory: string;
	readonly disk: Disk;
	readonly makeKey: MakeKey;
}

const LIMIT_BYTES = 65_536;
/** Of a key's file, or of the one that it is written to first. */
const KEPT = /^\.?([^.].*?)\.pem(?:\.keyturn-new)?$/;

export function createKeyStore({ directory, disk, makeKey }: KeyStoreOptions): KeyStore {
	/** Two that are asked for one key must not write one temporary file. */
	const making = new Map<string, Promise<MadeKey>>();
	return {
		async make(domain, selector, spec, signal) {
			const path = pathOf(directory, domain, selector);
			const made =
				making.get(path) ??
				makeOnce(disk, path, () => makeKey(spec), signal).finally(() => making.delete(path));
			making.set(path, made);
			return made;
		},
		keep: async (domain, selector, pem) => keepKey(disk, pathOf(directory, domain, selector), pem),
		read: async (domain, selector) => (await readKey(disk, pathOf(directory, domain, selector)))?.pem ?? null,
		list: async (domain) => {
			const names = (await disk.list(directoryOf(pathOf(directory, domain, "any")))) ?? [];
			return [...new Set(names.flatMap((name) => KEPT.exec(name)?.[1] ?? []))];
		},
		remove: async (domain, selector) => {
			const path = pathOf(directory, domain, selector);
			if ((await disk.lstat(directoryOf(path))) === null) return;
			await disk.unlink(path);
			await disk.unlink(temporaryPath(path));
			await disk.syncDirectory(directoryOf(path));
		},
	};
}

async function makeOnce(
	disk: Disk,
	path: string,
	makeKey: () => Promise<{ readonly pem: string }>,
	signal: AbortSignal,
): Promise<MadeKey> {
	const kept = await readKey(disk, path);
	if (kept !== null) {
		await keepNames(disk, path);
		return { publicKey: kept.publicKey };
	}
	if (signal.aborted)
		throw new KeyturnError("key.invalid", `${path}: not made, interrupted`, { retry: true });
	const { pem } = await makeKey();
	await ensurePrivate(disk, directoryOf(directoryOf(path)));
	await ensurePrivate(disk, directoryOf(path));
	await durableCreate(disk, path, new TextEncoder().encode(pem));
	await keepNames(disk, path);
	// Whoever came first: what stands there is the key, not what was made just now.
	const stands = await readKey(disk, path);
	if (stands === null)
		throw new KeyturnError("key.invalid", `${path}: expected the key just made, got nothing`);
	return { publicKey: stands.publicKey };
}

async function keepKey(disk: Disk, path: string, pem: string): Promise<void> {
	const kept = await readKey(disk, path);
	if (kept?.pem !== pem) {
		await ensurePrivate(disk, directoryOf(directoryOf(path)));
		await ensurePrivate(disk, directoryOf(path));
		await disk.unlink(path);
		await durableCreate(disk, path, new TextEncoder().encode(pem));
	}
	await keepNames(disk, path);
}

/** A run that made the key or its directories may have ended before their names were durable: no record may rely on them until they are. */
async function keepNames(disk: Disk, path: string): Promise<void> {
	const folder = directoryOf(path);
	for (const directory of [folder, directoryOf(folder), directoryOf(directoryOf(folder))])
		await disk.syncDirectory(directory);
}

/** A name only ever stands for a whole key (it is linked when all bytes are there), so a damaged one is not replaced. */
async function readKey(disk: Disk, path: string): Promise<{ pem: string; publicKey: string } | null> {
	const bytes = await disk.read(path, LIMIT_BYTES);
	if (bytes === null) return null;
	const pem = new TextDecoder().decode(bytes);
	const half = publicHalf(pem);
	if (half !== null) return { pem, publicKey: half.publicKey };
	throw new KeyturnError("key.invalid", `${path}: expected a private key in PEM, got something else`, {
		hint: "restore it from a backup; if its record was never published, remove the file and a new key is made",
	});
}

async function ensurePrivate(disk: Disk, path: string): Promise<void> {
	if ((await disk.makeDirectory(path, 0o700)) === "made") {
		await disk.syncDirectory(directoryOf(path));
		return;
	}
	const stat = await disk.lstat(path);
	const above = await disk.stat(directoryOf(path));
	const isOurs = stat?.kind === "directory" && stat.uid === above?.uid;
	if (isOurs && (stat.mode & 0o077) === 0) return;
	const expected = "a directory of the owner of the one above, which nobody else may enter (0700)";
	throw new KeyturnError("key.invalid", `${path}: expected ${expected}`, {
		hint: isOurs ? `chmod 0700 ${path}` : "find out who put it there, and move it away",
	});
}

function pathOf(directory: string, domain: string, selector: string): string {
	// That of an adopted key too, of which there is no copy here: it is asked for and removed all the same.
	if (parseDomain(domain) === domain && isForeignSelector(selector))
		return `${directory}/${domain}/${selector}.pem`;
	throw new KeyturnError(
		"bug",
		`key of ${JSON.stringify(domain)}, ${JSON.stringify(selector)}: not safe names`,
	);
}
