/** Gathers all that the checks judge: reads and asks, and changes nothing. */

import { asKeyturnError } from "../errors.ts";
import { publicHalfOf, recordText } from "../dkim/key-material.ts";
import { formatKeyRecord } from "../dkim/key-record.ts";
import { keyRecordName } from "../dkim/names.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { DnsProvider } from "../ports/dns-provider.ts";
import type { Door, InspectAnswer, InspectedLine, ProbeAsked, ProbeTold } from "../ports/door.ts";
import type { MailPolicies } from "../ports/mail-policies.ts";
import type { Propagation } from "../ports/propagation.ts";
import type { Random } from "../ports/random.ts";
import type { Resolver } from "../ports/resolver.ts";
import type { TimeSource } from "../ports/time-source.ts";
import type { DomainState } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import type { Settings } from "../settings/settings.ts";
import type { AgentFacts, DomainFacts, DoorFacts, Facts, KeyFacts, ProviderFacts } from "./facts.ts";
import { findRecovery } from "./boot.ts";
import { findLeft } from "./left-records.ts";
import { createLookup, type Lookup } from "./lookup.ts";
import { gatherMail } from "./mail-facts.ts";
import { findSecrets } from "./secrets.ts";

export interface DoctorPorts {
	readonly door: Door;
	readonly propagation: Propagation;
	readonly resolver: Resolver;
	/** By name; those that could not be made are left out, with the reason in `unmade`. */
	readonly providers: ReadonlyMap<string, Pick<DnsProvider, "findZone" | "list">>;
	readonly policies: MailPolicies;
	readonly timeSource: TimeSource;
	readonly disk: Pick<Disk, "stat" | "lstat">;
	readonly clock: Clock;
	readonly random: Random;
}

export interface Known {
	readonly settings: Settings;
	readonly agent: AgentFacts;
	/** The public addresses of this host. */
	readonly addresses: readonly string[];
	readonly domains: readonly {
		readonly policy: Policy;
		readonly state: DomainState | null;
		readonly damaged: string | null;
		readonly obstacles: readonly string[];
	}[];
	/** Why no provider could be made; null if they were. */
	readonly unmade: { readonly why: string; readonly hint: string | null } | null;
}

/** Many domains on many servers: no more than this at a time. */
const DOMAINS_AT_A_TIME = 8;

export async function gather(known: Known, ports: DoctorPorts, signal: AbortSignal): Promise<Facts> {
	const door = await askDoor(ports, signal);
	const probed = door.kind === "told" ? await probe(known, door.answer, { ports, signal }) : [];
	const domains: DomainFacts[] = [];
	for (let at = 0; at < known.domains.length; at += DOMAINS_AT_A_TIME)
		domains.push(
			...(await Promise.all(
				known.domains
					.slice(at, at + DOMAINS_AT_A_TIME)
					.map(async (one) => gatherDomain(one, { known, ports, signal, door, probed })),
			)),
		);
	return {
		now: ports.clock.now(),
		settings: known.settings,
		agent: known.agent,
		door,
		secrets: await findSecrets(known.settings, ports.disk),
		recovery: await findRecovery(known.settings, ports.disk),
		clock: await ports.timeSource(),
		domains,
	};
}

async function askDoor({ door }: DoctorPorts, signal: AbortSignal): Promise<DoorFacts> {
	try {
		const answer = await door.request({ act: "inspect", ids: [], examine: true }, signal);
		if (answer.act === "refused") return { kind: "silent", why: answer.message, hint: answer.hint };
		if (answer.act !== "inspect" || answer.examined === undefined)
			return { kind: "silent", why: "it answered something else", hint: "systemctl restart keyturn" };
		return { kind: "told", answer: { ...answer, examined: answer.examined } };
	} catch (thrown) {
		const { message, hint } = asKeyturnError(thrown);
		return { kind: "silent", why: message, hint };
	}
}

interface Asking {
	readonly ports: DoctorPorts;
	readonly signal: AbortSignal;
}

