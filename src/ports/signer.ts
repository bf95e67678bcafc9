/** What signs mail, as the door sees it: its configuration read, its change rendered, the staged and the running state proven. */

import type { InetTarget, SocketTarget } from "./sockets.ts";

/** How `SigningLine.unread` begins: whoever is told of a line knows by it that no table is at fault. */
export const UNREAD = "its key file cannot be read: ";

/** One key that the signer's live configuration names. */
export interface SigningLine {
	readonly domain: string;
	readonly selector: string;
	/** The name of the entry in the table: an opaque label. */
	readonly entry: string;
	/** The key file as the signer opens it. */
	readonly keyPath: string;
	/** The public half, base64 of the SPKI DER; null if the file is absent, is no key, or is `unread`. */
	readonly publicKey: string | null;
	/**
	 * Why the key file could not be read though it may be there (`EIO`, `EACCES`, `ESTALE`), with path and errno; absent where it
	 * was read or is absent. The key is not gone then: nothing follows from its being unknown.
	 */
	readonly unread?: string;
	/** Why this line cannot be turned by us (a `%` entry, an unknown dataset), or null. */
	readonly problem: string | null;
	/** Whether mail is signed with it: some signing line names it. */
	readonly signs: boolean;
}

export interface SignerFile {
	readonly path: string;
	readonly bytes: Uint8Array;
	/** SHA-256 of the bytes, hexadecimal. */
	readonly hash: string;
	/** How the signer reads it, in its own words, where there are several ways; only the signer looks at it. */
	readonly format?: string;
}

export interface SignerReading {
	readonly lines: readonly SigningLine[];
	/** The files that a change may rewrite, as they were read; symbolic links already followed. */
	readonly files: readonly SignerFile[];
	/** One hash over all of `files`: what `commit` compares. */
	readonly tableHash: string;
	/** Who the signer runs as; key files belong to it. */
	readonly owner: { readonly uid: number; readonly gid: number; readonly user: string };
	/** Files whose change after the start of the signer holds a swap (its own configuration). */
	readonly configuration: readonly string[];
	/** Further files that a start takes up, of which nothing is read here: their change holds a swap, too. Absent where there are none. */
	readonly takenUp?: readonly string[];
	/** What an administrator should know about this configuration, one sentence each. */
	readonly notes: readonly string[];
	/** What else than files it is read from, a few words each; absent where there is nothing. */
	readonly alsoAsked?: readonly string[];
	/** Where the mail server has to hand it mail; null or absent where that is no milter's socket, or cannot be told. */
	readonly socket?: SocketTarget | null;
	/** Where it takes mail by SMTP as a filter of the mail server's, and where it hands it back; absent for all others. */
	readonly filter?: SmtpFilter;
}

export interface SmtpFilter {
	readonly listen: InetTarget;
	/** Null where that cannot be told. */
	readonly relay: InetTarget | null;
}

export interface SignerChange {
	readonly domain: string;
	/** The selector of the key in use, null for a first key. */
	readonly from: string | null;
	/** Null takes the lines out. */
	readonly to: {
		readonly selector: string;
		readonly keyPath: string;
		/** The key's record; absent where the change is only foretold. */
		readonly record?: string;
	} | null;
}

/** A file to be replaced; they are renamed into place in this order, and the last is the commit point. */
export interface RenderedFile {
	readonly path: string;
	readonly hashBefore: string;
	readonly bytes: Uint8Array;
}

export interface SignExpectation {
	readonly domain: string;
	readonly selector: string;
	/** The key record that the signature has to verify against. */
	readonly record: string;
}

/** What the running signer is to do: sign with a key, or, with `record` null, no more with a key that was taken out. */
export interface ProbedKey {
	readonly domain: string;
	readonly selector: string;
	readonly record: string | null;
}

/**
 * "signed": with this key, as it is to be; "unsigned": not with this key, as it is to be for one that was taken out;
 * "failed": the one where the other is to be, or wrongly; "unproven": it could not be told, with the reason.
 */
export interface ProbeVerdict {
	readonly domain: string;
	readonly selector: string;
	readonly outcome: "signed" | "unsigned" | "failed" | "unproven";
	readonly reason: string | null;
}

/** Every member fails with `signer.config`, `signer.unsafe` or `signer.probe`. */
export interface Signer {
	/** Its name in keyturn.yaml. */
	readonly name: string;
	/** The service that runs it: the last of `services.stop`. */
	readonly service: string;
	readonly swap: "restart" | "reload";
	/** Reads the live configuration. */
	read(): Promise<SignerReading>;
	/** Where a new key goes: `<keys>/<domain>/<selector>.private`. */
	keyPath(domain: string, selector: string): string;
	/** What stands in the file of a key that is given in PEM; absent where that is PEM for all. */
	keyFile?(privatePem: string): string;
	/**
	 * Why domains of these cannot get a first key: something that we cannot handle signs for them, or there is no place for
	 * their lines. Those that can are not in the answer. Domains of `several` are to get a key of each algorithm at once.
	 */
	firstKeyFaults(
		domains: readonly string[],
		several: ReadonlySet<string>,
	): Promise<ReadonlyMap<string, string>>;
	/**
	 * The changed files: only the lines of the keys in use change, come or go, every other byte is kept. First keys and keys
	 * taken out are no one change. Pure.
	 */
	render(reading: SignerReading, changes: readonly SignerChange[]): readonly RenderedFile[];
	/** Why the signer would refuse this key file, checked as the signer checks it; null if it would not. */
	unsafe(keyPath: string, reading: SignerReading): Promise<string | null>;
	/**
	 * Ways on which mail leaves without its signature, a few words each; absent where there can be none. Fails where the signer
	 * does not tell them. For `keyturn doctor`.
	 */
	unsignedWays?(): Promise<readonly string[]>;
	/** What the signer itself says against its configuration (`opendkim -n`); null if nothing. */
	preflight(): Promise<string | null>;
	/**
	 * Signs one message per expectation offline, as the signer's user, with `staged` in place of the live files (each
	 * given as the path where the rendered bytes lie). Answers the signed messages, in the order asked.
	 */
	signOffline(
		staged: ReadonlyMap<string, string>,
		expectations: readonly SignExpectation[],
		reading: SignerReading,
	): Promise<readonly string[]>;
	/**
	 * Has what signs mail use the files as they stand, where this is no service's work but a program's; absent for all others.
	 * Called before the service is started, and in place of its reload. Can be repeated with the same files, or with those
	 * before. Fails with `signer.probe`: then the files before are put back, and it is called with them.
	 */
	apply?(reading: SignerReading): Promise<void>;
	/** Resolves when the running signer takes connections (milter handshake), fails with `signer.probe` after `timeoutMs`. */
	ready(timeoutMs: number, reading: SignerReading): Promise<void>;
	/**
	 * Connects once, for a signer that notices only then, or seconds later, that it is to end (libmilter); absent for all others.
	 * Can be repeated; whether it succeeds says nothing.
	 */
	readonly nudge?: () => Promise<void>;
	/** One message per expectation through the running signer; also makes a signer that reloads lazily do it. */
	probe(expectations: readonly ProbedKey[], reading: SignerReading): Promise<readonly ProbeVerdict[]>;
}
