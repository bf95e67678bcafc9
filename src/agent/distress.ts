/** Tells that a whole tick failed, or hung: then the outbox may be out of reach, and the sinks are told without it. */

import { asKeyturnError } from "../errors.ts";
import { CAUSES } from "./causes.ts";
import { type HostState, newHostState } from "./host-state.ts";
import type { AgentPorts, AgentSettings, Memory, Run } from "./run.ts";
import { type Audience, end, isDue, raise, repeat } from "./troubles.ts";

const DELIVERY_MS = 15_000;
/** A sink that fails while the outbox is out of reach is tried again this much later. */
const AGAIN_MS = 10 * 60_000;
/** What comes back sooner than that is over only once it has stayed away for so long: each start and end would be told. */
const CALM_MS = 60 * 60_000;

export interface DistressGiven {
	readonly ports: AgentPorts;
	readonly settings: AgentSettings;
	readonly memory: Memory;
	readonly signal: AbortSignal;
}

export interface Distress {
	readonly summary: string;
	readonly detail: string;
	readonly hint: string | null;
}

/** Start and repetitions come at their intervals, as from the outbox; this process alone remembers them. */
export async function tellDistress(given: DistressGiven, distress: Distress): Promise<void> {
	const { ports, settings, memory } = given;
	const now = ports.clock.now();
	const failedMs = ports.clock.uptimeMs();
	const isBack =
		memory.distress?.isBack ?? (memory.distressOverMs !== null && failedMs - memory.distressOverMs < CALM_MS);
	const audience: Audience = { host: settings.host, sinks: ports.sinks, newId: () => ports.random.id() };
	const raised = raise(memory.distress?.told ?? newHostState(now), now, audience, {
		cause: CAUSES.tick(),
		event: "state_damaged",
		severity: "critical",
		domains: [],
		selector: null,
		summary: distress.summary,
		detail: distress.detail,
		hint: distress.hint ?? "the keys in use go on signing; check the state directory and its disk",
	});
	const told = await deliverDirectly(given, repeat(raised.host, now, audience));
	memory.distress = { told, failedMs, isBack };
}

/**
 * A tick that went through ends it, one that came back an hour of them: what was told of it directly is told to be over by the
 * outbox.
 */
export async function endDistress(run: Run): Promise<void> {
	const { distress } = run.memory;
	const { ports, settings } = run;
	const nowMs = ports.clock.uptimeMs();
	if (distress === null || (distress.isBack && nowMs - distress.failedMs < CALM_MS)) return;
	const audience: Audience = { host: settings.host, sinks: ports.sinks, newId: () => ports.random.id() };
	await run.editHost((host) => {
		const joined = {
			...host,
			troubles: [...host.troubles, ...distress.told.troubles],
			outbox: [...host.outbox, ...distress.told.outbox],
		};
		return end(joined, run.now(), audience, CAUSES.tick(), null);
	});
	run.memory.distress = null;
	run.memory.distressOverMs = nowMs;
}

/** What is left to be told afterwards. A sink that fails does not keep the others from being told. */
async function deliverDirectly({ ports, signal }: DistressGiven, from: HostState): Promise<HostState> {
	let left = from.outbox;
	for (const entry of from.outbox) {
		const sink = ports.sinks.find((one) => one.name === entry.sink);
		const now = ports.clock.now();
		if (sink === undefined || !isDue(entry.notBefore, AGAIN_MS, now)) continue;
		try {
			const shortfall = await sink.deliver(entry.event, ports.clock.deadline(DELIVERY_MS, signal));
			if (shortfall !== undefined)
				ports.log.warn("alert not delivered to everybody", { sink: sink.name, reason: shortfall });
			left = left.filter((one) => one !== entry);
		} catch (thrown) {
			ports.log.warn("alert not delivered", { sink: sink.name, error: asKeyturnError(thrown) });
			const notBefore = new Date(now.getTime() + AGAIN_MS).toISOString();
			left = left.map((one) => (one === entry ? { ...one, tries: one.tries + 1, notBefore } : one));
		}
	}
	return { ...from, outbox: left };
}
