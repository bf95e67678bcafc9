/** Writes records by running lexicon (dns-lexicon.readthedocs.io/en/latest/user_guide.html). */

import { splitTxt } from "../../src/dkim/txt-strings.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import type { HookCall } from "../../src/publishing/hook/hook-provider.ts";
import { createProgramHook, type ProgramHookTools } from "../../src/publishing/hook/program-hook.ts";
import { KNOWN } from "./known.ts";
import { about, type LexiconSettings } from "./settings.ts";

const ACTS = { present: "create", cleanup: "delete" } as const satisfies Record<HookCall["act"], string>;

export function createProvider(
	options: ProgramHookTools & { readonly name: string; readonly settings: LexiconSettings },
): DnsProvider {
	const { name, settings } = options;
	const { program, provider, env } = settings;
	return createProgramHook(options, {
		name,
		account: `lexicon ${provider} ${JSON.stringify(env)}`,
		env,
		timeoutMs: settings.timeout,
		hint: about.permission,
		argvOf: ({ act, zone, name: at, value, ttlSeconds }) => [
			program,
			`--delegated=${zone}`,
			provider,
			ACTS[act],
			zone,
			"TXT",
			// With an equals sign: what begins with a hyphen would be taken for an option.
			`--name=${at}`,
			`--content=${KNOWN[provider].form === "parted" ? parted(value) : value}`,
			`--ttl=${ttlSeconds}`,
			"--output=QUIET",
		],
		variablesOf: () => ({}),
	});
}

/** Without the outer quotes, which the adapter adds. */
function parted(value: string): string {
	return splitTxt(value)
		.map((octets) => Buffer.from(octets).toString())
		.join('" "');
}
