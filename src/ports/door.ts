/** The door's protocol: one JSON request, one JSON answer; the only way from the agent to anything that needs root. */

import type { SmtpFilter } from "./signer.ts";
import type { SocketTarget } from "./sockets.ts";

export interface StageChange {
	readonly signer: string;
	readonly domain: string;
	/** The selector of the key in use, null for a first key. */
	readonly from: string | null;
	/**
	 * Null takes the lines out; `key` null means a file already in the ledger or the live table. Of a group all get one key, or,
	 * where one line names a key file for each, keys of one selector.
	 */
	readonly to: { readonly selector: string; readonly record: string; readonly key: string | null } | null;
}

/** What each name server answered, looked at after `stage`. */
export interface Evidence {
	readonly domain: string;
	readonly selector: string;
	readonly record: string;
	/** `at` is RFC 3339, UTC. */
	readonly answers: readonly { readonly server: string; readonly address: string; readonly at: string }[];
}

/** A key that the running signer should sign with, and the record that has to verify it. */
export interface ProbeAsked {
	readonly signer: string;
	readonly domain: string;
	readonly selector: string;
	readonly record: string;
}

/** Why the running signer does not sign with a key; null if it does, or if that cannot be told. */
export interface ProbeTold {
	readonly domain: string;
	readonly selector: string;
	readonly fault: string | null;
}

/** A turn, with `from` null a first key, with `selector` null a key taken out: only to be shown. */
export interface ForetellAsked {
	readonly signer: string;
	/** Also one that keyturn.yaml does not name yet. */
	readonly domain: string;
	readonly from: string | null;
	readonly selector: string | null;
}

/** Which lines of which files it would change, in the order of their renames. */
export interface Foretold {
	readonly domain: string;
	readonly files: readonly {
		readonly path: string;
		readonly removed: readonly string[];
		readonly added: readonly string[];
	}[];
	/** Why it could not be made; null if it could. */
	readonly problem: string | null;
}

/** A key file, by whose it is. */
export interface DroppedKey {
	readonly signer: string;
	readonly domain: string;
	readonly selector: string;
}

export type DoorRequest =
	/**
	 * Reads; `ids` are the switches whose results are wanted. The running signer is asked to sign with the keys of `probe`;
	 * with `examine` it is told besides what `keyturn doctor` judges; with `foretell` how the signers' files would change.
	 */
	| {
			readonly act: "inspect";
			readonly ids: readonly string[];
			readonly probe?: readonly ProbeAsked[];
			readonly examine?: true;
			readonly foretell?: readonly ForetellAsked[];
	  }
	| { readonly act: "stage"; readonly id: string; readonly changes: readonly StageChange[] }
	| {
			readonly act: "commit";
			readonly id: string;
			readonly tableHashes: Readonly<Record<string, string>>;
			readonly evidence: readonly Evidence[];
	  }
	/**
	 * Deletes key files of the door's own ledger that no live configuration names; `staged` ids are given up whole. `reveal`
	 * gives such keys back as they are and deletes nothing: they are dropped once they are safe elsewhere.
	 */
	| {
			readonly act: "drop";
			readonly keys: readonly DroppedKey[];
			readonly staged: readonly string[];
			readonly reveal?: readonly DroppedKey[];
	  }
	| { readonly act: "recover"; readonly filesOnly: boolean };

export interface SignedMessage {
	readonly signer: string;
	readonly domain: string;
	readonly selector: string;
	/** The whole message, CRLF line ends. */
	readonly message: string;
}

export interface StageAnswer {
	readonly act: "stage";
	readonly id: string;
	readonly messages: readonly SignedMessage[];
	/** Of the live tables, by signer: what `commit` has to give back. */
	readonly tableHashes: Readonly<Record<string, string>>;
}

export interface SwitchedKey {
	readonly signer: string;
	readonly domain: string;
	readonly from: string | null;
	readonly selector: string | null;
	readonly outcome: "done" | "rolled_back";
	readonly reason: string | null;
}

/** How a switch ended; kept by the door under its id, and returned whenever the id comes again. */
export interface SwitchResult {
	readonly id: string;
	readonly outcome: "done" | "undone" | "rolled_back" | "conflict";
	/** RFC 3339, UTC. */
	readonly at: string;
	readonly keys: readonly SwitchedKey[];
	/** Whether the processes that used the old keys are known to be gone (`restart`), or may still sign with them (`reload`). */
	readonly oldProcessGone: boolean;
	readonly reason: string | null;
	/** Milliseconds between the first stop and the last start; null where nothing was stopped. */
	readonly pauseMs: number | null;
	/** Services that ran before and did not start again, whatever became of the keys; absent where all did. */
	readonly owed?: readonly string[];
}

/** What the last switch still owes; nothing new begins before it is done. */
export interface Pending {
	/** A sentence for people. */
	readonly reason: string;
	readonly hint: string;
	/** Services that did not start when this request tried; empty where none was tried, since the host starts or stops. */
	readonly services: readonly string[];
}

