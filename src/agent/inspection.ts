/** What the agent may not read it asks the door for, hourly and whenever a step is about to rely on it. */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import { type KeySpec, publicHalfOf } from "../dkim/key-material.ts";
import type {
	DoorAnswer,
	DoorRequest,
	DroppedKey,
	InspectAnswer,
	InspectedLine,
	ProbeAsked,
	RefusedAnswer,
	SwitchResult,
} from "../ports/door.ts";
import type { LineInUse } from "../rotation/step.ts";
import type { KeyEntry } from "../rotation/domain-state.ts";
import type { Lane, Policy } from "../rotation/policy.ts";
import type { Run } from "./run.ts";

const HOUR_MS = 3_600_000;
/** While something is pending: every request has the door try again. */
const MINUTE_MS = 60_000;

/** The last inspection if it is not older than an hour, or a minute while something is pending, else a new one. Fails with `door.*`. */
export async function inspection(run: Run): Promise<InspectAnswer> {
	const last = run.memory.inspection;
	if (last === null) return inspect(run, []);
	const lastsMs = last.answer.pending === undefined ? HOUR_MS : MINUTE_MS;
	return run.ports.clock.uptimeMs() - last.uptimeMs < lastsMs ? last.answer : inspect(run, []);
}

/** When to ask again although no step is due; never while nothing is pending. */
export function nextInspection(run: Run): readonly Date[] {
	const last = run.memory.inspection;
	if (last?.answer.pending === undefined) return [];
	const leftMs = last.uptimeMs + MINUTE_MS - run.ports.clock.uptimeMs();
	return [new Date(run.now().getTime() + leftMs)];
}

/** A new inspection, with the results of switches that have ended, and what running signers sign with. Fails with `door.*`. */
export async function inspect(
	run: Run,
	ids: readonly string[],
	probe: readonly ProbeAsked[] = [],
): Promise<InspectAnswer> {
	const asked = { act: "inspect", ids, ...(probe.length === 0 ? {} : { probe }) } as const;
	const answer = await run.ports.door.request(asked, run.signal);
	if (answer.act !== "inspect") throw unexpectedAnswer(answer);
	run.memory.inspection = { uptimeMs: run.ports.clock.uptimeMs(), answer };
	return answer;
}

/** What signs for a domain, as the planner wants it; null if its signer could not be read. */
export function linesInUse(answer: InspectAnswer, policy: Policy): readonly LineInUse[] | null {
	const signer = answer.signers.find((one) => one.signer === policy.signer);
	if (signer === undefined || signer.problem !== null) return null;
	const lines = signer.lines.filter((line) => line.domain === policy.domain && line.signs);
	return policy.lane === undefined ? withOne(lines) : lines.filter(isOfLane(policy.lane));
}

/** Of several keys that sign each message the RSA one is turned where one is configured: every receiver can verify that. */
function withOne(lines: readonly InspectedLine[]): readonly LineInUse[] {
	const kinds = lines.filter(({ problem }) => problem === null).map(algorithmOf);
	if (!kinds.includes("rsa") || !kinds.includes("ed25519")) return lines;
	return lines.map((line) =>
		line.problem === null && algorithmOf(line) === "ed25519"
			? {
					...line,
					problem:
						"an RSA key signs beside it, and keyturn.yaml has one `key` for the domain: this one is left alone",
				}
			: line,
	);
}

/** A line that cannot be read may be of either: where it was known as one, it is not gone. */
function isOfLane({ algorithm }: Lane): (line: InspectedLine) => boolean {
	return (line) => {
		const found = algorithmOf(line);
		return found === null ? line.problem !== null || algorithm === "rsa" : found === algorithm;
	};
}

/** Every plan of a tick asks it of the same lines. */
const algorithms = new WeakMap<InspectedLine, KeySpec["algorithm"] | null>();

function algorithmOf(line: InspectedLine): KeySpec["algorithm"] | null {
	const { publicKey } = line;
	const known = algorithms.get(line);
	if (known !== undefined || publicKey === null) return known ?? null;
	const algorithm = publicHalfOf(publicKey)?.algorithm ?? null;
	algorithms.set(line, algorithm);
	return algorithm;
}

/** Why the signer of a domain has no place for a first key; null if it has one. */
export function firstKeyFault(answer: InspectAnswer, policy: Policy): string | null {
	const { domain, signer, lane } = policy;
	const lines = answer.signers.find((one) => one.signer === signer)?.lines ?? [];
	if (lane !== undefined && lines.some((line) => line.domain === domain && line.signs))
		return lane.hasOwnSigner === true
			? `${signer} signs for it with a key of another algorithm: \`signer\` names them in the order of \`key\``
			: `another key signs for it already: put one of ${lane.algorithm} beside that by hand, and keyturn turns both`;
	const faults = answer.signers.find((one) => one.signer === signer)?.firstKeyFaults ?? [];
	return faults.find((fault) => fault.domain === domain)?.reason ?? null;
}

