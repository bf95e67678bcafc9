/** DKIMproxy as a signer: its configuration and sender_map are read once, at its start; key files for every message. */

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
import type { InetTarget } from "../../ports/sockets.ts";
import { findAccount, readAccounts } from "../accounts.ts";
import { readKeyFile } from "../key-file.ts";
import { oneTableParts } from "../one-table/parts.ts";
import type { RunProbe } from "../probe-protocol.ts";
import { faultsOf, withoutPlace } from "../first-key-faults.ts";
import { judgeSingly, type SignedSingly } from "../signed-singly.ts";
import type { ProxyKey } from "./keys.ts";
import { signWithMailDkim } from "./mail-dkim.ts";
import { lastOption, proxyOptions } from "./options.ts";
import { CONFIGURATION, keysIn, renderProxy, SENDER_MAP } from "./rendering.ts";
import type { DkimproxySettings } from "./settings.ts";

export interface DkimproxyOptions {
	readonly name: string;
	readonly settings: DkimproxySettings;
	readonly service: string;
	readonly swap: "restart" | "reload";
	readonly disk: Disk;
	readonly programs: Programs;
	readonly runProbe: RunProbe;
}

export function createDkimproxySigner(options: DkimproxyOptions): Signer {
	return {
		...oneTableParts(options, { requireSafe: false }),
		read: async () => read(options),
		firstKeyFaults: async (domains, several) => firstKeyFaults(options, domains, several),
		render: ({ files }, changes) => (changes.length === 0 ? [] : renderProxy(files, changes)),
		preflight: async () => preflight(options),
		signOffline: async (staged, expectations, reading) => signOffline(options, staged, expectations, reading),
		ready: async (timeoutMs) => ready(options, timeoutMs),
		probe: async (expectations, reading) => probe(options, expectations, reading),
	};
}

const LIMIT_BYTES = 16 * 1024 * 1024;
const PROBE_MS = 30_000;
const NO_DIGEST =
	"a signature without a=rsa-sha256: DKIMproxy then signs with rsa-sha1, which receivers refuse (RFC 8301); write a=rsa-sha256 into its parentheses";
const PASSES_ERRORS =
	"without reject_error DKIMproxy passes a message on unsigned when it cannot sign it; add `reject_error 1`";
const ONE_EACH = "a sender_map has one key for a domain: let `key` be one";
const BY_LIST = "listid_map: its keys are left as they are";

/** The sender_map first: it is the part that keeps several domains apart. */
async function readFiles(
	{ disk, settings }: DkimproxyOptions,
	staged: ReadonlyMap<string, string> = new Map(),
): Promise<{ readonly configuration: SignerFile; readonly files: readonly SignerFile[] }> {
	const configuration = await readOne(disk, settings.config, CONFIGURATION, staged);
	const map = lastOption(optionsIn(configuration), "sender_map")?.value;
	if (map === undefined) return { configuration, files: [configuration] };
	if (!map.startsWith("/"))
		throw new KeyturnError("signer.config", `sender_map ${map}: expected an absolute path`);
	return { configuration, files: [await readOne(disk, map, SENDER_MAP, staged), configuration] };
}

async function readOne(
	disk: Disk,
	wanted: string,
	format: string,
	staged: ReadonlyMap<string, string>,
): Promise<SignerFile> {
	const path = (await disk.realpath(wanted)) ?? wanted;
	const bytes = await disk.read(staged.get(path) ?? path, LIMIT_BYTES);
	if (bytes === null) throw new KeyturnError("signer.config", `${wanted}: expected ${format}, found nothing`);
	return { path, bytes, hash: hashOf(bytes), format };
}

async function read(options: DkimproxyOptions): Promise<SignerReading> {
	const { disk, settings } = options;
	const { configuration, files } = await readFiles(options);
	const account = findAccount(await readAccounts(disk), settings.user);
	const keys = files.flatMap(keysIn);
	const lines: SigningLine[] = [];
	for (const key of keys) lines.push(await describe(disk, key, keys));
	const named = optionsIn(configuration);
	return {
		lines,
		files,
		tableHash: hashOf(Buffer.from(files.map(({ hash }) => hash).join())),
		owner: { uid: account.uid, gid: account.gid, user: account.user },
		configuration: [settings.config],
		...filterIn(configuration),
		notes: [
			...(keys.every(({ hasAlgorithm }) => hasAlgorithm) ? [] : [NO_DIGEST]),
			...(lastOption(named, "reject_error") === undefined ? [PASSES_ERRORS] : []),
			...(lastOption(named, "listid_map") === undefined ? [] : [BY_LIST]),
		],
	};
}

/** Of several keys of a domain that of its ordinary mail is turned. */
async function describe(disk: Disk, key: ProxyKey, keys: readonly ProxyKey[]): Promise<SigningLine> {
	const { domain, selector, path, sender, problem } = key;
	const { pem, ...unread } = problem === null ? await readKeyFile(disk, path) : { pem: null };
	const own = keys.filter((one) => one.domain === domain && one.problem === null);
	const ordinary = own.find((one) => one.sender === domain) ?? own[0];
	const isOther = ordinary !== undefined && (ordinary.selector !== selector || ordinary.path !== path);
	return {
		domain,
		selector,
		entry: sender ?? CONFIGURATION,
		keyPath: path,
		publicKey: pem === null ? null : (publicHalf(pem)?.publicKey ?? null),
		...unread,
		problem:
			problem ??
			(isOther ? `beside ${ordinary.selector}, which signs ordinary mail, it is left alone` : null),
		signs: problem === null,
	};
}

