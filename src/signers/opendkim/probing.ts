/** Proves a running OpenDKIM at its milter socket. */

import { KeyturnError } from "../../errors.ts";
import type { ProbedKey, ProbeVerdict } from "../../ports/signer.ts";
import type { ProbeExpectation } from "../probe-protocol.ts";
import { findSender, whyNoSender } from "./found-sender.ts";
import type { KeyTableEntry } from "./key-table.ts";
import { type LiveConfiguration, readLive, socketOf } from "./live-configuration.ts";
import type { OpenDkimOptions } from "./options.ts";
import { isNamed, ordinaryAddress } from "./signing-table.ts";

const HANDSHAKE_MS = 10_000;
/** A signal to reload is seen by the next connection at the earliest; measured: 60 ms. */
const RELOAD_SETTLES_MS = 5_000;
const NOT_INTERNAL = { means: "unproven", why: "127.0.0.1 is not among its InternalHosts" } as const;

/** Fails with `signer.probe` where it does not answer in time. */
export async function ready(options: OpenDkimOptions, timeoutMs: number): Promise<void> {
	const { disk, settings, service, runProbe } = options;
	const socket = socketOf(await readLive({ disk, config: settings.config, service }));
	const answer = await runProbe({ kind: "milter", socket, expectations: [], timeoutMs, settleMs: 0 });
	if (!answer.isUp)
		throw new KeyturnError(
			"signer.probe",
			`${service} does not answer: ${answer.reason ?? "no reason given"}`,
		);
}

/** One verdict per expectation, in their order; fails with `signer.probe` where it does not answer. */
export async function probe(
	options: OpenDkimOptions,
	expectations: readonly ProbedKey[],
): Promise<readonly ProbeVerdict[]> {
	const { disk, settings, service, swap, runProbe } = options;
	const live = await readLive({ disk, config: settings.config, service });
	const prepared = expectations.map((expectation) => prepare(live, expectation));
	const asked = prepared.filter((one) => "sender" in one);
	const answer = await runProbe({
		kind: "milter",
		socket: socketOf(live),
		expectations: asked,
		timeoutMs: HANDSHAKE_MS,
		settleMs: swap === "reload" ? RELOAD_SETTLES_MS : 0,
	});
	if (!answer.isUp || answer.verdicts.length !== asked.length)
		throw new KeyturnError(
			"signer.probe",
			`${service} does not answer: ${answer.reason ?? "no reason given"}`,
		);
	const verdicts = answer.verdicts.values();
	return prepared.map((one) => ("sender" in one ? (verdicts.next().value ?? unanswered(one)) : one));
}

function prepare(
	live: LiveConfiguration,
	{ domain, selector, record }: ProbedKey,
): ProbeExpectation | ProbeVerdict {
	if (record === null) return prepareGone(live, domain, selector);
	const entries = live.entries.filter(
		(entry) => entry.problem === null && entry.domain === domain && entry.selector === selector,
	);
	if (entries.length === 0)
		return { domain, selector, outcome: "failed", reason: "the live key table has no line of this key" };
	const sender = findSender(live.signing, entries);
	if (sender === null)
		return { domain, selector, outcome: "unproven", reason: whyNoSender(domain, selector) };
	const unsigned = live.signsLoopback ? ({ means: "failed" } as const) : NOT_INTERNAL;
	return { domain, selector, record, sender, unsigned };
}

/** Mail of a domain whose lines were taken out may be signed with another key, but not with that one. */
function prepareGone(
	live: LiveConfiguration,
	domain: string,
	selector: string,
): ProbeExpectation | ProbeVerdict {
	const still = live.entries.find(
		(entry) => entry.domain === domain && entry.selector === selector && maySign(live, entry),
	);
	if (still !== undefined)
		return { domain, selector, outcome: "failed", reason: `the live key table has its line ${still.name}` };
	const unsigned = live.signsLoopback ? ({ means: "unsigned" } as const) : NOT_INTERNAL;
	return { domain, selector, record: null, sender: ordinaryAddress(domain), unsigned };
}

/** Whether a signing line may lead to it; one with a problem, a pattern say, may be found by other names than its own. */
function maySign({ signing }: LiveConfiguration, { name, isUsed, problem }: KeyTableEntry): boolean {
	return isUsed && (problem !== null || isNamed(signing, name));
}

function unanswered({ domain, selector }: ProbeExpectation): ProbeVerdict {
	return { domain, selector, outcome: "unproven", reason: "the probe gave no verdict" };
}
