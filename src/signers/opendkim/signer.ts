/** OpenDKIM as a signer: its tables read, a key in use replaced in them, the result proven offline and through its milter socket. */

import type { RenderedFile, Signer, SignerChange, SignerReading } from "../../ports/signer.ts";
import { findAccount, readAccounts } from "../accounts.ts";
import { faultsOf } from "../first-key-faults.ts";
import { refusalBy } from "../safe-keys.ts";
import { readLive } from "./live-configuration.ts";
import { ONE_KEY, type OneKey, renderOneKey } from "./one-key.ts";
import type { OpenDkimOptions } from "./options.ts";
import { probe, ready } from "./probing.ts";
import { readOpenDkim } from "./reading.ts";
import { kindOf, type Root, rootOf, toInside } from "./root-directory.ts";
import { safetyRules } from "./safety.ts";
import { signStaged } from "./sign-staged.ts";
import { renderTables, whyNoFirstKey } from "./tables.ts";

export function createOpenDkimSigner(options: OpenDkimOptions): Signer {
	const { name, settings, service, swap } = options;
	return {
		name,
		service,
		swap,
		read: async () => readOpenDkim(options),
		keyPath: (domain, selector) => `${settings.keys}/${domain}/${selector}.private`,
		firstKeyFaults: async (domains) => firstKeyFaults(options, domains),
		render,
		unsafe: refusalBy(async (reading) => safetyRules(options, reading)),
		preflight: async () => preflight(options),
		signOffline: async (staged, expectations, reading) => signStaged(options, staged, expectations, reading),
		ready: async (timeoutMs) => ready(options, timeoutMs),
		nudge: async () => ready(options, NUDGE_MS),
		probe: async (expectations) => probe(options, expectations),
	};
}

const NEVER = new AbortController().signal;
const PREFLIGHT_MS = 30_000;
const NUDGE_MS = 1_000;

function render(reading: SignerReading, changes: readonly SignerChange[]): readonly RenderedFile[] {
	const [keyTable, signingTable] = reading.files;
	if (keyTable?.format === ONE_KEY) return renderOneKey(keyTable, reading.lines, changes);
	if (keyTable === undefined || signingTable === undefined || changes.length === 0) return [];
	const root = rootOf(keyTable.format);
	return renderTables(
		{ keyTable, signingTable, kind: kindOf(signingTable.format), keyKind: kindOf(keyTable.format) },
		changes.map((change) => inwards(change, root)),
	);
}

function inwards(change: SignerChange, root: Root): SignerChange {
	const { to } = change;
	return to === null ? change : { ...change, to: { ...to, keyPath: toInside(root, to.keyPath) } };
}

async function firstKeyFaults(
	{ disk, settings, service }: OpenDkimOptions,
	domains: readonly string[],
): Promise<ReadonlyMap<string, string>> {
	const live = await readLive({ disk, config: settings.config, service });
	return faultsOf(domains, (domain) =>
		live.oneKey === null ? whyNoFirstKey(live, domain) : whyNoPlace(live.oneKey),
	);
}

function whyNoPlace({ domains, file }: OneKey): string {
	return `${file} names one key, that of ${domains.join(", ")}: there is no place for another. Use KeyTable and SigningTable`;
}

/** A reload is read by the signer's own user, a start by root. */
async function preflight(options: OpenDkimOptions): Promise<string | null> {
	const { disk, programs, settings, service, swap } = options;
	const live = await readLive({ disk, config: settings.config, service });
	const owner = findAccount(await readAccounts(disk), live.user);
	const result = await programs.run(
		{
			argv: [settings.program, "-n", "-x", live.unit.config ?? settings.config],
			timeoutMs: PREFLIGHT_MS,
			...(swap === "reload" ? { owner: { uid: owner.uid, gid: owner.gid } } : {}),
		},
		NEVER,
	);
	if (result.status === 0) return null;
	return `opendkim -n: ${result.stderr.trim().slice(0, 500)} (exit status ${result.status})`;
}
