/** The agent as others hold it: ticks without the lock while DNS is asked, told of troubles around it, configured anew. */

import { asKeyturnError } from "../errors.ts";
import { type CheckAsked, checkProvider } from "./check-provider.ts";
import type { CheckReport } from "./check-report.ts";
import type { LookReport } from "../ports/propagation.ts";
import type { DomainState } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import { type Distress, tellDistress } from "./distress.ts";
import { beat, beatOf } from "./heartbeat.ts";
import { whyUnfit } from "./fitness.ts";
import { newHostState, parseHostState } from "./host-state.ts";
import { Inquiries } from "./inquiries.ts";
import { longHeld } from "./long-held.ts";
import { type AgentPorts, type AgentSettings, newMemory } from "./run.ts";
import { type Notes, tick, type TickGiven, type TickOptions } from "./tick.ts";
import type { TickReport } from "./tick-report.ts";
import type { TroubleTelling } from "./troubles.ts";

export type { AgentPorts, AgentSettings } from "./run.ts";
export type { DomainReport, TickReport } from "./tick-report.ts";
export type { TickOptions } from "./tick.ts";

export interface Agent {
	/** Safe to repeat: a tick with nothing due changes nothing. "held" if another has the lock from the beginning. */
	tick(signal: AbortSignal, options: TickOptions): Promise<TickReport | "held">;
	/** Tries a provider with a scratch record; takes the lock for moments only. See `checkProvider`. */
	checkProvider(asked: CheckAsked, signal: AbortSignal): Promise<CheckReport>;
	/** Why the next record of a domain would not be published, as sentences; none if nothing is known. `policy` as it turns by it. */
	obstacles(policy: Policy, state: DomainState): Promise<readonly string[]>;
	/** The last look at a key by this process. */
	lastLook(domain: string, selector: string): LookReport | null;
	/** What kept the agent before this one from its work; told at once, since a tick may end the same way, and over with the next tick that goes through. */
	distress(distress: Distress, signal: AbortSignal): Promise<void>;
	/** A trouble of the process around the agent (a bad configuration), told at the next tick; null ends it. */
	note(cause: string, telling: Omit<TroubleTelling, "cause"> | null): void;
	/** Takes a new configuration over at the next tick. */
	configure(
		settings: AgentSettings,
		ports: Pick<AgentPorts, "providers" | "sinks" | "pre"> & Partial<Pick<AgentPorts, "propagation">>,
	): void;
}

/** Others hold the lock for one step at a time. */
const LOCK_AGAIN_MS = 30_000;
export function createAgent(given: AgentPorts, settings: AgentSettings): Agent {
	const memory = newMemory();
	const notes: Notes = new Map();
	let ports = given;
	let current = settings;
	return {
		async tick(signal, options) {
			const given = { ports, settings: current, memory, signal };
			await beat(ports, { phase: "start", text: "" }, signal);
			try {
				const report = await inTurns(given, notes, options);
				const distress = longHeld(memory, ports, report);
				await beat(
					ports,
					distress === null ? beatOf(report) : { phase: "fail", text: distress.detail },
					signal,
				);
				if (distress !== null) await tellDistress(given, distress);
				return report;
			} catch (thrown) {
				longHeld(memory, ports, null);
				const { code, message, hint } = asKeyturnError(thrown);
				await beat(ports, { phase: "fail", text: message }, signal);
				if (!signal.aborted && !PASSING.has(code))
					await tellDistress(given, { summary: CANNOT_WORK, detail: message, hint });
				throw thrown;
			}
		},
		checkProvider: async (asked, signal) => checkProvider({ ports, settings: current }, asked, signal),
		async obstacles(policy, state) {
			const stored = await ports.store.load("host");
			const host = stored === null ? newHostState(ports.clock.now()) : parseHostState(stored.state);
			return whyUnfit({ ports, settings: current, host }, policy, state).map(({ error }) =>
				error.hint === null ? error.message : `${error.message}: ${error.hint}`,
			);
		},
		distress: async (distress, signal) =>
			tellDistress({ ports, settings: current, memory, signal }, distress),
		lastLook: (domain, selector) => memory.looks.get(`${domain} ${selector}`) ?? null,
		note: (cause, telling) => void notes.set(cause, telling),
		configure(nextSettings, nextPorts) {
			current = nextSettings;
			ports = { ...ports, ...nextPorts };
			memory.delays.clear();
			memory.inspection = null;
		},
	};
}

const CANNOT_WORK = "keyturn cannot work on this host: nothing is turned, looked at or removed";

/** Another keyturn got in between: the next tick finds what it left. */
const PASSING: ReadonlySet<string> = new Set(["lease.lost", "state.conflict"]);

/** With the lock, without it while DNS is asked, and with it again, until nothing is left to ask. */
async function inTurns(
	given: Pick<TickGiven, "ports" | "settings" | "memory" | "signal">,
	notes: Notes,
	options: TickOptions,
): Promise<TickReport | "held"> {
	const { ports, signal } = given;
	const inquiries = new Inquiries(ports.propagation, ports.clock);
	let report: TickReport | null = null;
	for (;;) {
		const lease = await ports.store.lock(report === null ? options.lockWaitMs : LOCK_AGAIN_MS, signal);
		if (lease === "held") return report ?? "held";
		try {
			report = await tick({ ...given, lease, inquiries, before: report }, notes, options);
		} finally {
			await lease.release();
		}
		if (!inquiries.areOpen) return report;
		await inquiries.ask(signal);
	}
}
