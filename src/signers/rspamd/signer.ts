/** rspamd as a signer: the keys in the blocks of `domain { }`, a map, tables or Redis, proven offline and by its HTTP worker. */

import { bareKey } from "../../dkim/key-material.ts";
import type { RenderedFile, Signer, SignerChange, SignerFile } from "../../ports/signer.ts";
import { findAccount, readAccounts } from "../accounts.ts";
import { refusalBy, type SafetyQuestion } from "../safe-keys.ts";
import { renderLayout } from "./layout.ts";
import { keyPathOf, readConfiguration, readLive, type RspamdOptions } from "./live-configuration.ts";
import { neverAsked } from "./never-asked.ts";
import { probe, ready } from "./probing.ts";
import { faultsOf, withoutPlace } from "../first-key-faults.ts";
import { readRspamd } from "./reading.ts";
import { putIntoRedis, REDIS_TABLE, renderRedisTable } from "./redis-keys.ts";
import type { RedisSettings, RspamdSettings } from "./settings.ts";
import { signOffline } from "./sign-offline.ts";
import { renderSection, type SigningSection } from "./signing-section.ts";

export function createRspamdSigner(options: RspamdOptions): Signer {
	const { name, settings, service, swap } = options;
	const { redis } = settings;
	return {
		name,
		service,
		swap,
		read: async () => readRspamd(options),
		keyPath: keyPathOf(settings),
		keyFile: bareKey,
		firstKeyFaults: async (domains, several) => firstKeyFaults(options, domains, several),
		render: ({ files }, changes) => render(settings, files, changes),
		...(redis === null ? {} : { apply: async () => follow(options, redis) }),
		unsafe: refusalBy(async () => safetyRules(options)),
		preflight: async () => preflight(options),
		signOffline: async (staged, expectations, reading) => signOffline(options, staged, expectations, reading),
		ready: async (timeoutMs) => ready(options, timeoutMs),
		probe: async (expectations) => probe(options, expectations),
	};
}

const NEVER = new AbortController().signal;
const CONFIGTEST_MS = 60_000;

function render(
	settings: RspamdSettings,
	files: readonly SignerFile[],
	changes: readonly SignerChange[],
): readonly RenderedFile[] {
	const [file] = files;
	if (file === undefined || changes.length === 0) return [];
	const keyPath = keyPathOf(settings);
	if (file.format === REDIS_TABLE) return renderRedisTable(file, changes, keyPath);
	const blocks = () => [
		{ path: file.path, hashBefore: file.hash, bytes: renderSection(file.bytes, file.path, changes) },
	];
	return renderLayout(files, changes, keyPath) ?? blocks();
}

/** Has Redis name what the file says. */
async function follow(options: RspamdOptions, redis: RedisSettings): Promise<void> {
	const { section } = await readConfiguration(options, new Map());
	const { uid } = findAccount(await readAccounts(options.disk), options.settings.user);
	await putIntoRedis({ ...options, redis, section, keyPath: keyPathOf(options.settings), uid });
}

const ONE_EACH =
	"a map, OpenDKIM's tables and Redis have one key for a domain: let `key` be one, or write domain { } into dkim_signing.conf in their place";

async function firstKeyFaults(
	options: RspamdOptions,
	domains: readonly string[],
	several: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
	const { section, layout, keys } = await readLive(options);
	const whyNever = neverAsked(section.options, [...keys.map(({ domain }) => domain), ...domains]);
	const places = layout === null ? blockFaults(section, domains) : layout.firstKeyFaults(domains);
	return new Map([
		...places,
		...(layout === null ? [] : withoutPlace(domains, several, ONE_EACH)),
		...faultsOf(domains, whyNever),
	]);
}

function blockFaults({ keys }: SigningSection, domains: readonly string[]): ReadonlyMap<string, string> {
	return faultsOf(domains, (domain) => {
		const own = keys.find((key) => key.domain === domain);
		return own === undefined
			? null
			: `it has a block already: ${own.problem ?? `${own.selector} signs for it`}`;
	});
}

/** rspamd opens a key as its own user, and asks no more of it. */
async function safetyRules({ disk, settings }: RspamdOptions): Promise<SafetyQuestion> {
	const accounts = await readAccounts(disk);
	const account = findAccount(accounts, settings.user);
	return { disk, accounts, account, requireSafe: false, isReadByRoot: false, directories: new Map() };
}

async function preflight({ programs, settings }: RspamdOptions): Promise<string | null> {
	const result = await programs.run(
		{ argv: [settings.program, "configtest", "-q", "-c", settings.main], timeoutMs: CONFIGTEST_MS },
		NEVER,
	);
	if (result.status === 0) return null;
	return `rspamadm configtest: ${`${result.stdout}\n${result.stderr}`.trim().slice(0, 500)} (exit status ${result.status})`;
}
