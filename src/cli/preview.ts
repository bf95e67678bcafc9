/** `rotate --dry-run`: what a turn would do to DNS, to the signer's table and to services; does none of it. */

import type { InspectAnswer, InspectedLine, InspectedSigner } from "../ports/door.ts";
import { isCandidate } from "../rotation/life.ts";
import {
	activeKey,
	type DomainState,
	emptyDomainState,
	type KeyEntry,
	keyOf,
} from "../rotation/domain-state.ts";
import { parseDomainState } from "../rotation/stored-state.ts";
import type { KeySpec } from "../dkim/key-material.ts";
import { quoteTxt } from "../dkim/txt-strings.ts";
import { nextRecord } from "../rotation/next-record.ts";
import { type Moment, outlook } from "../report/outlook.ts";
import type { Plan } from "../rotation/plan.ts";
import { bySigner, laneState } from "../rotation/lanes.ts";
import { turningAs } from "../rotation/together.ts";
import type { Policy } from "../rotation/policy.ts";
import { freeAgainAt, namingFacts, selectorNames } from "../rotation/selector-naming.ts";
import { nextDue } from "../rotation/timing.ts";
import { staying, whyNoTurn } from "../rotation/wishes.ts";
import type { Settings } from "../settings/settings.ts";
import { inLocalTime, oneLine } from "../report/words.ts";
import { inspectedBy } from "./inspection.ts";
import { momentOf } from "./moment.ts";
import { tableLines } from "./table-preview.ts";
import type { Workbench } from "./workbench.ts";

/** Every name was taken. */
const UNKNOWN = "?";

export interface Preview {
	readonly schema: 1;
	readonly lines: readonly string[];
}

interface PreviewOptions {
	readonly now: boolean;
	/** As if it were no more leaving. */
	readonly stays: boolean;
	readonly signal: AbortSignal;
}

export async function preview(
	bench: Workbench,
	policies: readonly Policy[],
	options: PreviewOptions,
): Promise<Preview> {
	const inspection = await inspectedBy(bench, options.signal);
	const lines: string[] = ["nothing is changed by --dry-run", ""];
	for (const policy of policies) {
		const stored = await bench.store.load(`domains/${policy.domain}`);
		const state = stored === null ? emptyDomainState(policy.domain) : parseDomainState(stored.state);
		const taken = new Set<string>();
		for (const lane of bySigner(policy)) {
			lines.push(
				lane === policy ? policy.domain : `${policy.domain}: ${keyWords(lane.key)}, by ${lane.signer}`,
			);
			const told = await previewOne(bench, lane, { state, taken, inspection }, options);
			lines.push(...told.map((line) => `  ${oneLine(inLocalTime(line, policy.timezone))}`), "");
		}
	}
	return { schema: 1, lines: lines.slice(0, -1) };
}

interface Seen {
	/** Of the whole domain. */
	readonly state: DomainState;
	/** Names that its other keys get in the same turn. */
	readonly taken: Set<string>;
	readonly inspection: InspectAnswer;
}

async function previewOne(
	bench: Workbench,
	own: Policy,
	{ state: whole, taken, inspection }: Seen,
	options: PreviewOptions,
): Promise<readonly string[]> {
	const stored = laneState(whole, own.lane);
	const state = options.stays ? { ...stored, wants: staying(stored.wants) } : stored;
	const why = whyNoTurn(state);
	if (why !== null) return [why];
	const signer = inspection.signers.find((one) => one.signer === own.signer) ?? null;
	const policy = asItTurns(own, bench.settings.policies, signer?.lines ?? []);
	const line = signer?.lines.find((one) => one.domain === policy.domain && one.signs) ?? null;
	if (signer === null || signer.problem !== null)
		return [signer?.problem ?? "its signer is not known to the door"];
	const moment = await momentOf(bench);
	const { now } = moment;
	const { selector, made } = await nextSelector(bench, policy, { whole, state, taken }, now, options);
	taken.add(selector);
	const planned = planFor(policy, state, signer, moment, options.now);
	const turn = { signer: policy.signer, domain: policy.domain, from: line?.selector ?? null, selector };
	const old = activeKey(state)?.selector ?? line?.selector ?? null;
	const isFirst = line === null || old === null;
	if (isFirst && planned.kind === "wait" && planned.waits.every((wait) => wait.until === null))
		return [whenWords(planned)];
	return [
		`when    ${whenWords(planned)}`,
		`key     ${made !== null ? `${selector} is made already` : `make ${keyWords(policy.key)} as ${selector}`}`,
		...(policy.keys ?? [])
			.slice(1)
			.map(
				(key) =>
					`        and ${keyWords(key)} with the next name, its record and its line, in the same switch`,
			),
		`dns     ${dnsWords(policy, state, selector, made)}`,
		`        through ${policy.providers.join(", ")}`,
		...(await (await bench.agent()).obstacles(policy, state)).map((why) => `        but not now: ${why}`),
		...(selector === UNKNOWN
			? ["table   as soon as its selector is known"]
			: await tableLines(bench, [turn], options.signal)),
		...serviceLines(bench.settings, policy),
		...(isFirst
			? []
			: [
					`later   remove the record of ${old} ${activeKey(state)?.origin === "made" ? "after grace" : "only if retire.adopted is set"}`,
				]),
	];
}

