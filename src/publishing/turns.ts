/** One call at a time for each provider account, since providers lose or refuse what comes at once. */

export interface Turns {
	/** Runs `work` when everything asked for before it on this account has ended. */
	take<Result>(account: string, work: () => Promise<Result>): Promise<Result>;
}

export function createTurns(): Turns {
	const last = new Map<string, Promise<unknown>>();
	return {
		async take(account, work) {
			const before = last.get(account) ?? Promise.resolve();
			const mine = before.then(work, work);
			const settled = mine.catch(() => undefined);
			last.set(account, settled);
			try {
				return await mine;
			} finally {
				if (last.get(account) === settled) last.delete(account);
			}
		},
	};
}
