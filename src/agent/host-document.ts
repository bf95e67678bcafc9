/** Changes the host's document outside a tick. */

import { KeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { StateStore } from "../ports/state-store.ts";
import { type Checked, type HostState, newHostState, parseHostState } from "./host-state.ts";

const LOCK_MS = 30_000;

/** Durable when it resolves to what stands there then; "held" if another kept the lock all the time. */
export async function editHostDocument(
	{ store, clock }: { readonly store: StateStore; readonly clock: Clock },
	edit: (host: HostState) => HostState,
	signal: AbortSignal,
): Promise<HostState | "held"> {
	const lease = await store.lock(LOCK_MS, signal);
	if (lease === "held") return "held";
	try {
		const stored = await store.load("host");
		const host = stored === null ? newHostState(clock.now()) : parseHostState(stored.state);
		const next = edit(host);
		if (lease.lost.aborted) throw new KeyturnError("lease.lost", "the lock was lost", { retry: true });
		if (next !== host) await store.save(lease, "host", next, stored?.revision ?? 0);
		return next;
	} finally {
		await lease.release();
	}
}

/** Replaces what is known of one account; what says nothing any more goes. */
export function withChecked(
	host: HostState,
	{ provider, account }: Pick<Checked, "provider" | "account">,
	edit: (checked: Checked) => Checked,
): HostState {
	const isMeant = (one: Checked): boolean => one.provider === provider && one.account === account;
	const before = host.checks.find(isMeant) ?? { provider, account, passedAt: null, scratch: [] };
	const edited = edit(before);
	if (edited === before) return host;
	const says = edited.passedAt !== null || edited.scratch.length > 0;
	const others = host.checks.filter((one) => !isMeant(one));
	return { ...host, checks: says ? [...others, edited] : others };
}
