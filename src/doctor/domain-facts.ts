/** Gathers what is to be judged of one domain: its keys at every server, its providers, its waiting times, its mail. */

import { asKeyturnError } from "../errors.ts";
import { publicHalfOf, recordText } from "../dkim/key-material.ts";
import { formatKeyRecord } from "../dkim/key-record.ts";
import { isBelow, keyRecordName } from "../dkim/names.ts";
import type { InspectedLine, ProbeTold } from "../ports/door.ts";
import { signersOf } from "../rotation/lanes.ts";
import type { Policy } from "../rotation/policy.ts";
import type { DomainFacts, DoorFacts, KeyFacts, ProviderFacts } from "./facts.ts";
import { findLeft } from "./left-records.ts";
import { createLookup, type Lookup } from "./lookup.ts";
import { gatherMail } from "./mail-facts.ts";
import type { Asking, Known, Writer } from "./sources.ts";

export interface DomainAsking extends Asking {
	readonly known: Known;
	readonly door: DoorFacts;
	readonly probed: readonly ProbeTold[];
}

export async function gatherDomain(
	one: Known["domains"][number],
	asking: DomainAsking,
): Promise<DomainFacts> {
	const { ports, signal, door, known } = asking;
	const { policy, state } = one;
	const lookup = createLookup(ports.resolver, policy.verify, signal);
	const keys = await Promise.all(
		linesOf(door, policy).map(async (one) => gatherKey(one, policy, { ...asking, lookup })),
	);
	const selector = `keyturn-${ports.random.id().slice(0, 12)}`;
	const { zone, negativeTtlSeconds, wildcardTtlSeconds } = await ports.propagation.vacancy(
		policy.domain,
		selector,
		policy.verify,
		signal,
	);
	const left =
		door.kind === "told"
			? await findLeft({
					policy,
					state,
					inspection: door.answer,
					now: ports.clock.now(),
					lookup,
					propagation: ports.propagation,
					signal,
				})
			: [];
	return {
		...one,
		keys,
		negativeTtlSeconds: zone === null ? null : negativeTtlSeconds,
		wildcardTtlSeconds,
		providers: known.unmade === null ? await gatherProviders(policy, keys, asking) : [],
		leftRecords: left,
		mail: await gatherMail(policy.domain, lookup, { policies: ports.policies, addresses: known.addresses }),
	};
}

type Line = Pick<KeyFacts, "signer" | "line">;

function linesOf(door: DoorFacts, policy: Policy): readonly Line[] {
	if (door.kind === "silent") return [];
	const own = signersOf(policy);
	return door.answer.signers
		.filter(({ signer }) => own.includes(signer))
		.flatMap(({ signer, lines }) => lines.map((line) => ({ signer, line })))
		.filter(({ line }) => line.domain === policy.domain && line.signs);
}

/** What the record of a line's key has to be; null if its key cannot be read. */
export function recordOf({ publicKey }: InspectedLine): string | null {
	const half = publicKey === null ? null : publicHalfOf(publicKey);
	return half === null ? null : formatKeyRecord({ algorithm: half.algorithm, publicKey: recordText(half) });
}

async function gatherKey(
	{ signer, line }: Line,
	policy: Policy,
	{ ports, signal, probed, lookup }: DomainAsking & { readonly lookup: Lookup },
): Promise<KeyFacts> {
	const { selector } = line;
	const half = line.publicKey === null ? null : publicHalfOf(line.publicKey);
	const record = recordOf(line);
	const request = { domain: policy.domain, selector, verify: policy.verify, askResolvers: true };
	const texts = await lookup.texts(keyRecordName(selector, policy.domain));
	const values = texts.kind === "texts" ? texts.values : [];
	return {
		signer,
		line,
		algorithm: half?.algorithm ?? null,
		bits: half?.bits ?? null,
		look: record === null ? null : await ports.propagation.look({ ...request, record }, signal),
		record: values.length === 1 ? (values[0] ?? null) : null,
		unsigned: probed.find((one) => one.domain === policy.domain && one.selector === selector)?.fault ?? null,
	};
}

/** At the name of a key in use: a provider that has it holds the zone that the world asks. Else where the first one is to be. */
async function gatherProviders(
	policy: Policy,
	[key]: readonly KeyFacts[],
	{ ports, signal }: Asking,
): Promise<readonly ProviderFacts[]> {
	const name = (
		key === undefined ? `_domainkey.${policy.domain}` : keyRecordName(key.line.selector, policy.domain)
	).toLowerCase();
	const owner = key?.look?.owner ?? name;
	try {
		const writers = await ports.writersOf(policy, { name, owner }, signal);
		return await Promise.all(
			writers.map(async (writer) =>
				gatherProvider(writer, { policy, owner, isInUse: key !== undefined }, signal),
			),
		);
	} catch (thrown) {
		const { code, message, hint } = asKeyturnError(thrown);
		const own = policy.providers.join(", ");
		const isNobodys = code === "provider.zone" || code === "provider.ambiguous";
		if (!isNobodys) return [{ name: own, kind: "failed", code, why: message, hint }];
		return [{ name: own, kind: "none", why: message, ...(hint === null ? {} : { hint }) }];
	}
}

async function gatherProvider(
	{ name, findZone, list }: Writer,
	{ policy, owner, isInUse }: { readonly policy: Policy; readonly owner: string; readonly isInUse: boolean },
	signal: AbortSignal,
): Promise<ProviderFacts> {
	try {
		const found =
			policy.zone !== null && isBelow(owner, policy.zone)
				? ({ kind: "zone", zone: policy.zone } as const)
				: await findZone(owner, signal);
		if (found.kind !== "zone") return { name, ...found };
		const values = await list(found.zone, owner, signal);
		return { name, kind: "zone", zone: found.zone, values: isInUse ? values : null };
	} catch (thrown) {
		const { code, message, hint } = asKeyturnError(thrown);
		return { name, kind: "failed", code, why: message, hint };
	}
}
