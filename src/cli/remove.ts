/** `keyturn remove`: the way out of a domain; signing stops at once, its records go after grace. */

import { asKeyturnError } from "../errors.ts";
import type { InspectAnswer } from "../ports/door.ts";
import { type Moment, outlooks, waitsOf } from "../report/outlook.ts";
import { type DomainState, type KeyEntry } from "../rotation/domain-state.ts";
import { bySigner } from "../rotation/lanes.ts";
import type { Policy } from "../rotation/policy.ts";
import { isUnderWay } from "../rotation/step.ts";
import { graceEnds } from "../rotation/timing.ts";
import { inspectedBy } from "./inspection.ts";
import {
	type Asking,
	pursue,
	type Seen,
	type Standing,
	stateOf,
	type WaitOptions,
	withProgress,
} from "./pursuit.ts";
import { previewText } from "./preview-text.ts";
import { serviceLines } from "./service-preview.ts";
import { tableLines } from "./table-preview.ts";
import { inLocalTime, oneLine } from "../report/words.ts";
import { choose, type CommandContext, EXIT, type Workbench } from "./workbench.ts";

/** A daemon's state is read twice a second; the door reads its signers' tables each time that it is asked. */
const LOOK_MS = 10_000;

export interface RemoveOptions extends WaitOptions {
	readonly dryRun: boolean;
}

export async function remove(context: CommandContext, name: string, options: RemoveOptions): Promise<number> {
	const bench = await context.open();
	const policies = choose(bench, [name]);
	const domains = policies.map((policy) => policy.domain);
	if (options.dryRun) {
		const inspection = await inspectedBy(bench, context.signal);
		const lines = ["nothing is changed by --dry-run", ""];
		for (const policy of policies) {
			lines.push(policy.domain);
			// What one signer signs with is taken out at once, whatever the algorithms.
			for (const own of bySigner(policy)) lines.push(...(await previewOf(bench, own, inspection, context)));
		}
		const { terminal } = context;
		terminal.result(
			options.json ? JSON.stringify({ schema: 1, lines }, null, 2) : previewText(terminal.isShown, lines),
		);
		return EXIT.done;
	}
	const at = bench.clock.now().toISOString();
	const wish = { id: bench.random.id(), at, kind: "remove" as const, domains };
	return withProgress(context, bench, policies, options, async (turning) =>
		pursue(turning, { wish, standing: standingBy(linesInUse(bench, context.signal)) }, options),
	);
}

/** Where no key of the domain is known to have signed, only the signers' tables tell that nothing signs. */
function standingBy(inUse: LinesInUse): Asking["standing"] {
	return async (policy, state, seen) => {
		const told = standing(policy, state, seen);
		if (told.code !== EXIT.done || state.keys.some(({ uses }) => uses.length > 0)) return told;
		const left = await inUse(policy);
		if (left?.length === 0) return told;
		const words =
			left === null
				? "whether anything signs for it cannot be told yet: the door has not said so"
				: `${left.join(" and ")} signs for it, and is to be taken out of the signer's tables`;
		return { ...told, code: EXIT.waiting, words: `waiting: ${words}` };
	};
}

/** The selectors that sign for a domain by the tables of its signers; null where that cannot be told. */
type LinesInUse = (policy: Policy) => Promise<readonly string[] | null>;

function linesInUse(bench: Workbench, signal: AbortSignal): LinesInUse {
	let last: { readonly atMs: number; readonly answer: InspectAnswer | null } | null = null;
	return async (policy) => {
		const nowMs = bench.clock.uptimeMs();
		if (last === null || nowMs - last.atMs >= LOOK_MS)
			last = { atMs: nowMs, answer: await inspectedOrNull(bench, signal) };
		const names = bySigner(policy).map(({ signer }) => signer);
		const signers = last.answer?.signers.filter(({ signer }) => names.includes(signer)) ?? [];
		if (signers.length < names.length || signers.some(({ problem }) => problem !== null)) return null;
		const lines = signers.flatMap((one) => one.lines);
		return lines
			.filter(({ domain, signs }) => domain === policy.domain && signs)
			.map(({ selector }) => selector);
	};
}

