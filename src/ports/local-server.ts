/** Answers whoever asks by HTTP on this host. */

export interface LocalAnswer {
	readonly status: number;
	readonly type: string;
	readonly body: string;
}

export interface LocalServer {
	/**
	 * Serves at this address from now on, and no longer where it did before; null: nowhere. A no-op where it serves there
	 * already. Fails with `http.failed` where that address is taken or not allowed; then it serves nowhere.
	 */
	listen(endpoint: { readonly address: string; readonly port: number } | null): Promise<void>;
}

/** Null for a path that there is not. */
export type AnswerFor = (path: string) => LocalAnswer | null;