export interface CommitAnswer {
	readonly act: "commit";
	readonly result: SwitchResult;
}

export interface InspectedLine {
	readonly domain: string;
	readonly selector: string;
	readonly entry: string;
	readonly keyPath: string;
	/** Base64 of the SPKI DER, null if unreadable. */
	readonly publicKey: string | null;
	readonly signs: boolean;
	readonly problem: string | null;
	/** What is wrong with the file's mode or owner as the signer checks it; null if nothing. */
	readonly unsafe: string | null;
	/** The same for lines whose keys turn together, since they are one line or share a key file; absent for one that is alone. */
	readonly group?: string;
}

export interface InspectedSigner {
	readonly signer: string;
	readonly swap: "restart" | "reload";
	readonly tableHash: string;
	readonly lines: readonly InspectedLine[];
	/** Of the domains that keyturn.yaml gives to it and for which no line signs: those that cannot get a first key, and why. */
	readonly firstKeyFaults: readonly { readonly domain: string; readonly reason: string }[];
	readonly notes: readonly string[];
	/** Why it could not be read; then `lines` says nothing. */
	readonly problem: string | null;
	readonly service: string;
	readonly running: boolean;
}

/** Mail that waits in the queue of the mail server. */
export interface InspectedQueue {
	/** How long it may wait (Postfix: `maximal_queue_lifetime`). */
	readonly lifetimeSeconds: number;
	/** The oldest hundred of those that are not held, oldest first; `arrivedAt` is RFC 3339, UTC. */
	readonly waiting: readonly { readonly id: string; readonly arrivedAt: string }[];
	/** False where not all of the queue could be read: older messages may be in the rest. */
	readonly isComplete: boolean;
}

/**
 * Something besides the configured signers that reads a key file or signs under a selector: an ARC signer, amavis, another
 * OpenDKIM. What its configuration does not say is null.
 */
export interface OtherReader {
	/** What reads, for people: `amavis`. */
	readonly program: string;
	/** Where that is written, for people: `/etc/amavis/conf.d/50-user line 12`. */
	readonly where: string;
	readonly domain: string | null;
	readonly selector: string | null;
	/** The key file, every link resolved. */
	readonly keyPath: string | null;
	/** Base64 of the SPKI DER; null also if unreadable, or where the name of the record is known and of a domain of this host. */
	readonly publicKey: string | null;
	/** Why it cannot be told which keys it reads; then all but the first two members are null. */
	readonly problem: string | null;
}

/** A service of master.cf that hands mail to milters. */
export interface MilterService {
	/** Name and type: `smtp/inet`. */
	readonly service: string;
	/** Then a path begins at `queueDirectory`, also one that begins with a slash; else only one without. */
	readonly isChrooted: boolean;
	/** Of its milters, those whose path leads nowhere from where it looks. */
	readonly absent: readonly string[];
}

/** A list of milters: of main.cf, or what one service of master.cf has in its place. */
export interface MilterList {
	/** `smtpd_milters` is for what comes in by SMTP, `non_smtpd_milters` for what is made on this host. */
	readonly name: "smtpd_milters" | "non_smtpd_milters";
	/** As `postconf -e` names it, and with a slash, as `postconf -P` does: `submission/inet/smtpd_milters`. */
	readonly setBy: string;
	/** All of its value as it stands, macros unresolved. */
	readonly raw: string;
	/** The names in it, macros resolved. */
	readonly milters: readonly string[];
	/** Who takes it. */
	readonly takenBy: readonly MilterService[];
}

/** How Postfix hands mail to signers, macros resolved. */
export interface MailWiring {
	/** Those of main.cf first, also where nothing takes them. */
	readonly lists: readonly MilterList[];
	/** `content_filter`, `smtpd_proxy_filter` and `relayhost`, of main.cf and of services of master.cf: whoever gets mail by SMTP. */
	readonly filters: readonly string[];
	/** `host:port` of each service of master.cf that listens. */
	readonly listeners: readonly string[];
	/** What becomes of mail while a milter is down. */
	readonly actions: readonly MilterAction[];
	/** Where lists stand that are not told; empty where there are none. */
	readonly tables: readonly MilterTables[];
	/** `queue_directory`: where the paths of sockets begin, unless a service that is not chrooted has one with a slash. */
	readonly queueDirectory: string;
}

/** A client that stands there has milters of its own in place of `smtpd_milters`, or none (postconf(5), smtpd_milter_maps). */
export interface MilterTables {
	/** As it stands, with its macros resolved: `cidr:/etc/postfix/milters`. */
	readonly value: string;
	/** `smtpd_milter_maps`, or that of a service of master.cf: `submission/inet/smtpd_milter_maps`. */
	readonly setBy: string;
}

/** What Postfix does with mail that it cannot hand to a milter. */
export interface MilterAction {
	/** As it stands in a list of `MailWiring`. */
	readonly milter: string;
	/** `tempfail` alone lets mail wait; `accept` and `quarantine` take it unsigned (postconf(5), milter_default_action). */
	readonly action: string;
	/** `milter_default_action`, or the list that says otherwise of this milter; of a service of master.cf `submission/inet/…`. */
	readonly setBy: string;
}

