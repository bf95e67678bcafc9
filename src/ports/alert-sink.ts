/** One way of telling somebody. */

export const EVENTS = [
	"published",
	"verified",
	"switched",
	"retired",
	"revoked",
	"recovered",
	"rolled_back",
	"given_up",
	"action_needed",
] as const;

export const TROUBLES = [
	"verification_failed",
	"publish_failed",
	"swap_failed",
	"retire_failed",
	"key_overdue",
	"drift_detected",
	"provider_denied",
	"clock_suspect",
	"config_rejected",
	"state_damaged",
	"hook_failed",
	"alert_undelivered",
] as const;

export type EventName = (typeof EVENTS)[number];
export type TroubleName = (typeof TROUBLES)[number];
export type Severity = "info" | "warning" | "critical";

/** DESIGN.md section 6: what the sinks and the history get, as JSON. */
export interface KeyturnEvent {
	readonly schema: 1;
	readonly id: string;
	/** RFC 3339, UTC. */
	readonly at: string;
	readonly host: string;
	readonly event: EventName | TroubleName;
	readonly severity: Severity;
	/** A stable id of the cause; null for plain events. */
	readonly trouble: string | null;
	readonly phase: "start" | "repeat" | "end" | null;
	readonly domains: readonly string[];
	readonly selector: string | null;
	readonly summary: string;
	readonly detail: string | null;
	readonly hint: string | null;
	/** When the trouble began; null for plain events. */
	readonly since: string | null;
	/** How often it was told, from 1. */
	readonly count: number;
}

/** A tick that begins, or how it ended. */
export interface Beat {
	readonly phase: "start" | "success" | "fail";
	/** In words; may have lines. */
	readonly text: string;
}

export interface AlertSink {
	/** Stable across restarts: what the outbox remembers. */
	readonly name: string;
	/** A program of `hooks` that is run after a switch, and not somebody to be told; absent for alerts. */
	readonly hook?: "deploy" | "post";
	/** Null for all events. */
	readonly on: readonly (EventName | TroubleName)[] | null;
	/** How long a lasting trouble stays untold before it is told again, at first, in milliseconds. */
	readonly repeatMs: number;
	/**
	 * Resolves when the other side took it, to a sentence about those whom it does not reach all the same, if there are any:
	 * the others are not to get it again; fails with `alert.undelivered` or `hook.failed`. May deliver twice, never half.
	 */
	deliver(event: KeyturnEvent, signal: AbortSignal): Promise<string | undefined>;
	/** Of a heartbeat alone, which gets no events: gives a sign of life; fails with `alert.undelivered`. */
	readonly beat?: (beat: Beat, signal: AbortSignal) => Promise<void>;
}
