/** What `--dry-run` says of that which is due besides a turn: what is taken into the state, what goes, and what is put right. */

import { revokedRecord } from "../dkim/key-record.ts";
import { quoteTxt } from "../dkim/txt-strings.ts";
import { type DomainState, keyOf } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import type { Step } from "../rotation/step.ts";
import { serviceLines } from "./service-preview.ts";
import { tableLines } from "./table-preview.ts";
import type { Workbench } from "./workbench.ts";

export interface DuePreview {
	readonly bench: Workbench;
	readonly policy: Policy;
	readonly state: DomainState;
	readonly signal: AbortSignal;
}

/** None for a step whose turn is told by itself. */
export async function dueLines(given: DuePreview, step: Step): Promise<readonly string[]> {
	const { policy } = given;
	switch (step.kind) {
		case "make":
		case "publish":
		case "look":
			return [];
		case "adopt":
			return [`now     adopt ${step.selectors.join(" and ")}, which signs: nothing of it is changed`];
		case "retire":
			return [
				`now     remove the record of ${step.selector}, unless something needs it still`,
				...recordLines(given, step.selector, (name, value) => `remove ${name} TXT ${value}`),
			];
		case "revoke":
			return [
				`now     empty the record of ${step.selector}, unless something needs it still`,
				...recordLines(
					given,
					step.selector,
					(name, value, empty) => `replace ${name} TXT ${value} by ${empty}`,
				),
			];
		case "takeOut":
			return [
				`now     take the lines of ${step.selector} out of the signer's tables`,
				...(await switchLines(given, step.selector, null)),
			];
		case "switch":
			return [
				`now     have ${step.selector} sign in place of ${step.from ?? "none"}`,
				...(await switchLines(given, step.from, step.selector)),
			];
		case "drop":
			return [`now     delete the key file of ${step.selector}, unless a table names it`];
		case "disclose":
			return [
				`now     lay out the private half of ${step.selector} in ${policy.retire.publishPrivate ?? "?"}`,
			];
		case "giveUp":
			return [`now     give up ${step.selector}: ${step.reason}`];
		case "settle":
			return [`now     find out how the switch of ${step.selector} ended, before anything else`];
		case "noteUse":
			return [`now     note that ${step.selector} is in use: its grace counts anew`];
		case "takeOver":
			return [`now     take ${step.selector} for the key in use, since the signer's tables name it`];
		case "revive":
			return [`now     publish the record of ${step.selector} again, since the signer's tables name it`];
		case "turnAway":
			return [`now     make a new key: nobody may sign with ${step.selector}, which the tables name`];
		case "restore":
			return [`now     look at the record of ${step.selector} again, and go back to it`];
		case "watch":
			return [`now     look at the record of ${step.selector}`];
	}
}

function recordLines(
	{ policy, state }: DuePreview,
	selector: string,
	words: (name: string, value: string, empty: string) => string,
): readonly string[] {
	const record = keyOf(state, selector)?.record;
	if (record === undefined) return [];
	const change = words(`${record.owner}.`, quoteTxt(record.value), quoteTxt(revokedRecord(record.value)));
	return [`dns     ${change}`, `        through ${policy.providers.join(", ")}`];
}

async function switchLines(
	{ bench, policy, signal }: DuePreview,
	from: string | null,
	selector: string | null,
): Promise<readonly string[]> {
	const asked = { signer: policy.signer, domain: policy.domain, from, selector };
	return [...(await tableLines(bench, [asked], signal)), ...serviceLines(bench.settings, policy)];
}
