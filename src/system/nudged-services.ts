/**
 * Has a service that is being stopped notice it. OpenDKIM looks whether it is to end when a connection comes, and else
 * every five seconds: with its mail server stopped none comes, and mail would wait for that.
 */

import type { Clock } from "../ports/clock.ts";
import type { Services } from "../ports/services.ts";

/** The signal has to be there first. */
const FIRST_MS = 50;

/** `nudges`: by service, what connects to it once; whether that succeeds is nothing to us. */
export function nudgeStops(
	services: Services,
	clock: Clock,
	nudges: ReadonlyMap<string, () => Promise<unknown>>,
): Services {
	return {
		...services,
		async stop(service, units) {
			const stopping = services.stop(service, units);
			const nudge = nudges.get(service);
			if (nudge === undefined || units.length === 0) return stopping;
			const over = new AbortController();
			const ended = stopping.catch(() => undefined).finally(() => over.abort());
			while (!over.signal.aborted) {
				await clock.sleep(FIRST_MS, over.signal);
				if (!over.signal.aborted) await Promise.race([ended, nudge().catch(() => undefined)]);
			}
			return stopping;
		},
	};
}
