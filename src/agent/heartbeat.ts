/** Tells those who wait for a sign of life that a tick begins, and how it ended: their alarm is its absence. */

import { asKeyturnError } from "../errors.ts";
import type { Beat } from "../ports/alert-sink.ts";
import type { AgentPorts } from "./run.ts";
import type { TickReport } from "./tick-report.ts";

/** A tick does not wait long for it. */
const DEADLINE_MS = 5_000;

/** Never fails: what does not arrive is missed by whoever waits for it. */
export async function beat(
	{ sinks, clock, log }: AgentPorts,
	given: Beat,
	signal: AbortSignal,
): Promise<void> {
	await Promise.all(
		sinks.map(async (sink) => {
			try {
				await sink.beat?.(given, clock.deadline(DEADLINE_MS, signal));
			} catch (thrown) {
				log.warn("heartbeat not delivered", { sink: sink.name, reason: asKeyturnError(thrown).message });
			}
		}),
	);
}

/** What the end of a tick means: a domain that failed is a failure, whatever became of the others. */
export function beatOf(report: TickReport | "held"): Beat {
	if (report === "held") return { phase: "success", text: "another keyturn is at work" };
	const failed = report.domains.filter(({ error }) => error !== null);
	if (failed.length === 0) return { phase: "success", text: `${report.domains.length} domains looked after` };
	return {
		phase: "fail",
		text: failed.map(({ domain, error }) => `${domain}: ${error?.message ?? ""}`).join("\n"),
	};
}
