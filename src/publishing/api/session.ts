/** A session that an interface wants before anything else. */

import { asKeyturnError, KeyturnError } from "../../errors.ts";
import type { Clock } from "../../ports/clock.ts";

/** What a call is told where the interface has ended the session: the call was not carried out. */
export const ENDED = Symbol("the session has ended");

export interface Session<Ticket> {
	/**
	 * Works with the session that is held; begins one where there is none, and once more where it has ended. `isNew`: it has
	 * begun just for this.
	 */
	use<Result>(
		work: (ticket: Ticket, isNew: boolean) => Promise<Result | typeof ENDED>,
		signal: AbortSignal,
	): Promise<Result>;
}

/** Who is denied does not log in again for so long: a tick asks for many domains, and who fails often is shut out. */
const DENIED_MS = 60_000;

/** `begin` logs in; it fails as `Api.call` does. */
export function createSession<Ticket>(
	{ provider, clock }: { readonly provider: string; readonly clock: Clock },
	begin: (signal: AbortSignal) => Promise<Ticket>,
): Session<Ticket> {
	let held: Ticket | null = null;
	let denial: { readonly error: KeyturnError; readonly untilMs: number } | null = null;

	async function login(signal: AbortSignal): Promise<Ticket> {
		if (denial !== null && clock.uptimeMs() < denial.untilMs) throw denial.error;
		try {
			return await begin(signal);
		} catch (thrown) {
			const error = asKeyturnError(thrown);
			if (error.code === "provider.denied") denial = { error, untilMs: clock.uptimeMs() + DENIED_MS };
			throw thrown;
		}
	}

	return {
		async use(work, signal) {
			if (held !== null) {
				const result = await work(held, false);
				if (result !== ENDED) return result;
			}
			held = null;
			held = await login(signal);
			const result = await work(held, true);
			if (result !== ENDED) return result;
			held = null;
			throw new KeyturnError("provider.refused", `${provider}: it ended a session as soon as it had begun`, {
				retry: true,
				hint: "does anything else log in with the same credential?",
			});
		},
	};
}
