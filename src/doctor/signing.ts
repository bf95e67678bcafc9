/** Whether something signs for every domain, with lines that can be turned, and whether the running signer does it. */

import type { InspectedSigner } from "../ports/door.ts";
import { lanesOf } from "../rotation/lanes.ts";
import { isCandidate } from "../rotation/life.ts";
import type { DomainFacts, Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { isUnread } from "./permissions.ts";

export function checkSigning({ domains, door }: Facts): readonly Finding[] {
	if (door.kind === "silent") return [];
	return domains.flatMap((domain) => {
		const signer = door.answer.signers.find(({ signer: name }) => name === domain.policy.signer);
		if (signer === undefined || signer.problem !== null || domain.state?.wants.remove != null) return [];
		return [
			...(domain.keys.length === 0 ? unsigned(domain, signer) : []),
			...fixed(domain),
			...(domain.policy.signers === undefined ? missing(domain) : coming(domain, door.answer.signers)),
			...silent(domain),
		];
	});
}

/** A first key is made by itself, unless there is no place for its lines. */
function unsigned({ policy, state }: DomainFacts, signer: InspectedSigner): readonly Finding[] {
	const { domain } = policy;
	const noPlace = signer.firstKeyFaults.find((fault) => fault.domain === domain);
	if (noPlace !== undefined)
		return [
			finding("domain.no_place", domain, {
				summary: `nothing signs for it, and it cannot get a first key: ${noPlace.reason}`,
				advice: "make room for its lines as said",
				command: `keyturn add ${domain}`,
			}),
		];
	const isComing = state?.keys.some((key) => isCandidate(key.state)) ?? false;
	return [
		finding("domain.unsigned", domain, {
			summary: isComing ? "nothing signs for it yet: its first key is on its way" : "nothing signs for it",
			...(isComing
				? { advice: "see what it waits for", command: "keyturn status" }
				: { command: `keyturn add ${domain}` }),
			...(isComing ? { severity: "warning" as const } : {}),
		}),
	];
}

function fixed({ policy, keys }: DomainFacts): readonly Finding[] {
	return keys.flatMap(({ line }) =>
		line.problem === null || isUnread(line.problem)
			? []
			: [
					finding("key.fixed", `${policy.domain} ${line.selector}`.trim(), {
						summary: `its line cannot be turned: ${line.problem}`,
						advice: `write the line of ${line.entry} so that it names one domain, one selector and one file`,
					}),
				],
	);
}

/** A key with a signer of its own is put there by itself, also where another signs already. */
function coming({ policy, keys }: DomainFacts, signers: readonly InspectedSigner[]): readonly Finding[] {
	if (keys.length === 0) return [];
	return lanesOf(policy).flatMap(({ signer, key: { algorithm } }) => {
		const told = signers.find((one) => one.signer === signer);
		const found = keys.filter((key) => key.signer === signer).map((key) => key.algorithm);
		if (found.includes(algorithm)) return [];
		// What cannot be read is told of elsewhere.
		if (told === undefined || told.problem !== null || found.includes(null)) return [];
		if (found.length > 0)
			return [
				finding("key.missing", policy.domain, {
					summary: `no ${algorithm} key of ${signer} signs for it, but one of ${found.join(", ")}`,
					advice:
						"let `signer` name the signers in the order of `key`, or exchange the lines of their tables",
				}),
			];
		const noPlace = told.firstKeyFaults.find(({ domain }) => domain === policy.domain);
		return [
			finding("key.missing", policy.domain, {
				summary: `no ${algorithm} key of ${signer} signs for it${noPlace === undefined ? " yet" : `, and it cannot get one: ${noPlace.reason}`}`,
				...(noPlace === undefined
					? { advice: "its first one is made by itself: see what it waits for", command: "keyturn status" }
					: { advice: "make room for its lines as said" }),
			}),
		];
	});
}

/** Beside a key that signs keyturn puts none of the other algorithm into the same tables: only somebody who looks knows where its line belongs. */
function missing({ policy, keys }: DomainFacts): readonly Finding[] {
	const found = keys.map(({ algorithm }) => algorithm);
	if (found.length === 0 || found.includes(null)) return [];
	return (policy.keys ?? []).flatMap(({ algorithm }) =>
		found.includes(algorithm)
			? []
			: [
					finding("key.missing", policy.domain, {
						summary: `keyturn.yaml has a list of keys for it, and no ${algorithm} key signs beside the ${found.join(", ")} key`,
						advice: `put one beside it by hand, and keyturn turns both: docs/signers.md, "RSA and Ed25519 together"; or let key be one`,
					}),
				],
	);
}

function silent({ policy, keys }: DomainFacts): readonly Finding[] {
	return keys.flatMap(({ line, unsigned: why }) =>
		why === null
			? []
			: [
					finding("signer.silent", `${policy.domain} ${line.selector}`, {
						summary: `the running signer does not sign with it: ${why}`,
						advice: "restart the signer once: it may run with an older configuration",
					}),
				],
	);
}
