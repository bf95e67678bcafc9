/** Proves a running rspamd at its HTTP worker. */

import { KeyturnError } from "../../errors.ts";
import type { ProbedKey, ProbeVerdict } from "../../ports/signer.ts";
import type { SocketTarget } from "../../ports/sockets.ts";
import type { ProbeExpectation } from "../probe-protocol.ts";
import { type Live, readLive, type RspamdOptions, signsNoProbe } from "./live-configuration.ts";

const PING_MS = 20_000;
/** Old workers end by themselves; new ones are there once the configuration is compiled. */
const RELOAD_SETTLES_MS = 5_000;

/** Fails with `signer.probe` where it does not answer in time. */
export async function ready(options: RspamdOptions, timeoutMs: number): Promise<void> {
	const answer = await options.runProbe({
		kind: "rspamd",
		socket: socketOf(options),
		expectations: [],
		timeoutMs,
		settleMs: 0,
	});
	if (!answer.isUp) throw notUp(options, answer.reason);
}

/** One verdict per expectation, in their order; fails with `signer.probe` where it does not answer. */
export async function probe(
	options: RspamdOptions,
	expectations: readonly ProbedKey[],
): Promise<readonly ProbeVerdict[]> {
	const live = await readLive(options);
	const prepared = expectations.map((expectation) => prepare(live, expectation));
	const asked = prepared.filter((one) => "sender" in one);
	const answer = await options.runProbe({
		kind: "rspamd",
		socket: socketOf(options),
		expectations: asked,
		timeoutMs: PING_MS,
		settleMs: options.swap === "reload" ? RELOAD_SETTLES_MS : 0,
	});
	if (!answer.isUp || answer.verdicts.length !== asked.length) throw notUp(options, answer.reason);
	const verdicts = answer.verdicts.values();
	return prepared.map((one) => ("sender" in one ? (verdicts.next().value ?? unanswered(one)) : one));
}

/** Whose mail proves a domain's key. */
export function senderOf(domain: string): string {
	return `keyturn-probe@${domain}`;
}

function prepare(
	{ keys, section: { options } }: Live,
	{ domain, selector, record }: ProbedKey,
): ProbeExpectation | ProbeVerdict {
	const isThere = keys.some((key) => key.domain === domain && key.selector === selector);
	if (isThere !== (record !== null)) {
		const what = isThere ? "still has this key" : "has no such key";
		return { domain, selector, outcome: "failed", reason: `the configuration of ${domain} ${what}` };
	}
	const unsigned = signsNoProbe(options)
		? ({ means: "unproven", why: "sign_local and sign_authenticated are off" } as const)
		: ({ means: record === null ? "unsigned" : "failed" } as const);
	return { domain, selector, record, sender: senderOf(domain), unsigned };
}

function unanswered({ domain, selector }: ProbeExpectation): ProbeVerdict {
	return { domain, selector, outcome: "unproven", reason: "the probe gave no verdict" };
}

function socketOf({ settings }: RspamdOptions): SocketTarget {
	const [host = "", port = ""] = settings.listen.split(":");
	return { kind: "inet", host, port: Number(port) };
}

function notUp({ service, settings }: RspamdOptions, reason: string | null): KeyturnError {
	return new KeyturnError(
		"signer.probe",
		`${service} does not answer at ${settings.listen}: ${reason ?? "no reason given"}`,
		{ hint: "Where its normal worker is off, let `listen` be its controller's address (127.0.0.1:11334)." },
	);
}
