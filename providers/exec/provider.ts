/** Writes records by running a program (go-acme.github.io/lego/dns/exec). */

import { excerpt } from "../../src/dkim/foreign-text.ts";
import { quoteTxt } from "../../src/dkim/txt-strings.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { Authorities } from "../../src/ports/authorities.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import type { ProgramTrust } from "../../src/ports/program-trust.ts";
import type { Programs } from "../../src/ports/programs.ts";
import type { Secrets } from "../../src/ports/secrets.ts";
import { createHookProvider, type HookCall } from "../../src/publishing/hook/hook-provider.ts";
import { runProgram } from "../../src/publishing/hook/run-program.ts";
import { about, type ExecSettings } from "./settings.ts";

export function createProvider(options: {
	readonly name: string;
	readonly settings: ExecSettings;
	readonly secrets: Secrets;
	readonly programs: Programs;
	readonly programTrust: ProgramTrust;
	readonly authorities: Authorities;
	readonly clock: Clock;
}): DnsProvider {
	const { name, settings, secrets, programs, programTrust, authorities, clock } = options;

	async function tell(call: HookCall, signal: AbortSignal): Promise<void> {
		mustBePlain(name, call);
		const own = await environment(settings, secrets);
		await runProgram(
			{ programs, programTrust },
			{
				provider: name,
				argv: [...settings.run, call.act, `${call.name}.`, call.value],
				env: { ...own.env, ...variables(call) },
				timeoutMs: settings.timeout,
				purpose: `${call.act} ${call.name}`,
				secrets: own.secrets,
				hint: about.permission,
			},
			signal,
		);
	}

	return createHookProvider({
		name,
		account: `exec ${JSON.stringify(settings.run)}`,
		authorities,
		clock,
		tell,
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

async function environment(
	{ env }: ExecSettings,
	secrets: Secrets,
): Promise<{ readonly env: Readonly<Record<string, string>>; readonly secrets: readonly string[] }> {
	const values: Record<string, string> = {};
	const hidden: string[] = [];
	for (const [variable, given] of Object.entries(env)) {
		const value = typeof given === "string" ? given : await secrets.read(given);
		values[variable] = value;
		if (typeof given !== "string") hidden.push(value);
	}
	return { env: values, secrets: hidden };
}

function variables({ act, zone, name, value, ttlSeconds }: HookCall): Readonly<Record<string, string>> {
	return {
		DKIM_ACTION: act,
		DKIM_ZONE: zone,
		DKIM_FQDN: `${name}.`,
		DKIM_VALUE: value,
		DKIM_VALUE_QUOTED: quoteTxt(value),
		DKIM_TTL: `${ttlSeconds}`,
	};
}
