/** rspamd as a signer: the keys in the blocks of `domain { }`, turned in that one file, proven offline and by its HTTP worker. */

import { publicHalf } from "../../dkim/key-material.ts";
import { hashOf } from "../../durable.ts";
import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { Programs } from "../../ports/programs.ts";
import type {
	ProbedKey,
	ProbeVerdict,
	SignExpectation,
	Signer,
	SignerFile,
	SignerReading,
	SigningLine,
} from "../../ports/signer.ts";
import type { SocketTarget } from "../../ports/sockets.ts";
import { type Account, findAccount, readAccounts } from "../accounts.ts";
import { probeText } from "../probe-message.ts";
import type { ProbeExpectation, RunProbe } from "../probe-protocol.ts";
import { whyUnsafe } from "../safe-keys.ts";
import type { RspamdSettings } from "./settings.ts";
import {
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
	readonly runProbe: RunProbe;
}

export function createRspamdSigner(options: RspamdOptions): Signer {
	const { name, settings, service, swap } = options;
	return {
		name,
		service,
		swap,
		read: async () => read(options),
		keyPath: (domain, selector) => `${settings.keys}/${domain}/${selector}.private`,
		firstKeyFaults: async (domains) => firstKeyFaults(options, domains),
		render: ({ files: [file] }, changes) =>
			file === undefined || changes.length === 0
				? []
				: [{ path: file.path, hashBefore: file.hash, bytes: renderSection(file.bytes, file.path, changes) }],
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
	readonly file: SignerFile;
	readonly section: SigningSection;
	readonly account: Account;
}

async function readLive(
	{ disk, settings }: RspamdOptions,
	staged: ReadonlyMap<string, string> = new Map(),
): Promise<Live> {
	const path = (await disk.realpath(settings.config)) ?? settings.config;
	const bytes = await disk.read(staged.get(path) ?? path, FILE_LIMIT_BYTES);
	if (bytes === null) throw new KeyturnError("signer.config", `${settings.config} is absent`);
	return {
		file: { path, bytes, hash: hashOf(bytes) },
		section: readSection(Buffer.from(bytes).toString("latin1"), settings.config),
		account: findAccount(await readAccounts(disk), settings.user),
	};
}

async function read(options: RspamdOptions): Promise<SignerReading> {
	const { disk, settings } = options;
	const { file, section, account } = await readLive(options);
	const keys: { readonly key: SigningKey; readonly pem: string | null }[] = [];
	for (const key of section.keys) keys.push({ key, pem: await readKey(disk, key) });
	return {
		lines: keys.map(({ key, pem }) => describeKey(key, pem, ordinaryOf(keys, key.domain))),
		files: [file],
		tableHash: file.hash,
		owner: { uid: account.uid, gid: account.gid, user: account.user },
		configuration: [settings.config],
		notes: notesOn(section),
	};
}

async function readKey(disk: Disk, { path, problem }: SigningKey): Promise<string | null> {
	if (problem !== null) return null;
	const stat = await disk.stat(path);
	if (stat?.kind !== "file" || stat.sizeBytes > KEY_LIMIT_BYTES) return null;
	const bytes = await disk.read(path, KEY_LIMIT_BYTES);
	return bytes === null ? null : Buffer.from(bytes).toString("latin1");
}

/** Of several keys the first RSA one: every receiver can verify that. */
function ordinaryOf(
	keys: readonly { readonly key: SigningKey; readonly pem: string | null }[],
	domain: string,
): SigningKey | null {
	const own = keys.filter(({ key }) => key.domain === domain && key.problem === null);
	return (own.find(({ pem }) => pem !== null && publicHalf(pem)?.algorithm === "rsa") ?? own[0])?.key ?? null;
}

function describeKey(key: SigningKey, pem: string | null, ordinary: SigningKey | null): SigningLine {
	const { domain, selector, path, problem } = key;
	const foreign =
		ordinary === null || key === ordinary
			? null
			: `beside ${ordinary.selector}, the key that keyturn turns, this one is left alone: turning several keys of a domain together is not built yet`;
	return {
		domain,
		selector,
		entry: domain,
		keyPath: path,
		publicKey: pem === null ? null : (publicHalf(pem)?.publicKey ?? null),
		problem: problem ?? foreign,
		signs: true,
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
	const { section } = await readLive(options);
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
	const { section, file } = await readLive(options, staged);
	const path = `${staged.get(file.path) ?? file.path}.eml`;
	const messages: string[] = [];
	for (const { domain, selector } of expectations)
		messages.push(await signOne(options, reading.owner, path, keyInUse(section, domain, selector)));
	return messages;
}

async function signOne(
	{ disk, programs, settings }: RspamdOptions,
	owner: SignerReading["owner"],
	path: string,
	key: SigningKey,
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
	const { section } = await readLive(options);
	const prepared = expectations.map((expectation) => prepare(section, expectation));
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
	{ keys, options }: SigningSection,
	{ domain, selector, record }: ProbedKey,
): ProbeExpectation | ProbeVerdict {
	const isThere = keys.some((key) => key.domain === domain && key.selector === selector);
	if (isThere !== (record !== null)) {
		const what = isThere ? "still has this key" : "has no such key";
		return { domain, selector, outcome: "failed", reason: `the block of ${domain} ${what}` };
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
