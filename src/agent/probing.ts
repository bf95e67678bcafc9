/**
 * The running signer is asked once a day what it signs with: tables and key files may be right, and the process still have
 * older ones. After a switch the door has just asked it.
 */

import { asKeyturnError } from "../errors.ts";
import type { ProbeAsked, ProbeTold } from "../ports/door.ts";
import { activeKey } from "../rotation/domain-state.ts";
import { isUnderWay } from "../rotation/step.ts";
import { linesInUse, unexpectedAnswer } from "./inspection.ts";
import type { Doc, Run } from "./run.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A process that has just begun waits an hour: a command is done by then. What fails is asked again each hour. */
export async function probeSigners(run: Run, docs: readonly Doc[]): Promise<void> {
	const { probes } = run.memory;
	const now = run.ports.clock.uptimeMs();
	for (const signer of new Set(docs.map(({ policy }) => policy.signer))) {
		const last = probes.get(signer);
		if (last === undefined) probes.set(signer, { nextAtMs: now + HOUR_MS, faults: [] });
		else if (last.nextAtMs <= now) {
			const faults = await probe(
				run,
				docs.filter(({ policy }) => policy.signer === signer),
			);
			const isWell = faults?.length === 0;
			probes.set(signer, { nextAtMs: now + (isWell ? DAY_MS : HOUR_MS), faults: faults ?? last.faults });
		}
	}
}

/** Why the running signer did not sign with a key when it was last asked; null if it did. */
export function runningFault(run: Run, { policy }: Doc, selector: string): string | null {
	const faults = run.memory.probes.get(policy.signer)?.faults ?? [];
	return faults.find((one) => one.domain === policy.domain && one.selector === selector)?.fault ?? null;
}

/** Null where the signer could not be asked. */
async function probe(run: Run, docs: readonly Doc[]): Promise<readonly ProbeTold[] | null> {
	const keys = docs.flatMap((doc) => expected(run, doc));
	if (keys.length === 0) return [];
	try {
		const answer = await run.ports.door.request({ act: "inspect", ids: [], probe: keys }, run.signal);
		if (answer.act !== "inspect") throw unexpectedAnswer(answer);
		return (answer.probed ?? []).filter(({ fault }) => fault !== null);
	} catch (thrown) {
		run.signal.throwIfAborted();
		run.ports.log.warn("the running signer was not probed", { error: asKeyturnError(thrown) });
		return null;
	}
}

/** The key in use, as far as the tables say that it is; where they do not, that is told already. */
export function expected(run: Run, { policy, state }: Doc): readonly ProbeAsked[] {
	const answer = run.memory.inspection?.answer ?? null;
	const active = activeKey(state);
	if (answer === null || active === null || state.keys.some(isUnderWay)) return [];
	const line = linesInUse(answer, policy)?.find(({ selector }) => selector === active.selector);
	if (line?.publicKey !== active.publicKey) return [];
	const { domain, signer } = policy;
	return [{ signer, domain, selector: active.selector, record: active.record.value }];
}
