/**
 * A domain whose messages are signed with keys of several algorithms: each algorithm turns like a domain of its own, and all
 * switch together. One document holds them; here is what of it belongs to which.
 */

import { type DomainState, NOTHING_WANTED } from "./domain-state.ts";
import type { Lane, Policy } from "./policy.ts";

/** One policy for each algorithm; the policy itself where there is one key. */
export function lanesOf(policy: Policy): readonly Policy[] {
	const { keys, signers, ...rest } = policy;
	if (keys === undefined) return [policy];
	return keys.map((key, index) => ({
		...rest,
		...signers?.[index],
		key,
		lane: {
			algorithm: key.algorithm,
			isFirst: index === 0,
			...(signers === undefined ? {} : { hasOwnSigner: true as const }),
		},
	}));
}

/** One policy for each of the domain's signers: the policy itself where one signer signs with all of its keys. */
export function bySigner(policy: Policy): readonly Policy[] {
	return policy.signers === undefined ? [policy] : lanesOf(policy);
}

/** Who signs for the domain: one signer, or one for each of its keys. */
export function signersOf({ signer, signers }: Pick<Policy, "signer" | "signers">): readonly string[] {
	return signers?.map((one) => one.signer) ?? [signer];
}

const views = new WeakMap<DomainState, Map<string, DomainState>>();

/** The keys of one algorithm, and what is wanted of them; the same object for the same state. */
export function laneState(state: DomainState, lane: Lane | undefined): DomainState {
	if (lane === undefined) return state;
	const known = views.get(state) ?? new Map<string, DomainState>();
	views.set(state, known);
	const name = `${lane.algorithm} ${String(lane.isFirst)}`;
	const found = known.get(name) ?? viewOf(state, lane);
	known.set(name, found);
	return found;
}

/** The whole with what became of one lane. */
export function withLane(whole: DomainState, lane: Lane | undefined, view: DomainState): DomainState {
	if (lane === undefined) return view;
	const others = whole.keys.filter(({ algorithm }) => algorithm !== lane.algorithm);
	// Whoever looks at the whole sees the keys of the first algorithm first.
	if (lane.isFirst) return { ...whole, wants: view.wants, keys: [...view.keys, ...others] };
	const wantsOf = { ...whole.wantsOf, [lane.algorithm]: view.wants };
	return { ...whole, wantsOf, keys: [...others, ...view.keys] };
}

function viewOf(state: DomainState, { algorithm, isFirst }: Lane): DomainState {
	const wants = isFirst ? state.wants : (state.wantsOf?.[algorithm] ?? NOTHING_WANTED);
	const keys = state.keys.filter((key) => key.algorithm === algorithm);
	return { schema: 1, domain: state.domain, wants, keys };
}