/** Whether any live configuration names this key, by selector or by its public half. Null if that cannot be told. */
export function isNamed(
	answer: InspectAnswer,
	domain: string,
	key: { readonly selector: string; readonly publicKey: string },
): boolean | null {
	if (answer.signers.some((signer) => signer.problem !== null)) return null;
	return signersNaming(answer, domain, key).length > 0;
}

/** The signers whose live configuration names this key, by selector or by its public half. */
export function signersNaming(
	{ signers }: InspectAnswer,
	domain: string,
	key: { readonly selector: string; readonly publicKey: string },
): readonly string[] {
	const names = (line: InspectedLine): boolean =>
		line.domain === domain && (line.selector === key.selector || line.publicKey === key.publicKey);
	return signers.filter(({ lines }) => lines.some(names)).map(({ signer }) => signer);
}

/** Whether the domain's own signer has a line of a key, be it one that signs for nobody. */
export function isInTables(
	{ signers }: InspectAnswer,
	{ domain, signer }: Policy,
	selector: string,
): boolean {
	const own = signers.find((one) => one.signer === signer)?.lines ?? [];
	return own.some((line) => line.domain === domain && line.selector === selector);
}

export function resultOf(answer: InspectAnswer, id: string): SwitchResult | null {
	return answer.results.find((result) => result.id === id) ?? null;
}

/** The table has changed, or may have: what was seen of it counts no more. */
export function forgetInspection(run: Run): void {
	run.memory.inspection = null;
}

/** An answer that is none to this request: what the door refused, or a protocol fault. */
export function unexpectedAnswer(answer: DoorAnswer): KeyturnError {
	if (answer.act === "refused")
		return new KeyturnError("door.refused", answer.message, {
			retry: answer.why !== "invalid",
			cause: answer,
			...(answer.hint === null ? {} : { hint: answer.hint }),
		});
	return new KeyturnError("door.protocol", `the door answered ${answer.act} to another request`);
}

/** Whether what the door refused concerns a key, by its domain and its signer. */
export function isConcerned({ domains, signer }: RefusedAnswer, policy: Policy): boolean {
	if (signer !== undefined && signer !== policy.signer) return false;
	return domains.length === 0 || domains.includes(policy.domain);
}

/** Whether the door only waits for another switch or recovery. */
export function isBusy({ cause }: KeyturnError): boolean {
	return typeof cause === "object" && cause !== null && "why" in cause && cause.why === "busy";
}

/** Gives up staged switches, so that nothing waits for their key files. Fails with `door.*`. */
export async function dropStaged(run: Run, ids: readonly string[]): Promise<void> {
	const request: DoorRequest = { act: "drop", keys: [], staged: ids };
	const answer = await run.ports.door.request(request, run.signal);
	if (answer.act !== "drop") throw unexpectedAnswer(answer);
}

/** What the door keeps staged does no harm: it is never committed, and its key files go over to the next id. */
export async function giveUpStaged(run: Run, id: string): Promise<void> {
	try {
		await dropStaged(run, [id]);
	} catch (thrown) {
		run.ports.log.warn("a staged switch was not dropped", { id, error: asKeyturnError(thrown) });
	}
}

/** Has the door give a key back that nothing needs any more, and keep its file. Fails with `door.*`, and where it may not be given. */
export async function revealKey(run: Run, policy: Policy, entry: KeyEntry): Promise<string> {
	const key = asPlaced(policy, entry);
	const request: DoorRequest = { act: "drop", keys: [], staged: [], reveal: [key] };
	const answer = await run.ports.door.request(request, run.signal);
	if (answer.act !== "drop") throw unexpectedAnswer(answer);
	const [revealed] = answer.revealed ?? [];
	if (revealed?.key != null) return revealed.key;
	throw new KeyturnError(
		"door.refused",
		`${key.domain}: the private half of ${key.selector} is not given back: ${revealed?.reason ?? "no reason given"}`,
		{ retry: true },
	);
}

/**
 * Has the door delete the file of one key; absent is success, and so is one that is none of the door's: it stays for good, as
 * where the door's papers were lost, or did not come along to another host. Why it stays where it may go yet; else null. Fails
 * with `door.*`.
 */
export async function dropFile(run: Run, policy: Policy, entry: KeyEntry): Promise<string | null> {
	const key = asPlaced(policy, entry);
	const answer = await run.ports.door.request({ act: "drop", keys: [key], staged: [] }, run.signal);
	if (answer.act !== "drop") throw unexpectedAnswer(answer);
	const kept = answer.keys.find(
		(one) => one.domain === key.domain && one.selector === key.selector && !one.gone,
	);
	if (kept === undefined) return null;
	const why = `its key file stays: ${kept.reason ?? ""}`;
	if (kept.isForeign !== true) return why;
	run.ports.log.warn("a key file is left where it is", { domain: key.domain, selector: key.selector, why });
	return null;
}

/** The door knows a key's file by the signer that it was placed for, which may not be the domain's any more. */
function asPlaced({ domain, signer }: Policy, { selector, uses }: KeyEntry): DroppedKey {
	return { signer: uses[0]?.signer ?? signer, domain, selector };
}
