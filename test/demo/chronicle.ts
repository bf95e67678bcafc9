/** Remembers when each key came into each state, as the agent's own state files say it, and tells each change once. */

import type { Clock } from "../../src/ports/clock.ts";
import type { StateStore } from "../../src/ports/state-store.ts";
import { type DomainState, keyOf } from "../../src/rotation/domain-state.ts";
import { parseDomainState } from "../../src/rotation/stored-state.ts";
import type { KeyState } from "../../src/rotation/life.ts";

/** `dropped`: its key file is deleted, long after its record. */
export type LifeState = KeyState | "dropped";

export interface Change {
	readonly domain: string;
	readonly selector: string;
	readonly origin: "made" | "adopted";
	readonly state: LifeState;
	readonly at: Date;
}

export interface Chronicle {
	/** The store as the agent gets it: `onChange` is waited for before the agent goes on. */
	readonly store: StateStore;
	readonly changes: readonly Change[];
	/** Null before the first save. */
	stateOf(domain: string): DomainState | null;
}

const PREFIX = "domains/";

export function createChronicle(
	store: StateStore,
	clock: Clock,
	onChange: (change: Change) => Promise<void>,
): Chronicle {
	const states = new Map<string, DomainState>();
	const changes: Change[] = [];
	return {
		changes,
		stateOf: (domain) => states.get(domain) ?? null,
		store: {
			...store,
			async save(lease, name, state, revision) {
				const saved = await store.save(lease, name, state, revision);
				if (!name.startsWith(PREFIX)) return saved;
				const after = parseDomainState(JSON.parse(JSON.stringify(state)));
				const before = states.get(after.domain) ?? null;
				states.set(after.domain, after);
				for (const change of changesBetween(before, after, clock)) {
					changes.push(change);
					await onChange(change);
				}
				return saved;
			},
		},
	};
}

function changesBetween(before: DomainState | null, after: DomainState, clock: Clock): readonly Change[] {
	const { domain } = after;
	return after.keys.flatMap((key): readonly Change[] => {
		const { selector, origin } = key;
		const known = before === null ? null : keyOf(before, selector);
		if (known?.state !== key.state)
			return [{ domain, selector, origin, state: key.state, at: new Date(key.since) }];
		if (known.owes?.act === "drop" && key.owes === null)
			return [{ domain, selector, origin, state: "dropped", at: clock.now() }];
		return [];
	});
}
