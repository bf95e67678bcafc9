/** Whether the running signer signs with its new keys: a key that does not is named, with the reason. */

import { asKeyturnError } from "../errors.ts";
import type { ProbedKey, ProbeVerdict, SignerReading } from "../ports/signer.ts";
import { noSignal, signerNamed, type SwapContext } from "./context.ts";
import type { JournalSigner, LeftOut } from "./journal.ts";

/** The mail server waits: what is not probed by then is probed after its start. */
const PAUSE_BUDGET_MS = 1_000;
const BATCH = 32;
/** A signer that reloads lazily does it at its next connection; another may take this long. */
const RELOAD_MS = 20_000;
const RETRY_MS = 250;

export interface Proof {
	readonly failing: readonly LeftOut[];
	/** Why keys that count as switched were not seen to sign, by domain and selector. */
	readonly unproven: readonly LeftOut[];
	/** For later: the mail server has waited long enough. */
	readonly rest: readonly ProbedKey[];
}

export async function proveKeys(
	context: SwapContext,
	entry: JournalSigner,
	expectations: readonly ProbedKey[],
	isMailWaiting: boolean,
): Promise<Proof> {
	if (!signerNamed(context, entry.signer).probe) return { failing: [], unproven: [], rest: [] };
	const startedAt = context.clock.uptimeMs();
	const verdicts: ProbeVerdict[] = [];
	let at = 0;
	while (at < expectations.length) {
		if (at > 0 && isMailWaiting && context.clock.uptimeMs() - startedAt > PAUSE_BUDGET_MS) break;
		verdicts.push(...(await probePatiently(context, entry, expectations.slice(at, at + BATCH))));
		at += BATCH;
	}
	return {
		failing: verdicts.filter((verdict) => verdict.outcome === "failed").map(withReason),
		unproven: verdicts.filter((verdict) => verdict.outcome === "unproven").map(withReason),
		rest: expectations.slice(at),
	};
}

/** Probes until nothing fails any more; after a restart once more only, after a reload for as long as that may take. */
async function probePatiently(
	context: SwapContext,
	entry: JournalSigner,
	expectations: readonly ProbedKey[],
): Promise<readonly ProbeVerdict[]> {
	const startedAt = context.clock.uptimeMs();
	const patienceMs = entry.swap === "reload" ? RELOAD_MS : RETRY_MS;
	const probe = prober(context, entry);
	for (;;) {
		const verdicts = await probe(expectations);
		const isDone = verdicts.every((verdict) => verdict.outcome !== "failed");
		if (isDone || context.clock.uptimeMs() - startedAt >= patienceMs) return verdicts;
		await context.clock.sleep(RETRY_MS, noSignal());
	}
}

/**
 * One verdict per expectation, whatever the signer does. Its configuration is read until that succeeds once: it names every
 * key file of the host, and asking the signer again needs none of them.
 */
function prober(
	context: SwapContext,
	entry: JournalSigner,
): (expectations: readonly ProbedKey[]) => Promise<readonly ProbeVerdict[]> {
	const { signer } = signerNamed(context, entry.signer);
	let reading: SignerReading | null = null;
	return async (expectations) => {
		try {
			reading ??= await signer.read();
			const verdicts = await signer.probe(expectations, reading);
			return expectations.map(
				({ domain, selector }) =>
					verdicts.find((verdict) => verdict.domain === domain && verdict.selector === selector) ?? {
						domain,
						selector,
						outcome: "failed" as const,
						reason: "the probe gave no verdict",
					},
			);
		} catch (error) {
			const reason = asKeyturnError(error).message;
			return expectations.map(({ domain, selector }) => ({ domain, selector, outcome: "failed", reason }));
		}
	};
}

function withReason({ domain, selector, outcome, reason }: ProbeVerdict): LeftOut {
	return { domain, selector, reason: reason ?? outcome };
}
