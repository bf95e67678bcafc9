/** Whether the agent gets on: a call to the outside that ends is a sign of life, and a tick that hangs gives none. */

import type { Clock } from "../ports/clock.ts";

export interface Pulse {
	/** The same port; each of its calls gives a sign of life when it ends, whatever came of it. */
	watch<Port extends object>(port: Port): Port;
	/** The same port, whose calls take long and have a deadline of their own: as long as one is under way all is well. */
	bear<Port extends object>(port: Port): Port;
	/** For how long nothing has come to an end, by uptime. */
	silentMs(): number;
}

export function createPulse(clock: Pick<Clock, "uptimeMs">): Pulse {
	let endedAtMs = clock.uptimeMs();
	let borne = 0;
	const watch: Pulse["watch"] = (port) =>
		around(port, async (call) => {
			try {
				return await call();
			} finally {
				endedAtMs = clock.uptimeMs();
			}
		});
	return {
		watch,
		bear: (port) =>
			around(watch(port), async (call) => {
				borne += 1;
				try {
					return await call();
				} finally {
					borne -= 1;
				}
			}),
		silentMs: () => (borne > 0 ? 0 : clock.uptimeMs() - endedAtMs),
	};
}

/** Every member of a port is a function that gives a promise. */
function around<Port extends object>(
	port: Port,
	through: (call: () => Promise<unknown>) => Promise<unknown>,
): Port {
	type Member = (...given: readonly unknown[]) => Promise<unknown>;
	const members = Object.entries(port) as readonly (readonly [string, Member])[];
	return Object.fromEntries(
		members.map(([name, member]) => [
			name,
			async (...given: readonly unknown[]) => through(() => member(...given)),
		]),
	) as Port;
}
