/**
 * The agent's copy of a private key goes once the signer has its own, or nobody will need it: after the state says so. A
 * crash or a full disk in between leaves it; so it is looked for until none is kept.
 */

import { asKeyturnError } from "../errors.ts";
import { keyOf } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import type { Doc, Run } from "./run.ts";

export async function removeCopies(run: Run, docs: readonly Doc[]): Promise<void> {
	const { withoutCopies } = run.memory;
	for (const doc of docs) {
		const { domain } = doc.policy;
		if (!withoutCopies.has(domain) && (await areGone(run, doc))) withoutCopies.add(domain);
	}
}

async function areGone({ ports }: Run, { policy: { domain }, stored: { state } }: Doc): Promise<boolean> {
	try {
		const kept = await ports.keys.list(domain);
		const unneeded = kept.filter((selector) => {
			const key = keyOf(state, selector);
			// One that the state does not know is made and not saved yet: its name will be taken again.
			return key !== null && !isCandidate(key.state);
		});
		for (const selector of unneeded) await ports.keys.remove(domain, selector);
		return unneeded.length === kept.length;
	} catch (thrown) {
		ports.log.warn("copies of keys were not removed", { domain, error: asKeyturnError(thrown) });
		return false;
	}
}
