/** Runs a program that a provider is made of: one that nobody else could have written, and whose failure is told without secrets. */

import { addressForms, inOneLine } from "../../dkim/foreign-text.ts";
import { asKeyturnError, KeyturnError } from "../../errors.ts";
import type { ProgramTrust } from "../../ports/program-trust.ts";
import type { ProgramResult, Programs } from "../../ports/programs.ts";

export interface ProgramCall {
	/** The provider's name in keyturn.yaml, for the words. */
	readonly provider: string;
	readonly argv: readonly [string, ...string[]];
	readonly env?: Readonly<Record<string, string>>;
	readonly timeoutMs: number;
	/** What it is run for, as words that follow its path in a failure: `present s1._domainkey.example.com`. */
	readonly purpose: string;
	/** What must get into no message. */
	readonly secrets?: readonly string[];
	/** What to do where it fails. */
	readonly hint: string;
}

const OUTPUT_BYTES = 64 * 1024;
const MOST_REASON = 300;

/**
 * Resolves with what it wrote on its standard output once it has ended with status 0. Fails with `provider.refused`
 * (not trusted, not there, another status), and with `provider.unreachable` where it was killed after its time: what it was
 * to do may be done.
 */
export async function runProgram(
	tools: { readonly programs: Programs; readonly programTrust: ProgramTrust },
	call: ProgramCall,
	signal: AbortSignal,
): Promise<string> {
	const { provider, argv, env = {}, timeoutMs, hint } = call;
	const [program] = argv;
	const why = await tools.programTrust.whyUntrusted(program);
	if (why !== null)
		throw new KeyturnError("provider.refused", `${provider}: ${program} is not run: ${why}`, {
			hint: "name a program that is there; it and the directories above have to be root's, writable by root alone",
		});
	let result: ProgramResult;
	try {
		const limits = { timeoutMs, outputLimitBytes: OUTPUT_BYTES };
		result = await tools.programs.run({ argv, env, ...limits }, signal);
	} catch (thrown) {
		const { code, message } = asKeyturnError(thrown);
		const isUnknown = code === "program.timeout";
		throw new KeyturnError(
			isUnknown ? "provider.unreachable" : "provider.refused",
			`${provider}: ${message}`,
			isUnknown ? { retry: true } : {},
		);
	}
	if (result.status === 0) return result.stdout;
	throw new KeyturnError(
		"provider.refused",
		`${provider}: ${program} ${call.purpose}: expected status 0, got ${endOf(result)}: ${saidBy(result, call)}`,
		{ hint },
	);
}

function endOf({ status, signal }: ProgramResult): string {
	return status === null ? `signal ${signal ?? "?"}` : `status ${status}`;
}

/** The end of it, where the cause stands; many tell their faults on the standard output. */
function saidBy({ stdout, stderr }: ProgramResult, { secrets = [] }: ProgramCall): string {
	const said = stderr.trim() === "" ? stdout.trim() : stderr.trim();
	const hidden = secrets.flatMap(addressForms).reduce((text, secret) => text.replaceAll(secret, "…"), said);
	return hidden.length <= MOST_REASON ? inOneLine(hidden) : `…${inOneLine(hidden.slice(-MOST_REASON))}`;
}
