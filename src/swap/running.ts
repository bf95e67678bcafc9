/** Asks running signers whether they sign with what their tables name: one that was never reloaded may not. */

import { asKeyturnError } from "../errors.ts";
import type { ProbeAsked, ProbeTold } from "../ports/door.ts";
import type { ServiceInstance } from "../ports/services.ts";
import type { ProbeVerdict } from "../ports/signer.ts";
import { isGivenTo, noSignal, type SwapContext, type SwapSigner } from "./context.ts";

/** What fails is asked once more: a busy machine is no fault of the signer. */
const RETRY_MS = 1_000;

/** Each in the order asked. Keys of other domains than the signer's, and signers with `probe: false`, are passed over. */
export async function probeRunning(
	context: SwapContext,
	asked: readonly ProbeAsked[],
): Promise<readonly ProbeTold[]> {
	const faults = new Map<string, string | null>();
	for (const [name, signer] of context.signers) {
		const own = asked.filter((key) => key.signer === name && isGivenTo(context, key.domain, name));
		if (own.length === 0 || !signer.probe) continue;
		const { service } = signer.signer;
		// One that is known not to run would be waited for in vain, half a minute for each key that asks.
		if ((await isRunning(context, service)) === false) {
			for (const key of own) faults.set(nameOf(key), `${service} does not run`);
			continue;
		}
		let verdicts = await attempt(signer, own);
		if (verdicts.some(isFailed)) {
			await context.clock.sleep(RETRY_MS, noSignal());
			verdicts = await attempt(signer, own);
		}
		for (const verdict of verdicts)
			faults.set(nameOf(verdict), isFailed(verdict) ? (verdict.reason ?? "no reason given") : null);
	}
	return asked.map((key) => ({
		domain: key.domain,
		selector: key.selector,
		fault: faults.get(nameOf(key)) ?? null,
	}));
}

/** Null where that cannot be told. */
export async function isRunning(context: SwapContext, service: string): Promise<boolean | null> {
	const running = await unitsIn(context, service, ["running"]);
	return running === null ? null : running.length > 0;
}

/** Whether it may have read its configuration: it runs, or is just being started. Null where that cannot be told. */
export async function hasBegun(context: SwapContext, service: string): Promise<boolean | null> {
	const begun = await begunUnits(context, service);
	return begun === null ? null : begun.length > 0;
}

/** The units of which that is so. Null where it cannot be told. */
export async function begunUnits(context: SwapContext, service: string): Promise<readonly string[] | null> {
	return unitsIn(context, service, ["running", "changing"]);
}

async function unitsIn(
	{ services, log }: SwapContext,
	service: string,
	states: readonly ServiceInstance["state"][],
): Promise<readonly string[] | null> {
	try {
		const { instances } = await services.look(service);
		return instances.filter(({ state }) => states.includes(state)).map(({ unit }) => unit);
	} catch (error) {
		log.warn("a service cannot be looked at", { service, error: asKeyturnError(error).message });
		return null;
	}
}

async function attempt(
	{ signer }: SwapSigner,
	keys: readonly ProbeAsked[],
): Promise<readonly ProbeVerdict[]> {
	try {
		return await signer.probe(keys, await signer.read());
	} catch (thrown) {
		const reason = asKeyturnError(thrown).message;
		return keys.map(({ domain, selector }) => ({ domain, selector, outcome: "failed", reason }));
	}
}

function isFailed({ outcome }: ProbeVerdict): boolean {
	return outcome === "failed";
}

function nameOf({ domain, selector }: { readonly domain: string; readonly selector: string }): string {
	return `${domain} ${selector}`;
}