/** What `keyturn doctor` judges of a signer and may not read. */
export interface ExaminedSigner {
	readonly signer: string;
	/** Where mail is handed to it; null where that is no milter's socket, or cannot be told. */
	readonly socket: SocketTarget | null;
	/** Where mail is handed to it by SMTP, and where it hands it back; null where it is no filter. */
	readonly filter: SmtpFilter | null;
	/** Ways on which mail leaves without its signature, a few words each. */
	readonly unsignedWays: readonly string[];
	/** Why the signer does not tell them; absent where it does. */
	readonly unsignedUnknown?: string;
	/** Of `services.stop`, in this order. */
	readonly services: readonly { readonly service: string; readonly running: boolean }[];
	/** Why a switch would be refused now, and what to do; null if it would not. */
	readonly holds: { readonly why: string; readonly hint: string | null } | null;
	/** What was read of its own configuration: files, and what else was asked; empty where it could not be read. */
	readonly reads: readonly string[];
	/** The directories that a switch writes in: those of its tables, and the one of its keys. */
	readonly writes: readonly string[];
	/** Key files in its directories that no live line names, that are none of the door's and that nobody else reads. */
	readonly strayKeys: readonly string[];
}

export interface Examined {
	/** Null where there is no Postfix, or it cannot be asked. */
	readonly mail: MailWiring | null;
	readonly signers: readonly ExaminedSigner[];
}

export interface InspectAnswer {
	readonly act: "inspect";
	/** RFC 3339, UTC, by the door's clock. */
	readonly at: string;
	readonly signers: readonly InspectedSigner[];
	/** Of the ids asked for, those that have ended. */
	readonly results: readonly SwitchResult[];
	/** Ids staged and neither committed nor dropped. */
	readonly staged: readonly string[];
	/** Null where there is no Postfix. */
	readonly queue: InspectedQueue | null;
	/** Who else reads keys of the configured domains, or may. */
	readonly otherReaders: readonly OtherReader[];
	/** When a signer was last stopped by a switch, RFC 3339; null if never. */
	readonly lastPauseAt: string | null;
	/** Absent where nothing is. */
	readonly pending?: Pending;
	/** One for each key to be probed; absent where none was. */
	readonly probed?: readonly ProbeTold[];
	/** Absent where it was not asked for. */
	readonly examined?: Examined;
	/** One for each that was asked for; absent where none was. */
	readonly foretold?: readonly Foretold[];
}

export interface DropAnswer {
	readonly act: "drop";
	/** Whether each key asked for is gone now, with the reason where it is not. */
	readonly keys: readonly {
		readonly domain: string;
		readonly selector: string;
		readonly gone: boolean;
		readonly reason: string | null;
		/** Where it stays for good: the file is none that the door placed, as far as its papers say. */
		readonly isForeign?: true;
	}[];
	/** Of each key to be revealed its PEM, or the reason why not. */
	readonly revealed?: readonly {
		readonly domain: string;
		readonly selector: string;
		readonly key: string | null;
		readonly reason: string | null;
	}[];
}

export interface RecoverAnswer {
	readonly act: "recover";
	/** Switches that this recovery ended. */
	readonly results: readonly SwitchResult[];
	/** What was done, one sentence each. */
	readonly did: readonly string[];
	/** Absent where nothing is left. */
	readonly pending?: Pending;
}

/** The door took no action: the request stays repeatable, nothing was changed. */
export interface RefusedAnswer {
	readonly act: "refused";
	/**
	 * `table_changed`: plan anew; `stale_evidence`: look again; `not_now`: the host starts or stops, or a service does, and
	 * `packages`: packages are being installed, which both pass by themselves;
	 * `preflight`: somebody has to mend the configuration; `unknown_id`: stage again; `invalid`: the request itself;
	 * `unsettled`: a switch that was begun, and whose end the next request settles: the only one that may have changed something.
	 */
	readonly why:
		| "table_changed"
		| "stale_evidence"
		| "not_now"
		| "packages"
		| "preflight"
		| "unknown_id"
		| "unsafe"
		| "invalid"
		| "busy"
		| "failed"
		| "unsettled";
	/** The domains it concerns; empty when it concerns all of the request, or all of `signer`. */
	readonly domains: readonly string[];
	/** The one of several signers that it concerns; absent when it concerns all of the request. */
	readonly signer?: string;
	readonly message: string;
	readonly hint: string | null;
}

export type DoorAnswer =
	| StageAnswer
	| CommitAnswer
	| InspectAnswer
	| DropAnswer
	| RecoverAnswer
	| RefusedAnswer;

export interface Door {
	/**
	 * Every request first settles what the journal left and can be repeated: an id that has a result returns it.
	 * Fails with `door.unreachable` when no answer came: what was asked may or may not have been done.
	 */
	request(request: DoorRequest, signal: AbortSignal): Promise<DoorAnswer>;
}