async function firstKeyFaults(
	options: DkimproxyOptions,
	domains: readonly string[],
	several: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
	const { files } = await readFiles(options);
	const [map] = files;
	const keys = files.flatMap(keysIn);
	const why = (domain: string): string | null => {
		if (map?.format !== SENDER_MAP)
			return "dkimproxy_out.conf names no sender_map, in which it could have a line";
		const taken = keys.find((key) => key.sender === domain || key.domain === domain);
		return taken === undefined ? null : `it has a line already: ${taken.problem ?? taken.selector}`;
	};
	return new Map([...withoutPlace(domains, several, ONE_EACH), ...faultsOf(domains, why)]);
}

/** It has no check of its own but its start, which reads the map and the key of dkimproxy_out.conf. */
async function preflight(options: DkimproxyOptions): Promise<string | null> {
	const { configuration, files } = await readFiles(options);
	const key = keysIn(configuration)[0];
	if (lastOption(optionsIn(configuration), "listen") === undefined) return "dkimproxy_out.conf has no listen";
	if (key?.problem === null && (await options.disk.stat(key.path)) === null)
		return `${key.path}, its keyfile, is absent`;
	return files.flatMap(keysIn).length === 0 ? "it signs nothing" : null;
}

async function signOffline(
	options: DkimproxyOptions,
	staged: ReadonlyMap<string, string>,
	expectations: readonly SignExpectation[],
	reading: SignerReading,
): Promise<readonly string[]> {
	const { files } = await readFiles(options, staged);
	const keys = files.flatMap(keysIn);
	const messages: string[] = [];
	for (const { domain, selector } of expectations) {
		const key = keys.find(
			(one) => one.domain === domain && one.selector === selector && one.problem === null,
		);
		if (key === undefined)
			throw new KeyturnError("signer.config", `${domain}: nothing staged signs with ${selector}`);
		messages.push(await sign(options, key, reading));
	}
	return messages;
}

async function sign({ programs, settings }: DkimproxyOptions, key: ProxyKey, { owner }: SignerReading) {
	const { domain, selector, path: keyPath } = key;
	return signWithMailDkim({ programs, perl: settings.perl, owner, domain, selector, keyPath });
}

/** While the mail server behind it is stopped it greets with 421: it is there all the same. */
async function ready(options: DkimproxyOptions, timeoutMs: number): Promise<void> {
	const { configuration } = await readFiles(options);
	const socket = listensAt(configuration);
	const answer = await options.runProbe({ kind: "smtp", socket, timeoutMs, greetings: ["220", "421"] });
	if (answer.isUp) return;
	throw new KeyturnError(
		"signer.probe",
		`${options.service} does not answer: ${answer.reason ?? "no reason given"}`,
	);
}

/** A message given to it would be delivered: what Mail::DKIM makes of the live files is what the running proxy does. */
async function probe(
	options: DkimproxyOptions,
	expectations: readonly ProbedKey[],
	reading: SignerReading,
): Promise<readonly ProbeVerdict[]> {
	await ready(options, PROBE_MS);
	const keys = (await readFiles(options)).files.flatMap(keysIn);
	const signed = async ({ domain, selector, record }: ProbedKey): Promise<SignedSingly | ProbeVerdict> => {
		const key = keys.find(
			(one) => one.domain === domain && one.selector === selector && one.problem === null,
		);
		if (key === undefined || record === null) {
			const isRight = (key === undefined) === (record === null);
			const reason = key === undefined ? "nothing signs with it" : "it still signs";
			return { domain, selector, outcome: isRight ? "unsigned" : "failed", reason: isRight ? null : reason };
		}
		const sender = `postmaster@${domain}`;
		const expectation = { domain, selector, record, sender, unsigned: { means: "failed" as const } };
		return { expectation, message: await sign(options, key, reading) };
	};
	return judgeSingly(expectations, signed, { runProbe: options.runProbe, timeoutMs: PROBE_MS });
}

function listensAt(configuration: SignerFile): InetTarget {
	const value = lastOption(optionsIn(configuration), "listen")?.value ?? "";
	const found = addressIn(value);
	if (found === null) throw new KeyturnError("signer.config", `listen ${value}: expected HOST:PORT`);
	return found;
}

/** Nothing where it is not said where it listens: then it does not start either. */
function filterIn(configuration: SignerFile): Pick<SignerReading, "filter"> {
	const [listen, relay] = ["listen", "relay"].map((name) =>
		addressIn(lastOption(optionsIn(configuration), name)?.value ?? ""),
	);
	return listen == null ? {} : { filter: { listen, relay: relay ?? null } };
}

function addressIn(value: string): InetTarget | null {
	const [, host = "", port = ""] = /^(?:\[([^\]]*)\]|[^:]*):(\d{1,5})$/.exec(value) ?? [];
	if (port === "") return null;
	const named = host === "" ? value.slice(0, value.lastIndexOf(":")) : host;
	const at = { kind: "inet", port: Number(port) } as const;
	if (!/^(?:0\.0\.0\.0|\*|)$/.test(named)) return { ...at, host: named };
	return { ...at, host: "127.0.0.1", isOnEveryAddress: true };
}

function optionsIn({ bytes }: SignerFile) {
	return proxyOptions(Buffer.from(bytes).toString("latin1"));
}
