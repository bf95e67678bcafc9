/** Knows a lock that another keyturn does not let go: a command that was stopped in its terminal holds it for ever. */

import type { Distress } from "./distress.ts";
import type { AgentPorts, Memory } from "./run.ts";
import type { TickReport } from "./tick-report.ts";

const MINUTE_MS = 60_000;
/** The longest step of another keyturn is over by then, whatever it met. */
const LONGEST_MS = 20 * MINUTE_MS;

/** What to tell where every tick of this process for so long found the lock held; null where it is not so. */
export function longHeld(
	memory: Memory,
	{ clock }: AgentPorts,
	report: TickReport | "held" | null,
): Distress | null {
	memory.heldSinceMs = report === "held" ? (memory.heldSinceMs ?? clock.uptimeMs()) : null;
	const heldMs = clock.uptimeMs() - (memory.heldSinceMs ?? clock.uptimeMs());
	if (heldMs < LONGEST_MS) return null;
	return {
		summary: "another keyturn does not let the state directory go: nothing is turned, looked at or removed",
		detail: `another keyturn has held the lock for ${Math.floor(heldMs / MINUTE_MS)} minutes`,
		hint: "the keys in use go on signing; was a command stopped with Ctrl-Z? `ps axo pid,stat,args | grep keyturn` shows it with a T: let it go on (`fg`, or kill -CONT and its pid), or end it",
	};
}
