/** What is configured for one domain, in plain numbers: everything that decides its next step besides state and time. */

import type { KeySpec } from "../dkim/key-material.ts";
import type { Schedule } from "./slots.ts";

export type SelectorPattern =
	/** `{yyyy}`, `{mm}`, `{dd}`, `{host}`, `{alg}`; the suffix b, c … follows the date. */
	| { readonly kind: "template"; readonly template: string }
	/** Fixed names, used in turn. */
	| { readonly kind: "ring"; readonly names: readonly string[] };

/** From minute to minute of the day in `timezone`; `to` smaller than `from` passes midnight. */
export interface Window {
	readonly fromMinute: number;
	readonly toMinute: number;
}

export interface VerifyPolicy {
	/** "auto", or addresses with port that stand for the zone's NS records. */
	readonly nameservers: "auto" | readonly { readonly address: string; readonly port: number }[];
	/** How many server names have to be right. */
	readonly quorum: "all" | number;
	/** "system", or an address with port. */
	readonly resolvers: readonly ("system" | { readonly address: string; readonly port: number })[];
	readonly via: readonly ("servers" | "resolver" | { readonly url: string })[];
	/** Between looks at first, in milliseconds. */
	readonly intervalMs: number;
	readonly soakMs: "auto" | number;
	/** After this long without success `verification_failed` is raised, in milliseconds. */
	readonly timeoutMs: number;
}

/** Tags of the key record that are configured; what is left out is taken from the key in use. */
export interface RecordPolicy {
	readonly ttlSeconds: number;
	/** `s=` */
	readonly service?: readonly string[];
	/** `h=` */
	readonly hash?: readonly string[];
	/** `t=` */
	readonly flags?: readonly string[];
	/** `n=` */
	readonly notes?: string;
}

export interface RetirePolicy {
	readonly graceMs: number;
	readonly tombstoneMs: number;
	/** Whether the record of an adopted key is removed too. */
	readonly adopted: boolean;
	readonly publishPrivate: string | null;
}

/** The keys of one algorithm of a domain whose messages are signed with several. */
export interface Lane {
	readonly algorithm: KeySpec["algorithm"];
	/** The first: what is wanted of the domain stands with it. */
	readonly isFirst: boolean;
	/** Absent where one signer signs with the keys of all. */
	readonly hasOwnSigner?: true;
}

export interface Policy {
	readonly domain: string;
	/** Whose share of `spread` and `jitter` it has, where several turn together; its own if absent. */
	readonly pacedAs?: string;
	/** When a new key starts to sign. */
	readonly schedule: Schedule;
	readonly timezone: string;
	readonly publishAheadMs: number;
	readonly window: Window | null;
	readonly selector: SelectorPattern;
	/** For `{host}` and the spread of work: the short host name in lower case. */
	readonly host: string;
	readonly key: KeySpec;
	/** Where several keys sign each message: what is made of each algorithm, `key` being the first. Absent for one key. */
	readonly keys?: readonly KeySpec[];
	/** Of which of them this is the policy; absent for that of the whole domain. */
	readonly lane?: Lane;
	readonly record: RecordPolicy;
	readonly standby: boolean;
	readonly jitterMs: number;
	readonly spreadMs: number;
	readonly verify: VerifyPolicy;
	readonly retire: RetirePolicy;
	/** The name of its signer. */
	readonly signer: string;
	readonly swap: "restart" | "reload";
	/** Where each of `keys` has a signer of its own: these, in the same order, `signer` being the first. */
	readonly signers?: readonly Pick<Policy, "signer" | "swap">[];
	/** The names of its providers; a record is published when all have taken it. */
	readonly providers: readonly string[];
	/** Configured, or to be found. */
	readonly zone: string | null;
}
