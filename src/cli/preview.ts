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
import { bySigner, laneState } from "../rotation/lanes.ts";
import { turningAs } from "../rotation/together.ts";
import type { Policy } from "../rotation/policy.ts";
import { freeAgainAt, namingFacts, selectorNames } from "../rotation/selector-naming.ts";
import type { Step, Wait } from "../rotation/step.ts";
import { nextDue } from "../rotation/timing.ts";
import { staying, turnAsked, whyNoTurn } from "../rotation/wishes.ts";
import { inLocalTime, oneLine } from "../report/words.ts";
import { dueLines } from "./due-preview.ts";
import { type Foresight, foresee } from "./foresight.ts";
import { inspectedBy } from "./inspection.ts";
import { momentOf } from "./moment.ts";
import type { Moment } from "../report/outlook.ts";
import { serviceLines } from "./service-preview.ts";
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
	const signer = inspection.signers.find((one) => one.signer === own.signer) ?? null;
	if (signer === null || signer.problem !== null)
		return [signer?.problem ?? "its signer is not known to the door"];
	const policy = asItTurns(own, bench.settings.policies, signer.lines);
	const moment = await momentOf(bench);
	const { signal } = options;
	const asked = options.now ? askedNow(state, moment.now) : state;
	const lastPauseAt = inspection.lastPauseAt === null ? null : new Date(inspection.lastPauseAt);
	const seen = await foresee({ bench, policy, state: asked, signer, moment, lastPauseAt, signal });
	const besides: string[] = [];
	for (const step of seen.besides)
		besides.push(...(await dueLines({ bench, policy, state: seen.state, signal }, step)));
	const why = whyNoTurn(state) ?? whyUnforeseen(seen);
	if (why !== null) return [...besides, why];
	const turn = await turnLines({ ...seen, bench, policy, signer, whole, taken, moment, options });
	return [...besides, ...turn];
}

function askedNow(state: DomainState, now: Date): DomainState {
	const wanted = { id: "dry-run", askedAt: now.toISOString(), noSoak: false };
	return { ...state, wants: { ...state.wants, rotate: wanted, add: wanted } };
}

/** How these end decides which key comes next. */
const OPEN: ReadonlySet<Step["kind"]> = new Set(["settle", "takeOver", "revive", "restore"]);

function whyUnforeseen({ besides }: Foresight): string | null {
	return besides.some(({ kind }) => OPEN.has(kind)) ? "later   what follows from that" : null;
}

interface TurnGiven extends Foresight {
	readonly bench: Workbench;
	readonly policy: Policy;
	readonly signer: InspectedSigner;
	readonly whole: DomainState;
	readonly taken: Set<string>;
	readonly moment: Moment;
	readonly options: PreviewOptions;
}

async function turnLines(given: TurnGiven): Promise<readonly string[]> {
	const { bench, policy, state, signer, options } = given;
	const line = signer.lines.find((one) => one.domain === policy.domain && one.signs) ?? null;
	const active = activeKey(state);
	const old = active?.selector ?? line?.selector ?? null;
	const isFirst = line === null || old === null;
	if (isFirst && given.turn === null && given.waits.every((wait) => wait.until === null))
		return [waitWords(given.waits)];
	const { selector, made } = await nextSelector(given);
	given.taken.add(selector);
	const turn = { signer: policy.signer, domain: policy.domain, from: line?.selector ?? null, selector };
	return [
		`when    ${whenWords(given, made)}`,
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
		...(isFirst ? [] : [`later   ${laterWords(old, active, policy)}`]),
	];
}

function laterWords(old: string, active: KeyEntry | null, { retire }: Policy): string {
	const isGoing = active?.origin === "made" || retire.adopted;
	return `remove the record of ${old} ${isGoing ? "after grace" : "only if retire.adopted is set"}`;
}

/** Who signs with one key turns by the settings of whoever stands first in keyturn.yaml. */
function asItTurns(policy: Policy, policies: readonly Policy[], lines: readonly InspectedLine[]): Policy {
	const group = lines.find((line) => line.domain === policy.domain)?.group;
	if (group === undefined || policy.keys !== undefined || policy.lane !== undefined) return policy;
	const domains = new Set(lines.filter((line) => line.group === group).map(({ domain }) => domain));
	const first = policies.find((one) => domains.has(one.domain));
	return first === undefined ? policy : turningAs(policy, first);
}

/** A key that is made ahead signs from its due date only, unless it is asked for now. */
function whenWords({ turn, waits, state, moment: { now } }: TurnGiven, made: KeyEntry | null): string {
	if (turn === null) return waitWords(waits);
	const dueAt = turn.kind === "make" ? turn.dueAt : new Date(made?.dueAt ?? 0);
	if (turn.kind === "switch" || turnAsked(state) !== null || dueAt <= now) return "now";
	return `${AHEAD[turn.kind] ?? "now"}; it signs from its due date (${dueAt.toISOString()})`;
}

const AHEAD: Readonly<Partial<Record<Step["kind"], string>>> = {
	make: "now it is made and published",
	publish: "now it is published",
	look: "now its name servers are looked at",
};

/** The wait for the turn itself; those of old keys are not asked for. */
function waitWords([wait]: readonly Wait[]): string {
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

async function nextSelector({
	bench,
	policy,
	whole,
	state,
	taken,
	turn,
	moment: { now, steadySince },
	options,
}: TurnGiven): Promise<{ readonly selector: string; readonly made: KeyEntry | null }> {
	const candidate = state.keys.findLast((key) => isCandidate(key.state));
	if (candidate !== undefined) return { selector: candidate.selector, made: candidate };
	const dueAt = turn?.kind === "make" ? turn.dueAt : (nextDue(state, policy, now) ?? now);
	for (const selector of selectorNames(policy.selector, namingFacts(policy, state, dueAt))) {
		if (taken.has(selector)) continue;
		const before = keyOf(whole, selector) ?? keyOf(state, selector);
		const freeAt = before === null ? now : freeAgainAt(before, policy, steadySince);
		if (freeAt === null || freeAt > now) continue;
		const vacancy = await bench.propagation.vacancy(policy.domain, selector, policy.verify, options.signal);
		if (vacancy.kind !== "taken") return { selector, made: null };
	}
	return { selector: UNKNOWN, made: null };
}

function keyWords(key: KeySpec): string {
	return key.algorithm === "rsa" ? `an RSA key of ${key.bits} bits` : "an Ed25519 key";
}
