/** Unpredictable bytes and names. */

export interface Random {
	/** `count` cryptographically random bytes. */
	bytes(count: number): Uint8Array;
	/** A fresh id of 32 lower-case hexadecimal digits. */
	id(): string;
}
