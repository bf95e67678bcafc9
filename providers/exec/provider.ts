/** Writes records by running a program (go-acme.github.io/lego/dns/exec). */

import { quoteTxt } from "../../src/dkim/txt-strings.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import type { HookCall } from "../../src/publishing/hook/hook-provider.ts";
import { createProgramHook, type ProgramHookTools } from "../../src/publishing/hook/program-hook.ts";
import { about, type ExecSettings } from "./settings.ts";

export function createProvider(
	options: ProgramHookTools & { readonly name: string; readonly settings: ExecSettings },
): DnsProvider {
	const { name, settings } = options;
	return createProgramHook(options, {
		name,
		account: `exec ${JSON.stringify(settings.run)}`,
		env: settings.env,
		timeoutMs: settings.timeout,
		hint: about.permission,
		argvOf: (call) => [...settings.run, call.act, `${call.name}.`, call.value],
		variablesOf: variables,
	});
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
