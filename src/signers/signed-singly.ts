/** Proves keys of a signer that programs are asked for, a message each: whose message is not signed fails alone. */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { ProbedKey, ProbeVerdict } from "../ports/signer.ts";
import type { ProbeExpectation, RunProbe } from "./probe-protocol.ts";

/** A message as it is signed, and what is expected of it. */
export interface SignedSingly {
	readonly expectation: ProbeExpectation;
	readonly message: string;
}

interface Judge {
	readonly runProbe: RunProbe;
	readonly timeoutMs: number;
}

/**
 * One verdict per key, in their order; `sign` may know one without a message. Fails where no message at all is signed, and at
 * once where one takes too long: the mail server may wait for this.
 */
export async function judgeSingly(
	keys: readonly ProbedKey[],
	sign: (key: ProbedKey) => Promise<SignedSingly | ProbeVerdict>,
	given: Judge,
): Promise<readonly ProbeVerdict[]> {
	const faults: KeyturnError[] = [];
	const outcomes: (SignedSingly | ProbeVerdict)[] = [];
	for (const key of keys) {
		const outcome = await sign(key).catch((thrown: unknown) => {
			const fault = asKeyturnError(thrown);
			if (tookTooLong(fault)) throw fault;
			faults.push(fault);
			return failed(key, fault.message);
		});
		outcomes.push(outcome);
	}
	const [fault] = faults;
	if (fault !== undefined && faults.length === keys.length) throw fault;
	const signed = outcomes.filter((outcome) => "message" in outcome);
	const told = (signed.length === 0 ? [] : await judge(signed, given)).values();
	return outcomes.map((outcome) =>
		"message" in outcome ? (told.next().value ?? unanswered(outcome.expectation)) : outcome,
	);
}

/** Whoever is asked for a message, and hangs, would for the next one, too. */
export function tookTooLong(thrown: unknown): boolean {
	const { code, cause } = asKeyturnError(thrown);
	return code === "program.timeout" || (cause instanceof KeyturnError && cause.code === "program.timeout");
}

async function judge(
	signed: readonly SignedSingly[],
	{ runProbe, timeoutMs }: Judge,
): Promise<readonly ProbeVerdict[]> {
	const expectations = signed.map(({ expectation }) => expectation);
	const messages = signed.map(({ message }) => message);
	return (await runProbe({ kind: "messages", expectations, messages, timeoutMs })).verdicts;
}

function failed({ domain, selector }: ProbedKey, reason: string): ProbeVerdict {
	return { domain, selector, outcome: "failed", reason };
}

function unanswered({ domain, selector }: ProbeExpectation): ProbeVerdict {
	return { domain, selector, outcome: "unproven", reason: "the probe gave no verdict" };
}
