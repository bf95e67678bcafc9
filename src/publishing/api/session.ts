/** A session that an interface wants before anything else. */

import { KeyturnError } from "../../errors.ts";

/** What a call is told where the interface has ended the session: the call was not carried out. */
export const ENDED = Symbol("the session has ended");

export interface Session<Ticket> {
	/** Works with the session that is held; begins one where there is none, and once more where it has ended. */
	use<Result>(work: (ticket: Ticket) => Promise<Result | typeof ENDED>, signal: AbortSignal): Promise<Result>;
}

/** `begin` logs in; it fails as `Api.call` does. */
export function createSession<Ticket>(
	provider: string,
	begin: (signal: AbortSignal) => Promise<Ticket>,
): Session<Ticket> {
	let held: Ticket | null = null;
	return {
		async use(work, signal) {
			if (held !== null) {
				const result = await work(held);
				if (result !== ENDED) return result;
			}
			held = null;
			held = await begin(signal);
			const result = await work(held);
			if (result !== ENDED) return result;
			held = null;
			throw new KeyturnError("provider.refused", `${provider}: it ended a session as soon as it had begun`, {
				retry: true,
				hint: "does anything else log in with the same credential?",
			});
		},
	};
}
