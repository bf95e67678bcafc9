/** Settles switches that an earlier run asked for, by asking the world how they ended. */

import { KeyturnError } from "../errors.ts";
import type { SwitchResult } from "../ports/door.ts";
import { editKey, keyOf } from "../rotation/domain-state.ts";
import { takeOver } from "./adopt.ts";
import { dropStaged, inspect, linesInUse, resultOf } from "./inspection.ts";
import type { Job, Run } from "./run.ts";
import { takeResult } from "./switch.ts";

const WORDS = {
	done: "it was done",
	undone: "it was undone, the old key signs",
	rolled_back: "it was rolled back, the old key signs",
	conflict: "somebody else changed the table meanwhile",
} as const satisfies Record<SwitchResult["outcome"], string>;

export async function settle(run: Run, { doc, step }: Job<"settle">): Promise<void> {
	const key = keyOf(doc.state, step.selector);
	const id = key?.owes?.id ?? null;
	if (key === null || id === null) return;
	const answer = await inspect(run, [id]);
	const result = resultOf(answer, id);
	if (result !== null) {
		await run.tell("recovered", {
			severity: "info",
			domains: [doc.policy.domain],
			selector: key.selector,
			summary: `${doc.policy.domain}: an interrupted switch to ${key.selector} ended: ${WORDS[result.outcome]}`,
			detail: result.reason,
			hint: null,
		});
		await takeResult(run, doc, step, key.selector, result);
		return;
	}
	const lines = linesInUse(answer, doc.policy);
	if (lines === null)
		throw new KeyturnError(
			"signer.config",
			`${doc.policy.domain}: whether ${key.selector} signs cannot be told: signer ${doc.policy.signer} could not be read`,
			{ retry: true },
		);
	const named = lines.find((line) => line.selector === key.selector);
	if (named?.publicKey === key.publicKey) {
		await takeOver(run, { doc, step: { kind: "takeOver", selector: key.selector } });
		return;
	}
	await dropStaged(run, [id]);
	await run.save(
		doc,
		editKey(doc.state, key.selector, (one) => ({
			...one,
			owes: one.owes === null ? null : { ...one.owes, id: null, notBefore: null },
		})),
	);
	run.done(doc, step);
}
