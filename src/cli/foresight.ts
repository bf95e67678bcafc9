/** What a tick would do for a domain, step by step: each is taken as done, as far as its end is known, and the next one asked for. */

import { adoptedKey } from "../agent/adopted-key.ts";
import { publicHalfOf } from "../dkim/key-material.ts";
import type { InspectedSigner } from "../ports/door.ts";
import { type Moment, outlooks, waitsOf } from "../report/outlook.ts";
import { type DomainState, type KeyEntry, keyOf, moveKey } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import { type Delay, delayKey, type Step, type Wait } from "../rotation/step.ts";
import type { Workbench } from "./workbench.ts";

export interface ForesightGiven {
	readonly bench: Workbench;
	readonly policy: Policy;
	readonly state: DomainState;
	readonly signer: InspectedSigner;
	readonly moment: Moment;
	/** When services were last stopped for a switch. */
	readonly lastPauseAt: Date | null;
	readonly signal: AbortSignal;
}

export interface Foresight {
	/** What is done besides the turn. */
	readonly besides: readonly Step[];
	/** The step of the turn that is done now; null where it waits. */
	readonly turn: Step | null;
	/** What is waited for, that of the turn first. */
	readonly waits: readonly Wait[];
	/** As it is once these are done. */
	readonly state: DomainState;
}

const DONE: Delay = { until: new Date(8.64e15), reason: "" };

export async function foresee(given: ForesightGiven): Promise<Foresight> {
	const { policy, signer, moment, lastPauseAt } = given;
	const inUse = signer.lines.filter((line) => line.domain === policy.domain && line.signs);
	const fault = signer.firstKeyFaults.find((one) => one.domain === policy.domain);
	const besides: Step[] = [];
	const delays = new Map<string, Delay>();
	let { state } = given;
	let turn: Step | null = null;
	for (;;) {
		const looked = { inUse, firstKeyFault: fault?.reason ?? null, lastPauseAt, delays };
		const plans = outlooks(state, policy, moment, looked);
		const next = plans.find((one) => one.kind === "step");
		if (next?.kind !== "step") return { besides, turn, waits: waitsOf(plans), state };
		const { step } = next;
		if (isOfTurn(step, state)) turn ??= step;
		else besides.push(step);
		state = await afterwards(given, step, state);
		delays.set(delayKey(step.kind, step.kind === "adopt" ? null : step.selector), DONE);
	}
}

function isOfTurn(step: Step, state: DomainState): boolean {
	if (step.kind === "switch") return keyOf(state, step.selector)?.state !== "active";
	return step.kind === "make" || step.kind === "publish" || step.kind === "look";
}

/** Of all others the end is not known beforehand, or nothing of the turn follows from it. */
async function afterwards(given: ForesightGiven, step: Step, state: DomainState): Promise<DomainState> {
	const { now } = given.moment;
	switch (step.kind) {
		case "adopt": {
			const keys = await Promise.all(step.selectors.map(async (selector) => adopted(given, selector)));
			return { ...state, keys: [...state.keys, ...keys.filter((key) => key !== null)] };
		}
		case "giveUp":
			return moveKey(state, step.selector, "retiring", now, { reason: step.reason });
		case "turnAway": {
			const rotate = { id: "foreseen", askedAt: now.toISOString(), noSoak: true };
			return { ...state, wants: { ...state.wants, rotate } };
		}
		default:
			return state;
	}
}

async function adopted(
	{ bench, policy, signer, moment, signal }: ForesightGiven,
	selector: string,
): Promise<KeyEntry | null> {
	const { domain } = policy;
	const line = signer.lines.find((one) => one.domain === domain && one.selector === selector);
	const half = line?.publicKey == null ? null : publicHalfOf(line.publicKey);
	if (half === null) return null;
	const seen = await bench.propagation.vacancy(domain, selector, policy.verify, signal);
	return adoptedKey(policy, { selector, half, seen, providers: policy.providers, now: moment.now });
}