/** A signer that does not run signs with nothing, which is told once. */
async function probe(
	{ settings }: Known,
	answer: InspectAnswer,
	{ ports, signal }: Asking,
): Promise<readonly ProbeTold[]> {
	const asked = answer.signers.flatMap(({ signer, running, lines }): readonly ProbeAsked[] => {
		const isProven = settings.signers.find(({ name }) => name === signer)?.probe ?? false;
		if (!running || !isProven) return [];
		return lines.flatMap((line) => {
			const record = recordOf(line);
			const isOurs = settings.policies.some(
				({ domain, signer: own }) => domain === line.domain && own === signer,
			);
			return record === null || !line.signs || line.problem !== null || line.unsafe !== null || !isOurs
				? []
				: [{ signer, domain: line.domain, selector: line.selector, record }];
		});
	});
	if (asked.length === 0) return [];
	const told = await ports.door.request({ act: "inspect", ids: [], probe: asked }, signal).catch(() => null);
	return told?.act === "inspect" ? (told.probed ?? []) : [];
}

interface DomainAsking extends Asking {
	readonly known: Known;
	readonly door: DoorFacts;
	readonly probed: readonly ProbeTold[];
}

async function gatherDomain(one: Known["domains"][number], asking: DomainAsking): Promise<DomainFacts> {
	const { ports, signal, door, known } = asking;
	const { policy, state } = one;
	const lookup = createLookup(ports.resolver, policy.verify, signal);
	const keys = await Promise.all(
		linesOf(door, policy).map(async (line) => gatherKey(line, policy, { ...asking, lookup })),
	);
	const selector = `keyturn-${ports.random.id().slice(0, 12)}`;
	const { zone, negativeTtlSeconds } = await ports.propagation.vacancy(
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
		providers: await Promise.all(
			policy.providers.map(async (name) => gatherProvider(name, { policy, keys, asking })),
		),
		leftRecords: left,
		mail: await gatherMail(policy.domain, lookup, { policies: ports.policies, addresses: known.addresses }),
	};
}

function linesOf(door: DoorFacts, { domain, signer }: Policy): readonly InspectedLine[] {
	if (door.kind === "silent") return [];
	const lines = door.answer.signers.find(({ signer: name }) => name === signer)?.lines ?? [];
	return lines.filter((line) => line.domain === domain && line.signs);
}

/** What the record of a line's key has to be; null if its key cannot be read. */
function recordOf({ publicKey }: InspectedLine): string | null {
	const half = publicKey === null ? null : publicHalfOf(publicKey);
	return half === null ? null : formatKeyRecord({ algorithm: half.algorithm, publicKey: recordText(half) });
}

async function gatherKey(
	line: InspectedLine,
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
		line,
		algorithm: half?.algorithm ?? null,
		bits: half?.bits ?? null,
		look: record === null ? null : await ports.propagation.look({ ...request, record }, signal),
		record: values.length === 1 ? (values[0] ?? null) : null,
		unsigned: probed.find((one) => one.domain === policy.domain && one.selector === selector)?.fault ?? null,
	};
}

interface ProviderAsking {
	readonly policy: Policy;
	readonly keys: readonly KeyFacts[];
	readonly asking: DomainAsking;
}

/** At the name of a key in use: a provider that has it holds the zone that the world asks. */
async function gatherProvider(
	name: string,
	{ policy, keys, asking }: ProviderAsking,
): Promise<ProviderFacts> {
	const { ports, signal, known } = asking;
	const provider = ports.providers.get(name);
	if (provider === undefined) {
		const { why, hint } = known.unmade ?? { why: `${name} could not be made`, hint: null };
		return { name, kind: "failed", code: "provider.refused", why, hint };
	}
	try {
		const [key] = keys;
		const owner =
			key === undefined
				? policy.domain
				: (key.look?.owner ?? keyRecordName(key.line.selector, policy.domain));
		const found =
			policy.zone === null
				? await provider.findZone(owner, signal)
				: ({ kind: "zone", zone: policy.zone } as const);
		if (found.kind !== "zone") return { name, ...found };
		const values = await provider.list(found.zone, owner, signal);
		return { name, kind: "zone", zone: found.zone, values: key === undefined ? null : values };
	} catch (thrown) {
		const { code, message, hint } = asKeyturnError(thrown);
		return { name, kind: "failed", code, why: message, hint };
	}
}
