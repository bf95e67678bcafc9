/**
 * A domain whose messages are signed with keys of several algorithms: each algorithm turns like a domain of its own, and all
 * switch together. One document holds them; here is what of it belongs to which.
 */

import { type DomainState, keyOf, NOTHING_WANTED, type Wants } from "./domain-state.ts";
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

/**
 * The stored state, as `key` in keyturn.yaml divides it now. Wishes stand with the algorithm that they were asked for under the
 * list of then: what names a key goes with that key, a removal concerns all, and where one key is left it has the wishes of all.
 */
export function divided(state: DomainState, { keys }: Pick<Policy, "keys">): DomainState {
	const all = [state.wants, ...Object.values(state.wantsOf ?? {})];
	if (keys === undefined) return rsaFirst(all.length === 1 ? state : undivided(state, all));
	if (all.every(isOfNoKey)) return state;
	const ofAlgorithm = (algorithm: Lane["algorithm"], own: Wants): Wants => {
		const isOwn = ({ selector }: { readonly selector: string }): boolean =>
			keyOf(state, selector)?.algorithm === algorithm;
		return {
			...own,
			rollback: all.flatMap(({ rollback }) => rollback ?? []).find(isOwn) ?? null,
			revoke: all.flatMap(({ revoke }) => revoke).filter(isOwn),
			retire: all.flatMap(({ retire }) => retire).filter(isOwn),
			remove: firstOf(all, "remove"),
		};
	};
	const [first, ...others] = keys.map(({ algorithm }) => algorithm);
	const wantsOf = others.map((algorithm) => [
		algorithm,
		ofAlgorithm(algorithm, state.wantsOf?.[algorithm] ?? NOTHING_WANTED),
	]);
	return {
		...state,
		wants: first === undefined ? state.wants : ofAlgorithm(first, state.wants),
		wantsOf: Object.fromEntries(wantsOf) as NonNullable<DomainState["wantsOf"]>,
	};
}

function isOfNoKey({ rollback, revoke, retire, remove }: Wants): boolean {
	return rollback === null && remove === null && revoke.length === 0 && retire.length === 0;
}

function undivided(state: DomainState, all: readonly Wants[]): DomainState {
	const { wantsOf: _, ...rest } = state;
	return {
		...rest,
		wants: {
			rotate: firstOf(all, "rotate"),
			rollback: firstOf(all, "rollback"),
			add: firstOf(all, "add"),
			remove: firstOf(all, "remove"),
			revoke: all.flatMap(({ revoke }) => revoke),
			retire: all.flatMap(({ retire }) => retire),
		},
	};
}

function firstOf<Kind extends "rotate" | "rollback" | "add" | "remove">(
	all: readonly Wants[],
	kind: Kind,
): Wants[Kind] {
	return all.find((wants) => wants[kind] !== null)?.[kind] ?? null;
}

/** Of several keys that sign each message the RSA one is turned where one is configured: it is the active one. */
function rsaFirst(state: DomainState): DomainState {
	const active = state.keys.filter((key) => key.state === "active").map(({ algorithm }) => algorithm);
	if (active[0] === "rsa" || !active.includes("rsa")) return state;
	const isRsa = ({ algorithm }: DomainState["keys"][number]): boolean => algorithm === "rsa";
	return { ...state, keys: [...state.keys.filter(isRsa), ...state.keys.filter((key) => !isRsa(key))] };
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
	// A name of a ring may have stood for a key of another algorithm before: that one is gone for everybody.
	const named = new Set(view.keys.map(({ selector }) => selector));
	const others = whole.keys.filter(
		({ algorithm, selector }) => algorithm !== lane.algorithm && !named.has(selector),
	);
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
