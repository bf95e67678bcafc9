/** Remembers in plain files below one directory: durable, readable by a person, written by one holder of the lock at a time. */

import { KeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { HeldLock, TakeLock } from "../ports/lock.ts";
import type { Lease, StateStore } from "../ports/state-store.ts";
import { createDocuments } from "./documents.ts";
import { raiseEpoch, readEpoch } from "./epoch.ts";
import { createHistory } from "./history.ts";
import { ensureDirectory, ensureStateDirectory, removeLeftovers } from "./state-directory.ts";
import { createWishes } from "./wishes.ts";

export interface FileStateStoreOptions {
	/** Absolute; made if its parent is there. */
	readonly directory: string;
	readonly disk: Disk;
	readonly takeLock: TakeLock;
	readonly clock: Clock;
}

export function createFileStateStore(options: FileStateStoreOptions): StateStore {
	const { directory, disk } = options;
	const documents = createDocuments(disk, directory);
	const wishes = createWishes(disk, `${directory}/wishes`);
	const history = createHistory(disk, directory);
	const leases = createLeases(options);
	return {
		lock: (waitMs, signal) => leases.lock(waitMs, signal),
		list: (prefix) => documents.list(prefix),
		load: (name) => documents.load(name),
		save: async (lease, name, state, revision) => {
			await leases.check(lease);
			return documents.save(name, state, revision);
		},
		setAside: async (lease, name) => {
			await leases.check(lease);
			return documents.setAside(name, options.clock.now());
		},
		leaveWish: async (wish) => {
			await ensureStateDirectory(disk, directory);
			await wishes.leave(wish);
		},
		wishes: () => wishes.all(),
		dropWish: async (lease, id) => {
			await leases.check(lease);
			await wishes.drop(id);
		},
		recordHistory: async (lease, entry) => {
			await leases.check(lease);
			await history.record(entry);
		},
		history: (limit) => history.newest(limit),
	};
}

interface Held {
	readonly lease: Lease;
	readonly lost: AbortController;
}

function createLeases({ directory, disk, takeLock, clock }: FileStateStoreOptions) {
	let current: Held | null = null;
	const drop = (held: Held) => {
		if (current === held) current = null;
	};
	return {
		async lock(waitMs: number, signal: AbortSignal): Promise<Lease | "held"> {
			await ensureStateDirectory(disk, directory);
			const lock = await takeLock(`${directory}/lock`, waitMs, signal);
			if (lock === "held") return "held";
			try {
				const below = ["domains", "wishes"].map((name) => `${directory}/${name}`);
				for (const path of below) await ensureDirectory(disk, path);
				// Whoever made them, or what stands in them, may have died, or failed, before that was durable.
				for (const path of [directory, ...below]) await disk.syncDirectory(path);
				await removeLeftovers(disk, directory, clock.now());
				current = hold(await raiseEpoch(disk, directory, clock.now()), lock, drop);
				return current.lease;
			} catch (error) {
				await lock.release();
				throw error;
			}
		},
		/** The epoch on disk says whether somebody got past the lock: a network file system, a removed lock file. */
		async check(lease: Lease): Promise<void> {
			if (current?.lease !== lease) throw lost(directory, lease, "it was released");
			const epoch = await readEpoch(disk, directory);
			if (epoch === lease.epoch) return;
			current?.lost.abort();
			throw lost(directory, lease, `epoch ${epoch} was taken since`);
		},
	};
}

function hold(epoch: number, lock: HeldLock, onRelease: (held: Held) => void): Held {
	const lost = new AbortController();
	const lease: Lease = {
		epoch,
		lost: lost.signal,
		release: () => {
			onRelease(held);
			return lock.release();
		},
	};
	const held = { lease, lost };
	return held;
}

function lost(directory: string, lease: Lease, why: string): KeyturnError {
	return new KeyturnError(
		"lease.lost",
		`${directory}: expected to hold the lock of epoch ${lease.epoch}, but ${why}`,
		{ retry: true },
	);
}
