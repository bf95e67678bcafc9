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
	/**
	 * Keeps a key (PKCS#8 PEM) that was made for another domain, under this one's name. Repeatable; what was kept there before
	 * and is another key goes.
	 */
	keep(domain: string, selector: string, pem: string): Promise<void>;
	/** PKCS#8 PEM; null if there is none. */
	read(domain: string, selector: string): Promise<string | null>;
	/** The selectors of a domain's keys that are kept, whole or cut short. */
	list(domain: string): Promise<readonly string[]>;
	/** Absent is success. */
	remove(domain: string, selector: string): Promise<void>;
}
