/** `keyturn add`: puts a domain into the configuration, and asks for its first key. */

import { parseDomain } from "../dkim/names.ts";
import { KeyturnError } from "../errors.ts";
import type { InspectedSigner } from "../ports/door.ts";
import { activeKey, type DomainState, type KeyEntry } from "../rotation/domain-state.ts";
import { lanesOf, laneState } from "../rotation/lanes.ts";
import type { Policy } from "../rotation/policy.ts";
import type { DomainAsked } from "../settings/add-domain.ts";
import { preview } from "./preview.ts";
import { previewText } from "./preview-text.ts";
import { pursue, type Seen, type Standing, stateOf, type WaitOptions, withProgress } from "./pursuit.ts";
import { failure } from "./rotate.ts";
import { inLocalTime, localMinute } from "../report/words.ts";
import { choose, type CommandContext, EXIT, type Workbench } from "./workbench.ts";

export interface AddOptions extends WaitOptions {
	readonly dryRun: boolean;
}

export async function add(context: CommandContext, asked: DomainAsked, options: AddOptions): Promise<number> {
	const domain = parseDomain(asked.domain);
	if (domain === null)
		throw new KeyturnError("usage", `${asked.domain}: expected a domain name such as example.com`);
	const { settings, line } = await context.addDomain({ ...asked, domain }, { isTried: options.dryRun });
	if (line !== null && !options.dryRun) context.terminal.say(`added to ${settings.path}: ${line}`);
	const bench = { ...(await context.open()), settings };
	const policies = choose(bench, [domain]);
	if (options.dryRun) return tried(context, bench, policies, { line, isJson: options.json });
	for (const policy of policies) await refuseIfHopeless(bench, policy, context.signal);
	const wish = {
		id: bench.random.id(),
		at: bench.clock.now().toISOString(),
		kind: "add" as const,
		domains: [domain],
		noSoak: !options.soak,
	};
	return withProgress(context, bench, policies, options, async (turning) =>
		pursue(turning, { wish, standing }, options),
	);
}

/** Whoever waits for a first key is told at once that none can be set up. */
async function refuseIfHopeless(bench: Workbench, policy: Policy, signal: AbortSignal): Promise<void> {
	const { domain } = policy;
	const state = await stateOf(bench, policy);
	const own = lanesOf(policy)
		.filter(({ lane }) => activeKey(laneState(state, lane)) === null)
		.map(({ signer }) => signer);
	if (own.length === 0) return;
	const answer = await bench.door.request({ act: "inspect", ids: [] }, signal);
	const signers = answer.act === "inspect" ? answer.signers.filter((one) => own.includes(one.signer)) : [];
	for (const signer of signers) refuseIfNoPlace(signer, domain, bench.settings.path);
}

function refuseIfNoPlace(signer: InspectedSigner, domain: string, path: string): void {
	const lines = signer.lines.filter((line) => line.domain === domain && line.signs);
	const unfit = lines.every((line) => line.problem !== null || line.publicKey === null)
		? lines[0]
		: undefined;
	const fault = signer.firstKeyFaults.find((one) => one.domain === domain)?.reason ?? null;
	const why =
		signer.problem ??
		fault ??
		(unfit === undefined ? null : (unfit.problem ?? `${unfit.keyPath} cannot be read as a key`));
	if (why === null) return;
	throw new KeyturnError("signer.config", `${domain} gets no first key: ${why}`, {
		hint: `it stands in ${path}; once the signer's tables are mended, run the command again`,
	});
}

async function tried(
	{ terminal, signal }: CommandContext,
	bench: Workbench,
	policies: readonly Policy[],
	{ line, isJson }: { readonly line: string | null; readonly isJson: boolean },
): Promise<number> {
	const printed = await preview(bench, policies, { now: true, stays: true, signal });
	const config = line === null ? [] : [bench.settings.path, `  domains + - ${line}`, ""];
	const [head = "", ...rest] = printed.lines;
	const lines = [head, "", ...config, ...rest.slice(1)];
	terminal.result(
		isJson ? JSON.stringify({ ...printed, lines }, null, 2) : previewText(terminal.isShown, lines),
	);
	return EXIT.done;
}

function standing(policy: Policy, state: DomainState, seen: Seen): Standing {
	const { domain, timezone } = policy;
	const selector = activeKey(state)?.selector ?? null;
	const signing = lanesOf(policy).map(({ lane }) => activeKey(laneState(state, lane)));
	const known = signing.filter((key) => key !== null);
	if (known.length === signing.length && seen.isTaken && state.wants.remove === null)
		return { domain, code: EXIT.done, selector, words: signsWords(known, timezone) };
	const why = seen.isTaken ? failure(state) : null;
	if (why !== null)
		return {
			domain,
			code: EXIT.failed,
			selector,
			words: inLocalTime(
				`failed, ${selector === null ? "nothing" : `only ${selector}`} signs for it yet: ${why}`,
				timezone,
			),
		};
	return { domain, code: EXIT.waiting, selector, words: `waiting: ${seen.waitingWords}` };
}

function signsWords(signing: readonly KeyEntry[], timezone: string): string {
	const since =
		signing
			.map((key) => key.since)
			.toSorted()
			.at(-1) ?? "";
	const isFound = signing.every(({ origin }) => origin === "adopted");
	const names = signing.map(({ selector }) => selector).join(" and ");
	return `signs with ${names} since ${localMinute(new Date(since), timezone)}${isFound ? ", which keyturn found in use" : ""}`;
}