/** Who signs with one key turns by the settings of whoever stands first in keyturn.yaml. */
function asItTurns(policy: Policy, policies: readonly Policy[], lines: readonly InspectedLine[]): Policy {
	const group = lines.find((line) => line.domain === policy.domain)?.group;
	if (group === undefined || policy.keys !== undefined || policy.lane !== undefined) return policy;
	const domains = new Set(lines.filter((line) => line.group === group).map(({ domain }) => domain));
	const first = policies.find((one) => domains.has(one.domain));
	return first === undefined ? policy : turningAs(policy, first);
}

/** The wait for the turn itself; those of old keys are not asked for. */
function whenWords(planned: Plan): string {
	if (planned.kind === "step") return "now";
	const [wait] = planned.waits;
	if (wait === undefined) return "nothing is due";
	return `${wait.reason}${wait.until === null ? "" : ` (${wait.until.toISOString()})`}`;
}

/** The tags stand in full; the key itself is not made yet. */
function dnsWords(policy: Policy, state: DomainState, selector: string, made: KeyEntry | null): string {
	const name = `${selector}._domainkey.${policy.domain}.`;
	if (made !== null && made.state !== "pending") return `${name} is published already`;
	const inUse = activeKey(state)?.record.value ?? null;
	return `add ${name} ${policy.record.ttlSeconds} TXT ${made === null ? recordForm(policy, inUse) : quoteTxt(made.record.value)}`;
}

/** The record that the new key gets, without the key. */
function recordForm(policy: Policy, inUse: string | null): string {
	const noKey = { algorithm: policy.key.algorithm, bits: null, publicKey: "" };
	return `"${nextRecord(noKey, policy.record, inUse)}…"`;
}

async function nextSelector(
	bench: Workbench,
	policy: Policy,
	{
		whole,
		state,
		taken,
	}: { readonly whole: DomainState; readonly state: DomainState; readonly taken: ReadonlySet<string> },
	now: Date,
	options: PreviewOptions,
): Promise<{ readonly selector: string; readonly made: KeyEntry | null }> {
	const candidate = state.keys.findLast((key) => isCandidate(key.state));
	if (candidate !== undefined) return { selector: candidate.selector, made: candidate };
	const dueAt = options.now ? now : (nextDue(state, policy, now) ?? now);
	for (const selector of selectorNames(policy.selector, namingFacts(policy, state, dueAt))) {
		if (taken.has(selector)) continue;
		const before = keyOf(whole, selector);
		const freeAt = before === null ? now : freeAgainAt(before, policy);
		if (freeAt === null || freeAt > now) continue;
		const vacancy = await bench.propagation.vacancy(policy.domain, selector, policy.verify, options.signal);
		if (vacancy.kind !== "taken") return { selector, made: null };
	}
	return { selector: UNKNOWN, made: null };
}

function planFor(
	policy: Policy,
	state: DomainState,
	signer: InspectedSigner,
	moment: Moment,
	asked: boolean,
): Plan {
	const wanted = { id: "dry-run", askedAt: moment.now.toISOString(), noSoak: false };
	const { rotate, add } = state.wants;
	const wants = { ...state.wants, rotate: asked ? wanted : rotate, add: asked ? wanted : add };
	const inUse = signer.lines.filter((line) => line.domain === policy.domain && line.signs);
	const fault = signer.firstKeyFaults.find((one) => one.domain === policy.domain);
	return outlook({ ...state, wants }, policy, moment, { inUse, firstKeyFault: fault?.reason ?? null });
}

function keyWords(key: KeySpec): string {
	return key.algorithm === "rsa" ? `an RSA key of ${key.bits} bits` : "an Ed25519 key";
}

export function serviceLines(settings: Settings, policy: Policy): readonly string[] {
	const signer = settings.signers.find((one) => one.name === policy.signer);
	if (signer === undefined) return [];
	const own = signer.services.stop.at(-1) ?? "";
	if (signer.swap === "reload") return [`service reload ${own}`];
	return [
		`service ${signer.services.stop.map((name) => `stop ${name}`).join(", ")}; rename the table; ${signer.services.start.map((name) => `start ${name}`).join(", ")}`,
	];
}