async function inspectedOrNull(bench: Workbench, signal: AbortSignal): Promise<InspectAnswer | null> {
	try {
		return await inspectedBy(bench, signal);
	} catch (thrown) {
		(await bench.log()).warn("the door could not be asked", { error: asKeyturnError(thrown) });
		return null;
	}
}

function standing(policy: Policy, state: DomainState, seen: Seen): Standing {
	const { domain, timezone } = policy;
	const active = state.keys.find((key) => key.state === "active");
	const selector = active?.selector ?? null;
	if (state.wants.remove !== null && active === undefined && !state.keys.some(isUnderWay))
		return {
			domain,
			code: EXIT.done,
			selector,
			words: inLocalTime(`keyturn signs no more for it; ${afterwards(policy, state, seen)}`, timezone),
		};
	// Counted anew from when the wish was taken: what had failed before is what it was left for.
	const tries = seen.isTaken && active?.owes?.act === "takeOut" ? active.owes.tries : 0;
	if (active !== undefined && tries > 0)
		return {
			domain,
			code: EXIT.failed,
			selector,
			words: inLocalTime(
				`failed, ${active.selector} still signs: ${active.reason ?? "no reason given"}`,
				timezone,
			),
		};
	return {
		domain,
		code: EXIT.waiting,
		selector,
		words: `waiting: ${active === undefined ? "it is to be taken up" : `${active.selector} is to be taken out of the signer's tables`}`,
	};
}

/** What of each key stands, and until when. */
function afterwards(policy: Policy, state: DomainState, moment: Moment): string {
	const waits = waitsOf(outlooks(state, policy, moment));
	const told = waits.map(({ selector, until, reason }) =>
		[
			selector === null ? "" : `${selector}: `,
			reason,
			until === null ? "" : ` until ${until.toISOString()}`,
		].join(""),
	);
	return told.length === 0 ? "what was made for it is tidied away" : [...new Set(told)].join("; ");
}

async function previewOf(
	bench: Workbench,
	policy: Policy,
	inspection: InspectAnswer,
	{ signal }: CommandContext,
): Promise<readonly string[]> {
	const { domain } = policy;
	const state = await stateOf(bench, policy);
	const signer = inspection.signers.find((one) => one.signer === policy.signer);
	if (signer === undefined) return ["  its signer is not known to the door"];
	const known = state.keys.filter((key) => key.state === "active").map((key) => key.selector);
	const lines = signer.lines.filter(
		(line) => line.domain === domain && (known.length === 0 ? line.signs : known.includes(line.selector)),
	);
	if (lines.length === 0) return [`  ${signer.problem ?? "no key of it signs: nothing would be taken out"}`];
	const gone = [...new Set(lines.map(({ selector }) => selector))].map((from) => ({
		signer: policy.signer,
		domain,
		from,
		selector: null,
	}));
	return [
		...(await tableLines(bench, gone, signal)).map((line) => `  ${oneLine(line)}`),
		...serviceLines(bench.settings, policy).map((line) => `  ${line}`),
		...lines.map((line) => `  later   ${recordWords(bench, policy, state, line.selector)}`),
	];
}

function recordWords(bench: Workbench, policy: Policy, state: DomainState, selector: string): string {
	const key = state.keys.find((one) => one.selector === selector);
	if (key?.origin !== "made" && !policy.retire.adopted)
		return `the record of ${selector} stays: keyturn did not make it (retire.adopted is off)`;
	const now = bench.clock.now();
	const gone: KeyEntry | null =
		key === undefined
			? null
			: { ...key, uses: key.uses.map((use) => ({ ...use, lastAt: now.toISOString() })) };
	const ends = gone === null ? null : graceEnds(gone, policy, now);
	return inLocalTime(
		`remove the record of ${selector} after grace${ends === null ? "" : `, from ${ends.toISOString()}`}`,
		policy.timezone,
	);
}
