/** Makes private keys and keeps the agent's copy of each until the signer has its own. */

import type { KeySpec } from "../dkim/key-material.ts";

export interface MadeKey {
	/** Base64 of the SPKI DER of the public half. */
	readonly publicKey: string;
}

/** Fails with `disk.failed` or `key.invalid`; no error holds key material. */
export interface KeyStore {
	/** Repeatable: a key already kept for this domain and selector is the answer, whatever `spec` says. */
	make(domain: string, selector: string, spec: KeySpec, signal: AbortSignal): Promise<MadeKey>;
	/** PKCS#8 PEM; null if there is none. */
	read(domain: string, selector: string): Promise<string | null>;
	/** The selectors of a domain's keys that are kept, whole or cut short. */
	list(domain: string): Promise<readonly string[]>;
	/** Absent is success. */
	remove(domain: string, selector: string): Promise<void>;
}
