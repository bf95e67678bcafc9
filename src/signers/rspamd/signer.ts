/** rspamd as a signer: the keys in the blocks of `domain { }`, a map, tables or Redis, proven offline and by its HTTP worker. */

import { bareKey, type PublicHalf, publicHalf } from "../../dkim/key-material.ts";
import { hashOf } from "../../durable.ts";
import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { Programs } from "../../ports/programs.ts";
import type {
	ProbedKey,
	ProbeVerdict,
	RenderedFile,
	SignExpectation,
	Signer,
	SignerChange,
	SignerFile,
	SignerReading,
	SigningLine,
} from "../../ports/signer.ts";
import type { Sockets, SocketTarget } from "../../ports/sockets.ts";
import { type Account, findAccount, readAccounts } from "../accounts.ts";
import { probeText } from "../probe-message.ts";
import type { ProbeExpectation, RunProbe } from "../probe-protocol.ts";
import { whyUnsafe } from "../safe-keys.ts";
import { type Layout, readLayout, renderLayout } from "./layout.ts";
import { putIntoRedis, readRedis, REDIS_TABLE, renderRedisTable } from "./redis-keys.ts";
import type { RedisSettings, RspamdSettings } from "./settings.ts";
import {
	isOn,
	keyInUse,
	readSection,
	renderSection,
	type SigningKey,
	type SigningSection,
} from "./signing-section.ts";

export interface RspamdOptions {
	/** Its name in keyturn.yaml. */
	readonly name: string;
	readonly settings: RspamdSettings;
	readonly service: string;
	readonly swap: "restart" | "reload";
	readonly disk: Disk;
	readonly programs: Programs;
	readonly sockets: Sockets;
	readonly runProbe: RunProbe;
}

export function createRspamdSigner(options: RspamdOptions): Signer {
	const { name, settings, service, swap } = options;
	const { redis } = settings;
	return {
		name,
		service,
		swap,
		read: async () => read(options),
		keyPath: keyPathOf(settings),
		keyFile: bareKey,
		firstKeyFaults: async (domains) => firstKeyFaults(options, domains),
		render: ({ files }, changes) => render(settings, files, changes),
		...(redis === null ? {} : { apply: async () => follow(options, redis) }),
		unsafe: async (keyPath) => unsafe(options, keyPath),
		preflight: async () => preflight(options),
		signOffline: async (staged, expectations, reading) => sign(options, staged, expectations, reading),
		ready: async (timeoutMs) => ready(options, timeoutMs),
		probe: async (expectations) => probe(options, expectations),
	};
}

const NEVER = new AbortController().signal;
const FILE_LIMIT_BYTES = 4 * 1024 * 1024;
const KEY_LIMIT_BYTES = 64 * 1024;
const PROGRAM_MS = 60_000;
const PING_MS = 20_000;
/** Old workers end by themselves; new ones are there once the configuration is compiled. */
const RELOAD_SETTLES_MS = 5_000;

interface Live {
	/** The file with `domain { }`. */
	readonly file: SignerFile;
	readonly section: SigningSection;
	/** Where the keys are named elsewhere. */
	readonly layout: Layout | null;
	readonly keys: readonly NamedKey[];
	readonly account: Account;
}

type NamedKey = Pick<SigningKey, "domain" | "selector" | "path" | "problem"> & {
	readonly entry: string;
	readonly signs: boolean;
};

async function readLive(
	options: RspamdOptions,
	staged: ReadonlyMap<string, string> = new Map(),
): Promise<Live> {
	const { disk, settings } = options;
	const { file, section } = await readConfiguration(options, staged);
	const keyPath = keyPathOf(settings);
	const redis = redisIn(section, settings);
	const layout =
		redis === null
			? await readLayout({ disk, section, keyPath, staged })
			: await readRedis({ ...options, redis, section, keyPath }, staged);
	const keys =
		layout?.rows.map((row) => ({ ...row, entry: row.label ?? row.domain })) ??
		section.keys.map((key) => ({ ...key, entry: key.domain, signs: true }));
	const account = findAccount(await readAccounts(disk), settings.user);
	return { file, section, layout, keys, account };
}

async function readConfiguration(
	{ disk, settings }: RspamdOptions,
	staged: ReadonlyMap<string, string>,
): Promise<Pick<Live, "file" | "section">> {
	const path = (await disk.realpath(settings.config)) ?? settings.config;
	const bytes = await disk.read(staged.get(path) ?? path, FILE_LIMIT_BYTES);
	if (bytes === null) throw new KeyturnError("signer.config", `${settings.config} is absent`);
	return {
		file: { path, bytes, hash: hashOf(bytes) },
		section: readSection(Buffer.from(bytes).toString("latin1"), settings.config),
	};
}

function keyPathOf({ keys }: RspamdSettings): Signer["keyPath"] {
	if (!keys.includes("$")) return (domain, selector) => `${keys}/${domain}/${selector}.private`;
	return (domain, selector) => keys.replaceAll("$domain", domain).replaceAll("$selector", selector);
}

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

