/** `keyturn/provider`: all that a provider of one's own (a plug-in) is written and tested with. docs/plug-ins.md says how. */

import type { ProviderTools } from "../providers/registry.ts";
import { createSystemClock } from "./system/clock.ts";
import { createSystemDisk } from "./system/disk.ts";
import { createHttp } from "./system/http.ts";
import { createProgramTrust } from "./system/program-trust.ts";
import { createSystemPrograms } from "./system/programs.ts";
import { createSystemRandom } from "./system/random.ts";
import { createWire } from "./system/wire.ts";

export { z } from "zod";
export type { ProviderTools };
export { secretReference } from "./settings/secret-reference.ts";
export { quoteTxt, splitTxt, unquoteTxt } from "./dkim/txt-strings.ts";
export { type ErrorCode, KeyturnError, type KeyturnErrorOptions } from "./errors.ts";
export type {
	ChangeResult,
	DnsProvider,
	ProviderLimits,
	ZoneChange,
	ZoneFound,
} from "./ports/dns-provider.ts";
export type { SecretReference } from "./ports/secrets.ts";
export type { ProviderAbout } from "./publishing/about.ts";
export { type AdapterOptions, bearerOf, commonOf } from "./publishing/api/adapter.ts";
export { type Api, type ApiCall, type ApiOptions, createApi, type Verdict } from "./publishing/api/client.ts";
export { absoluteName, plainName, relativeName } from "./publishing/api/names.ts";
export { allCounted, allPages } from "./publishing/api/pages.ts";
export { createRecordProvider, type RecordCalls, removeAt } from "./publishing/api/record-api.ts";
export { createRrsetProvider, type RrsetCalls } from "./publishing/api/rrset-api.ts";
export { createZoneProvider, type ZoneCalls } from "./publishing/api/zone-api.ts";
export { type ApiZone, createZoneSearch, type ZoneSource } from "./publishing/api/zones.ts";
export { type ContractBench, type ContractCase, contractCases, valueOf } from "./publishing/contract.ts";
export { createHookProvider, type HookCall } from "./publishing/hook/hook-provider.ts";

/** The tools that keyturn gives a provider, for tests: this machine's own; every reference to a secret reads `secret`. */
export function createTestTools({ secret }: { readonly secret: string }): ProviderTools {
	const clock = createSystemClock();
	const disk = createSystemDisk();
	const quiet = (): void => undefined;
	return {
		clock,
		disk,
		copies: { keep: async () => Promise.resolve("/dev/null") },
		http: createHttp({ clock }),
		wire: createWire(),
		random: createSystemRandom(),
		programs: createSystemPrograms(),
		programTrust: createProgramTrust(disk, process.getuid?.() ?? 0),
		secrets: { read: async () => Promise.resolve(secret) },
		authorities: {
			served: async () =>
				Promise.resolve({ kind: "unknown", zone: null, why: "no name server is asked in tests" }),
		},
		log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
	};
}
