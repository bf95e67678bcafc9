/** Secrets by reference: keyturn.yaml never holds one itself. */

export type SecretReference =
	| { readonly file: string }
	| { readonly env: string }
	/** systemd's LoadCredential. */
	| { readonly credential: string };

export interface Secrets {
	/**
	 * The secret, without white space at either end; read anew each time, so that a changed one is taken up. Fails with
	 * `config.unreadable` (absent, empty) or `config.unsafe` (others may read the file), naming the reference alone.
	 */
	read(reference: SecretReference): Promise<string>;
}
