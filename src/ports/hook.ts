/** A program of the administrator's that has a say before the keys of a switch begin to sign. */

import type { KeyturnEvent } from "./alert-sink.ts";

/** What it gets: an event like all others, but of something that has not happened yet; it is in no history. */
export type SwitchingEvent = Omit<KeyturnEvent, "event"> & { readonly event: "switching" };

/** "deferred": not now, without anything being wrong (exit status 75, EX_TEMPFAIL of sysexits.h). */
export type HookOutcome =
	| { readonly kind: "done" }
	| { readonly kind: "deferred"; readonly reason: string }
	| { readonly kind: "failed"; readonly reason: string };

export interface PreHook {
	/** Stable across restarts: it names its trouble. */
	readonly name: string;
	/** Run again at every attempt of a switch. Ends in bounded time whatever the program does; never fails. */
	run(event: SwitchingEvent, signal: AbortSignal): Promise<HookOutcome>;
}