async function read(options: RspamdOptions): Promise<SignerReading> {
	const { disk, settings } = options;
	const { file, section, layout, keys: named, account } = await readLive(options);
	const keys: ReadKey[] = [];
	for (const key of named) {
		const pem = await readKey(disk, key);
		keys.push({ key, half: pem === null ? null : publicHalf(pem) });
	}
	const files = layout?.files ?? [file];
	return {
		lines: keys.map((one) => describeKey(one, ordinaryOf(keys, one))),
		files,
		tableHash: layout === null ? file.hash : hashOf(Buffer.from(JSON.stringify([file.hash, layout]))),
		owner: { uid: account.uid, gid: account.gid, user: account.user },
		configuration: [settings.config],
		notes: notesOn(section),
		alsoAsked: alsoAsked(section, settings),
	};
}

/** A map of paths is read and never changed. */
function alsoAsked({ options }: SigningSection, { redis }: RspamdSettings): readonly string[] {
	const paths = options.has("selector_map") ? options.get("path_map") : undefined;
	return [...(paths === undefined ? [] : [paths]), ...(redis === null ? [] : [`Redis at ${redis.socket}`])];
}

/** Has Redis name what the file says. */
async function follow(options: RspamdOptions, redis: RedisSettings): Promise<void> {
	const { section } = await readConfiguration(options, new Map());
	await putIntoRedis({ ...options, redis, section, keyPath: keyPathOf(options.settings) });
}

/** Fails with `signer.config` where rspamd and keyturn.yaml differ in it. */
function redisIn({ options }: SigningSection, settings: RspamdSettings): RedisSettings | null {
	const isAsked = isOn(options.get("use_redis"));
	if (isAsked === (settings.redis !== null)) return settings.redis;
	throw new KeyturnError(
		"signer.config",
		isAsked
			? `${settings.config} has use_redis, and keyturn.yaml names no \`redis\` for this signer`
			: `keyturn.yaml names \`redis\` for this signer, and ${settings.config} has no use_redis`,
		{ hint: "docs/signers.md shows both." },
	);
}

async function readKey(disk: Disk, { path, problem }: NamedKey): Promise<string | null> {
	if (problem !== null) return null;
	const stat = await disk.stat(path);
	if (stat?.kind !== "file" || stat.sizeBytes > KEY_LIMIT_BYTES) return null;
	const bytes = await disk.read(path, KEY_LIMIT_BYTES);
	return bytes === null ? null : Buffer.from(bytes).toString("latin1");
}

interface ReadKey {
	readonly key: NamedKey;
	/** Null if its file cannot be read as a key. */
	readonly half: PublicHalf | null;
}

/** Of several keys of one algorithm the first is turned. */
function ordinaryOf(keys: readonly ReadKey[], { key, half }: ReadKey): NamedKey | null {
	const alike = keys.filter(
		(one) =>
			one.key.domain === key.domain &&
			one.key.problem === null &&
			one.key.signs &&
			one.half?.algorithm === half?.algorithm,
	);
	return alike[0]?.key ?? null;
}

function isSameKey(one: NamedKey, other: NamedKey): boolean {
	return one.domain === other.domain && one.selector === other.selector && one.path === other.path;
}

function describeKey({ key, half }: ReadKey, ordinary: NamedKey | null): SigningLine {
	const { domain, selector, path, problem, entry, signs } = key;
	const foreign =
		ordinary === null || isSameKey(key, ordinary)
			? null
			: `beside ${ordinary.selector}, the key of its kind that keyturn turns, this one is left alone`;
	return {
		domain,
		selector,
		entry,
		keyPath: path,
		publicKey: half?.publicKey ?? null,
		problem: problem ?? foreign,
		signs,
	};
}

function notesOn({ options, keys }: SigningSection): readonly string[] {
	const notes: string[] = [];
	if (isNo(options.get("enabled"))) notes.push("enabled = false: rspamd signs nothing.");
	if (isNo(options.get("sign_local")))
		notes.push("sign_local = false: a probe from loopback proves nothing.");
	const below = keys.find(({ domain }) => domain.split(".").length > 2);
	if (below !== undefined && !isNo(options.get("use_esld")))
		notes.push(
			`use_esld is on: if ${below.domain} is below a registered domain, rspamd looks for the block of that, and never uses this one.`,
		);
	return notes;
}

function isNo(value: string | undefined): boolean {
	return value !== undefined && /^(?:false|no|off)$/i.test(value);
}

async function firstKeyFaults(
	options: RspamdOptions,
	domains: readonly string[],
): Promise<ReadonlyMap<string, string>> {
	const { section, layout } = await readLive(options);
	if (layout !== null) return layout.firstKeyFaults(domains);
	return new Map(
		domains.flatMap((domain) => {
			const own = section.keys.find((key) => key.domain === domain);
			if (own === undefined) return [];
			return [[domain, `it has a block already: ${own.problem ?? `${own.selector} signs for it`}`] as const];
		}),
	);
}

