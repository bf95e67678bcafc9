/** One call at a time for each provider account, since providers lose or refuse what comes at once. */

import type { HeldLock } from "../ports/lock.ts";

export interface Turns {
	/** Runs `work` when everything asked for before it on this account has ended, and alone among the processes of this host. */
	take<Result>(account: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result>;
}

/** Holds an account against other processes; fails with `provider.unreachable` where another has it too long. */
export type LockAccount = (account: string, signal: AbortSignal) => Promise<HeldLock>;

/** Without `lock` there is this process alone. */
export function createTurns(lock?: LockAccount): Turns {
	const last = new Map<string, Promise<unknown>>();
	return {
		async take(account, signal, work) {
			const before = last.get(account) ?? Promise.resolve();
			const locked = async () => alone(account, signal, work);
			const mine = before.then(locked, locked);
			const settled = mine.catch(() => undefined);
			last.set(account, settled);
			try {
				return await mine;
			} finally {
				if (last.get(account) === settled) last.delete(account);
			}
		},
	};

	async function alone<Result>(
		account: string,
		signal: AbortSignal,
		work: () => Promise<Result>,
	): Promise<Result> {
		const held = await lock?.(account, signal);
		try {
			return await work();
		} finally {
			await held?.release();
		}
	}
}
