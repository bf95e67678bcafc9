/** Settles switches that an earlier run asked for, by asking the world how they ended. */

import { KeyturnError } from "../errors.ts";
import type { SwitchResult } from "../ports/door.ts";
import { editKey, keyOf } from "../rotation/domain-state.ts";
import { isToGo } from "../rotation/wishes.ts";
import { takeOver } from "./adopt.ts";
import { tellResult } from "./hooks.ts";
import { giveUpStaged, inspect, isInTables, linesInUse, resultOf } from "./inspection.ts";
import type { Job, Run } from "./run.ts";
import { takeResult } from "./switch-result.ts";
import { foundTakenOut, goesOn, takeOutResult } from "./take-out.ts";

const WORDS = {
	done: "it was done",
	undone: "it was undone, and what signed before signs",
	rolled_back: "it was rolled back, and what signed before signs",
	conflict: "somebody else changed the table meanwhile",
} as const satisfies Record<SwitchResult["outcome"], string>;

export async function settle(run: Run, { doc, step }: Job<"settle">): Promise<void> {
	const key = keyOf(doc.state, step.selector);
	const id = key?.owes?.id ?? null;
	if (key === null || id === null) return;
	const isGoing = key.owes?.act === "takeOut";
	const going = { doc, step: { kind: "takeOut" as const, selector: key.selector } };
	const answer = await inspect(run, [id]);
	const result = resultOf(answer, id);
	if (result !== null) {
		await run.tell("recovered", {
			severity: "info",
			domains: [doc.policy.domain],
			selector: key.selector,
			summary: `${doc.policy.domain}: an interrupted ${isGoing ? "way out of" : "switch to"} ${key.selector} ended: ${WORDS[result.outcome]}`,
			detail: result.reason,
			hint: null,
		});
		const ended = { doc, step: { kind: "switch" as const, selector: key.selector, from: null } };
		await tellResult(run, [isGoing ? going : ended], result);
		if (isGoing) await takeOutResult(run, going, result);
		else await takeResult(run, doc, step, key.selector, result);
		return;
	}
	const { pending } = answer;
	// On a host that starts or stops the door ends no switch: what its tables name now may go back yet.
	if (pending?.services.length === 0)
		throw new KeyturnError("door.refused", `${doc.policy.domain}: ${pending.reason}`, {
			retry: true,
			hint: pending.hint,
		});
	const lines = linesInUse(answer, doc.policy);
	if (lines === null)
		throw new KeyturnError(
			"signer.config",
			`${doc.policy.domain}: whether ${key.selector} signs cannot be told: signer ${doc.policy.signer} could not be read`,
			{ retry: true },
		);
	const named = lines.find((line) => line.selector === key.selector);
	const isKept = isGoing && !isToGo(doc.state.wants, key.selector);
	// What is kept needs a line that signs; of what is to go any line is left to be taken out.
	if (isGoing && (isKept ? named === undefined : !isInTables(answer, doc.policy, key.selector))) {
		await foundTakenOut(run, going);
		return;
	}
	if (!isGoing && named?.publicKey === key.publicKey) {
		await takeOver(run, { doc, step: { kind: "takeOver", selector: key.selector } });
		return;
	}
	if (!isGoing && named?.publicKey === null && named.problem !== null)
		throw new KeyturnError(
			"signer.config",
			`${doc.policy.domain}: whether ${key.selector} signs cannot be told: ${named.problem}`,
			{ retry: true },
		);
	// It fails while any signer cannot be read; the switch of this key waits for none of these.
	await giveUpStaged(run, id);
	await run.save(
		doc,
		isKept
			? goesOn(doc.state, key.selector)
			: editKey(doc.state, key.selector, (one) => ({
					...one,
					owes: one.owes === null ? null : { ...one.owes, id: null, notBefore: null },
				})),
	);
	run.done(doc, step);
}
