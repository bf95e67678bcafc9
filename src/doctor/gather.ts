/** Gathers all that the checks judge: reads and asks, and changes nothing. */

import { asKeyturnError } from "../errors.ts";
import type { InspectAnswer, ProbeAsked, ProbeTold } from "../ports/door.ts";
import { signersOf } from "../rotation/lanes.ts";
import { findDoorWrites, findRecovery, findRecoveryConditions } from "./boot.ts";
import { gatherDomain, recordOf } from "./domain-facts.ts";
import type { DomainFacts, DoorFacts, Facts } from "./facts.ts";
import { findSecrets } from "./secrets.ts";
import type { Asking, DoctorPorts, Known } from "./sources.ts";

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
		unmade: known.unmade,
		unheard: known.unheard,
		secrets: await findSecrets(known.settings, ports.disk),
		doorWrites: await findDoorWrites(known.settings, ports.disk),
		recovery: await findRecovery(ports.disk),
		recoveryConditions: await findRecoveryConditions(known.settings, ports.disk),
		clock: await ports.timeSource(),
		domains,
	};
}

async function askDoor({ door }: DoctorPorts, signal: AbortSignal): Promise<DoorFacts> {
	try {
		const answer = await door.request({ act: "inspect", ids: [], examine: true }, signal);
		if (answer.act === "refused") {
			const { why, message, hint } = answer;
			return { kind: "silent", why: message, hint, ...(why === "busy" ? { isBusy: true } : {}) };
		}
		if (answer.act !== "inspect" || answer.examined === undefined)
			return { kind: "silent", why: "it answered something else", hint: "systemctl restart keyturn" };
		return { kind: "told", answer: { ...answer, examined: answer.examined } };
	} catch (thrown) {
		const { message, hint } = asKeyturnError(thrown);
		return { kind: "silent", why: message, hint };
	}
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
				(policy) => policy.domain === line.domain && signersOf(policy).includes(signer),
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