/** rspamd opens a key as its own user, and asks no more of it. */
async function unsafe({ disk, settings }: RspamdOptions, keyPath: string): Promise<string | null> {
	const accounts = await readAccounts(disk);
	const account = findAccount(accounts, settings.user);
	const question = { disk, accounts, account, requireSafe: false, isReadByRoot: false };
	return whyUnsafe({ ...question, directories: new Map() }, keyPath);
}

async function preflight({ programs, settings }: RspamdOptions): Promise<string | null> {
	const result = await programs.run(
		{ argv: [settings.program, "configtest", "-q", "-c", settings.main], timeoutMs: PROGRAM_MS },
		NEVER,
	);
	if (result.status === 0) return null;
	return `rspamadm configtest: ${`${result.stdout}\n${result.stderr}`.trim().slice(0, 500)} (exit status ${result.status})`;
}

/** rspamd has no way to sign with a configuration that is not live: its own signing is done with each staged key and selector. */
async function sign(
	options: RspamdOptions,
	staged: ReadonlyMap<string, string>,
	expectations: readonly SignExpectation[],
	reading: SignerReading,
): Promise<readonly string[]> {
	const { file, keys: named } = await readLive(options, staged);
	// Tables may call one key by several names.
	const keys = [
		...new Map(named.map((key) => [[key.domain, key.selector, key.path].join(" "), key])).values(),
	];
	const path = `${staged.get(file.path) ?? file.path}.eml`;
	const messages: string[] = [];
	for (const { domain, selector } of expectations)
		messages.push(await signOne(options, reading.owner, path, keyInUse({ keys }, domain, selector)));
	return messages;
}

async function signOne(
	{ disk, programs, settings }: RspamdOptions,
	owner: SignerReading["owner"],
	path: string,
	key: NamedKey,
): Promise<string> {
	await writeMessage(disk, path, owner, probeText(senderOf(key.domain)));
	try {
		const argv = [
			"mime",
			"sign",
			"-d",
			key.domain,
			"-s",
			key.selector,
			"-k",
			key.path,
			"-o",
			"message",
			path,
		];
		const result = await programs.run(
			{ argv: [settings.program, ...argv], timeoutMs: PROGRAM_MS, owner },
			NEVER,
		);
		if (result.status === 0 && /^DKIM-Signature:/i.test(result.stdout))
			return result.stdout.replace(/\r?\n/g, "\r\n");
		throw new KeyturnError(
			"signer.probe",
			`rspamadm did not sign with ${key.path}: exit status ${result.status}, saying: ${result.stderr.trim().slice(0, 300)}`,
			{ hint: "Mode, owner or directory of the key file are the usual reason." },
		);
	} finally {
		await disk.unlink(path);
	}
}

async function writeMessage(
	disk: Disk,
	path: string,
	owner: SignerReading["owner"],
	text: string,
): Promise<void> {
	await disk.unlink(path);
	const file = await disk.create(path, 0o600);
	if (file === "exists") throw new KeyturnError("signer.config", `${path}: somebody else keeps making it`);
	try {
		await file.chown({ uid: owner.uid, gid: owner.gid });
		await file.write(Buffer.from(text, "utf8"));
	} finally {
		await file.close();
	}
}

function senderOf(domain: string): string {
	return `keyturn-probe@${domain}`;
}

function socketOf({ settings }: RspamdOptions): SocketTarget {
	const [host = "", port = ""] = settings.listen.split(":");
	return { kind: "inet", host, port: Number(port) };
}

async function ready(options: RspamdOptions, timeoutMs: number): Promise<void> {
	const answer = await options.runProbe({
		kind: "rspamd",
		socket: socketOf(options),
		expectations: [],
		timeoutMs,
		settleMs: 0,
	});
	if (!answer.isUp) throw notUp(options, answer.reason);
}

async function probe(
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

function prepare(
	{ keys, section: { options } }: Live,
	{ domain, selector, record }: ProbedKey,
): ProbeExpectation | ProbeVerdict {
	const isThere = keys.some((key) => key.domain === domain && key.selector === selector);
	if (isThere !== (record !== null)) {
		const what = isThere ? "still has this key" : "has no such key";
		return { domain, selector, outcome: "failed", reason: `the configuration of ${domain} ${what}` };
	}
	const unsigned = isNo(options.get("sign_local"))
		? ({ means: "unproven", why: "sign_local is off" } as const)
		: ({ means: record === null ? "unsigned" : "failed" } as const);
	return { domain, selector, record, sender: senderOf(domain), unsigned };
}

function unanswered({ domain, selector }: ProbeExpectation): ProbeVerdict {
	return { domain, selector, outcome: "unproven", reason: "the probe gave no verdict" };
}

function notUp({ service, settings }: RspamdOptions, reason: string | null): KeyturnError {
	return new KeyturnError(
		"signer.probe",
		`${service} does not answer at ${settings.listen}: ${reason ?? "no reason given"}`,
	);
}
