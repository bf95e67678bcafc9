/** Writes records with the scripts of acme.sh (github.com/acmesh-official/acme.sh/wiki/DNS-API-Dev-Guide). */

import { KeyturnError } from "../../src/errors.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { createProgramHook, type ProgramHookTools } from "../../src/publishing/hook/program-hook.ts";
import { about, type AcmeshSettings } from "./settings.ts";

/** Its functions are there once acme.sh was read; without arguments that tells its usage and does nothing. */
const CALL =
	'. "$0" >/dev/null && . "$KEYTURN_SCRIPT" && "$KEYTURN_FUNCTION" "$KEYTURN_NAME" "$KEYTURN_VALUE"';
const ENDS = { present: "add", cleanup: "rm" } as const;

export function createProvider(
	options: ProgramHookTools & { readonly name: string; readonly settings: AcmeshSettings },
): DnsProvider {
	const { name, settings } = options;
	const { api, home, env } = settings;
	const program = `${home}/acme.sh`;
	const script = `${home}/dnsapi/${api}.sh`;
	return createProgramHook(options, {
		name,
		account: `acmesh ${api} ${JSON.stringify(env)}`,
		env,
		timeoutMs: settings.timeout,
		scripts: [program, script],
		hint: about.permission,
		takesSiblings: true,
		argvOf: ({ value }) => {
			mustBeOneWord(name, value);
			return ["/bin/sh", "-c", CALL, program];
		},
		variablesOf: ({ act, name: at, value }) => ({
			KEYTURN_SCRIPT: script,
			KEYTURN_FUNCTION: `${api}_${ENDS[act]}`,
			KEYTURN_NAME: at,
			KEYTURN_VALUE: value,
			// It saves credentials in clear where it may, and headers of answers.
			ACCOUNT_CONF_PATH: "/dev/null",
			HTTP_HEADER: "/dev/null",
			LE_CONFIG_HOME: home,
			LE_WORKING_DIR: home,
			HOME: home,
		}),
	});
}

function mustBeOneWord(provider: string, value: string): void {
	if (!value.includes(" ")) return;
	throw new KeyturnError("provider.refused", `${provider}: acme.sh would part this value at its blanks`, {
		hint: "leave `record.notes` out, or use another provider",
	});
}
