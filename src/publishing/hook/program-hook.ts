/** A DNS provider behind a program that makes a record or takes it away; its secrets go into its environment, never its arguments. */

import { excerpt } from "../../dkim/foreign-text.ts";
import { KeyturnError } from "../../errors.ts";
import type { Authorities } from "../../ports/authorities.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DnsProvider } from "../../ports/dns-provider.ts";
import type { ProgramTrust } from "../../ports/program-trust.ts";
import type { Programs } from "../../ports/programs.ts";
import type { SecretReference, Secrets } from "../../ports/secrets.ts";
import { createHookProvider, type HookCall } from "./hook-provider.ts";
import { runProgram } from "./run-program.ts";

/** What a provider of this kind is made with. */
export interface ProgramHookTools {
	readonly secrets: Secrets;
	readonly programs: Programs;
	readonly programTrust: ProgramTrust;
	readonly authorities: Authorities;
	readonly clock: Clock;
}

export interface ProgramHook {
	/** Its name in keyturn.yaml. */
	readonly name: string;
	readonly account: string;
	readonly env: Readonly<Record<string, string | SecretReference>>;
	readonly timeoutMs: number;
	/** Files that are run besides the first argument, which nobody else may be able to write either. */
	readonly scripts?: readonly string[];
	/** What to do where it fails. */
	readonly hint: string;
	/** It may take other values at the name away with ours: then it is told to only where there is none. */
	readonly takesSiblings?: boolean;
	readonly argvOf: (call: HookCall) => readonly [string, ...string[]];
	/** Variables besides `env`. */
	readonly variablesOf: (call: HookCall) => Readonly<Record<string, string>>;
}

export function createProgramHook(tools: ProgramHookTools, hook: ProgramHook): DnsProvider {
	const { name, env, timeoutMs, hint } = hook;
	return createHookProvider({
		name,
		account: hook.account,
		authorities: tools.authorities,
		clock: tools.clock,
		takesSiblings: hook.takesSiblings === true,
		async tell(call, signal) {
			mustBePlain(name, call);
			for (const script of hook.scripts ?? []) await mustBeTrusted(tools.programTrust, name, script);
			const own = await readEnvironment(env, tools.secrets);
			await runProgram(
				tools,
				{
					provider: name,
					argv: hook.argvOf(call),
					env: { ...own.values, ...hook.variablesOf(call) },
					timeoutMs,
					purpose: `${call.act} ${call.name}`,
					secrets: own.secrets,
					hint,
				},
				signal,
			);
		},
	});
}

/** Whatever a program does with its arguments, there is nothing in them to stumble over. */
function mustBePlain(provider: string, { name, value }: HookCall): void {
	if (/^[a-z0-9_.-]+$/.test(name) && !name.startsWith("-") && /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/.test(value))
		return;
	throw new KeyturnError(
		"provider.refused",
		`${provider}: name or value at ${excerpt(name, 80)} has characters that no program is given`,
	);
}

async function mustBeTrusted(trust: ProgramTrust, provider: string, path: string): Promise<void> {
	const why = await trust.whyUntrusted(path);
	if (why === null) return;
	throw new KeyturnError("provider.refused", `${provider}: ${path} is not run: ${why}`, {
		hint: "give it and the directories above to root, writable by root alone",
	});
}

async function readEnvironment(
	env: ProgramHook["env"],
	secrets: Secrets,
): Promise<{ readonly values: Readonly<Record<string, string>>; readonly secrets: readonly string[] }> {
	const values: Record<string, string> = {};
	const hidden: string[] = [];
	for (const [variable, given] of Object.entries(env)) {
		const value = typeof given === "string" ? given : await secrets.read(given);
		values[variable] = value;
		if (typeof given !== "string") hidden.push(value);
	}
	return { values, secrets: hidden };
}
