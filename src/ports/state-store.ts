/** Where the agent remembers: one document a name, compare-and-set under a fenced lease. */

export interface Lease {
	/** Grows with every lock taken; a save under an older one is refused. */
	readonly epoch: number;
	/** Aborts when the lock can no longer be relied on. */
	readonly lost: AbortSignal;
	/** Can be repeated. */
	release(): Promise<void>;
}

export interface Stored {
	/** Parsed JSON, without `revision`. */
	readonly state: unknown;
	readonly revision: number;
}

/** What an operator asked for, kept until the agent has moved it into the domain's `wants`. */
export type Wish = AnyWish &
	(
		| {
				readonly kind: "rotate";
				/** Pass over the soak. */
				readonly noSoak: boolean;
		  }
		/** Back to the key that signed before. */
		| { readonly kind: "rollback" }
		/** The key is compromised. */
		| {
				readonly kind: "revoke";
				readonly selector: string;
				readonly noSoak: boolean;
				/** Rather no signature than one with this key: its line goes out of the table at once. */
				readonly unsigned: boolean;
				/** A key that is published ahead may take its place; otherwise a fresh one is made. */
				readonly useStandby: boolean;
		  }
		/** The old record goes as soon as nothing under way needs it, whoever made the key. */
		| { readonly kind: "retire"; readonly selector: string }
		/** A first key for a domain that nothing signs for, and no more `remove`. */
		| { readonly kind: "add"; readonly noSoak: boolean }
		/** No key signs for the domain any more; its records go after grace. */
		| { readonly kind: "remove" }
	);

interface AnyWish {
	readonly id: string;
	/** RFC 3339, UTC. */
	readonly at: string;
	readonly domains: readonly string[];
}

/** Every member fails with `disk.failed`, `state.corrupt` (not JSON, no revision) or `lease.lost`. */
export interface StateStore {
	/** Tries for `waitMs` milliseconds; "held" if another keeps it. One lease at a time in a process, too. */
	lock(waitMs: number, signal: AbortSignal): Promise<Lease | "held">;
	/** The names of all documents below `prefix` ("domains/"), sorted. */
	list(prefix: string): Promise<readonly string[]>;
	/** Null if there is none. */
	load(name: string): Promise<Stored | null>;
	/**
	 * Durable when it resolves. `revision` is the one loaded, 0 for a new document; another revision there is
	 * `state.conflict`. Resolves to the new revision.
	 */
	save(lease: Lease, name: string, state: object, revision: number): Promise<number>;
	/** Moves a document that cannot be read out of the way, so that a new one can be saved; keeps it beside, and says where. */
	setAside(lease: Lease, name: string): Promise<string>;
	/** Needs no lock; durable when it resolves. */
	leaveWish(wish: Wish): Promise<void>;
	/** In the order of `at`; one that cannot be read is left out, and stays. */
	wishes(): Promise<readonly Wish[]>;
	/** Absent is success. */
	dropWish(lease: Lease, id: string): Promise<void>;
	/** Appends one line to the history; derived, never read to decide. */
	recordHistory(lease: Lease, entry: object): Promise<void>;
	/** The newest `limit` lines of the history, oldest first; a line cut short by a crash is left out. */
	history(limit: number): Promise<readonly unknown[]>;
}
