/**
 * Which keys turn together: those of domains for which one line of the signer's configuration, or one key file, signs, as the
 * door tells it; and those of one domain whose messages are signed with several.
 */

import type { InspectAnswer, InspectedLine } from "../ports/door.ts";
import type { Policy } from "../rotation/policy.ts";
import { type Group, turningAs } from "../rotation/together.ts";
import type { Doc } from "./run.ts";

export interface DocGroup {
	/** In the order of keyturn.yaml. */
	readonly docs: readonly Doc[];
	/** Members whose state cannot be read. */
	readonly missing: readonly string[];
	readonly sharesKey: boolean;
	/** False for the keys of one domain that are of several algorithms. */
	readonly sharesName: boolean;
}

export type Groups = ReadonlyMap<string, DocGroup>;

export const NO_GROUPS: Groups = new Map();

/** By domain; who turns alone is not among them. */
export function groupsOf(docs: readonly Doc[], answer: InspectAnswer | null): Groups {
	const byName = new Map<string, InspectedLine[]>();
	for (const { signer, lines } of answer?.signers ?? [])
		for (const line of lines) {
			if (line.group === undefined) continue;
			const name = `${signer} ${line.group}`;
			const known = byName.get(name);
			if (known === undefined) byName.set(name, [line]);
			else known.push(line);
		}
	const groups = new Map<string, DocGroup>();
	for (const lines of byName.values()) {
		const domains = new Set(lines.map(({ domain }) => domain));
		const members = docs.filter(({ policy }) => domains.has(policy.domain) && policy.lane === undefined);
		const missing = [...domains].filter((domain) => !docs.some(({ policy }) => policy.domain === domain));
		const sharesKey = new Set(lines.map(({ keyPath }) => keyPath)).size === 1;
		const group = { docs: members, missing, sharesKey, sharesName: true };
		for (const { policy } of members) groups.set(policy.domain, group);
	}
	for (const { policy } of docs) {
		if (policy.lane?.isFirst !== true) continue;
		const lanes = docs.filter((one) => one.policy.domain === policy.domain);
		groups.set(policy.domain, { docs: lanes, missing: [], sharesKey: false, sharesName: false });
	}
	return groups;
}

/** The others of a domain's group. */
export function matesOf(doc: Doc, groups: Groups): readonly Doc[] {
	return groups.get(doc.policy.domain)?.docs.filter((one) => one !== doc) ?? [];
}

export function asSeen({ docs, sharesKey, sharesName }: DocGroup): Group {
	return { members: docs.map(({ state }) => state), sharesKey, sharesName };
}

/** Who turns together turns by the settings of whoever stands first in keyturn.yaml: when, by which name, to which key. */
export function policyOfTurn(policy: Policy, group: DocGroup | undefined): Policy {
	const first = group?.docs[0]?.policy;
	if (first === undefined || group?.sharesName === false) return policy;
	return turningAs(policy, first);
}
