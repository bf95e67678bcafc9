/** OpenDKIM as a signer: its tables read, a key in use replaced in them, the result proven offline and through its milter socket. */

import { createHash } from "node:crypto";
import { publicHalf } from "../../dkim/key-material.ts";
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
import type { SocketTarget } from "../../ports/sockets.ts";
import { findAccount, readAccounts } from "../accounts.ts";
import type { ProbeExpectation, RunProbe } from "../probe-protocol.ts";
import { findForeign, lineName } from "./foreign-lines.ts";
import { entriesInUse, type KeyTableEntry } from "./key-table.ts";
import { offlineConfiguration } from "./configuration.ts";
import { type LiveConfiguration, readLive, socketOf } from "./live-configuration.ts";
import { noteworthy } from "./notes.ts";
import { ONE_KEY, ONE_KEY_ENTRY, type OneKey, renderOneKey } from "./one-key.ts";
import { kindOf, type Root, rootOf, toInside } from "./root-directory.ts";
import { type SafetyQuestion, whyUnsafe } from "../safe-keys.ts";
import type { OpenDkimSettings } from "./settings.ts";
import { signOffline } from "./sign-offline.ts";
import { isNamed, ordinaryAddress, senderFor, type SigningTable } from "./signing-table.ts";
import { renderTables, whyNoFirstKey } from "./tables.ts";

export interface OpenDkimOptions {
	/** Its name in keyturn.yaml. */
	readonly name: string;
	readonly settings: OpenDkimSettings;
	readonly service: string;
	readonly swap: "restart" | "reload";
	readonly disk: Disk;
	readonly programs: Programs;
	readonly runProbe: RunProbe;
}

export function createOpenDkimSigner(options: OpenDkimOptions): Signer {
	const { name, settings, service, swap } = options;
	const rules = rememberRules(options);
	return {
		name,
		service,
		swap,
		read: async () => read(options),
		keyPath: (domain, selector) => `${settings.keys}/${domain}/${selector}.private`,
		firstKeyFaults: async (domains) => firstKeyFaults(options, domains),
		render,
		unsafe: async (keyPath, reading) => whyUnsafe(await rules(reading), keyPath),
		preflight: async () => preflight(options),
		signOffline: async (staged, expectations, reading) => sign(options, staged, expectations, reading),
		ready: async (timeoutMs) => ready(options, timeoutMs),
		probe: async (expectations) => probe(options, expectations),
	};
}

const NEVER = new AbortController().signal;
const KEY_LIMIT_BYTES = 64 * 1024;
const PREFLIGHT_MS = 30_000;
const HANDSHAKE_MS = 10_000;
/** A signal to reload is seen by the next connection at the earliest; measured: 60 ms. */
const RELOAD_SETTLES_MS = 5_000;
const NOT_INTERNAL = { means: "unproven", why: "127.0.0.1 is not among its InternalHosts" } as const;

async function read(options: OpenDkimOptions): Promise<SignerReading> {
	const { disk, settings, service } = options;
	const live = await readLive({ disk, config: settings.config, service });
	refuseUnreachable(options, live);
	const { user, uid, gid } = findAccount(await readAccounts(disk), live.user);
	const lines: SigningLine[] = [];
	const foreign = findForeign(live);
	for (const entry of live.entries) {
		const line = await describeEntry(disk, live, entry);
		lines.push({
			...line,
			problem: line.problem ?? (line.signs ? (foreign.get(lineName(entry)) ?? null) : null),
		});
	}
	return {
		lines: withSharedProblems(lines),
		files: live.files,
		tableHash: hashOver(live.files),
		owner: { uid, gid, user },
		configuration: live.paths,
		notes: [...noteworthy(live, settings.config), ...(await notesOnRoot(disk, live))],
		socket: knownSocket(live),
	};
}

/** RequireSafeKeys asks who else is in a key's group, of the files that OpenDKIM sees. */
async function notesOnRoot(disk: Disk, { root, requireSafe }: LiveConfiguration): Promise<readonly string[]> {
	if (root === null || !requireSafe || (await disk.stat(`${root}/etc/passwd`)) !== null) return [];
	return [
		`${root}/etc/passwd is absent: with RequireSafeKeys OpenDKIM then refuses every key, and defers the mail.`,
	];
}

/** With another root a new key may lie out of its sight, and a reload would look for opendkim.conf and the tables below it. */
function refuseUnreachable({ settings, swap }: OpenDkimOptions, { root, oneKey }: LiveConfiguration): void {
	if (root === null) return;
	if (oneKey === null) toInside(root, `${settings.keys}/x`);
	if (swap === "reload")
		throw new KeyturnError(
			"signer.config",
			`ChangeRootDirectory ${root}: expected swap: restart, got reload`,
			{
				hint: "After the change of its root OpenDKIM does not find its configuration again; let `swap` be restart.",
			},
		);
}

/** Keys can be read and changed where no probe reaches the signer. */
function knownSocket(live: LiveConfiguration): SocketTarget | null {
	try {
		return socketOf(live);
	} catch {
		return null;
	}
}

/** A line that signs for several domains cannot be changed for all but one of them. */
function withSharedProblems(lines: readonly SigningLine[]): readonly SigningLine[] {
	const problems = new Map(
		lines.flatMap(({ entry, domain, problem, signs }) =>
			problem === null || !signs ? [] : [[entry, { domain, problem }] as const],
		),
	);
	return lines.map((line) => {
		const found = line.signs && line.problem === null ? problems.get(line.entry) : undefined;
		return found === undefined
			? line
			: { ...line, problem: `its line signs for ${found.domain}, too, and there ${found.problem}` };
	});
}

async function describeEntry(
	disk: Disk,
	live: LiveConfiguration,
	entry: KeyTableEntry,
): Promise<SigningLine> {
	const bytes = entry.problem === null ? await readKey(disk, entry.path) : null;
	return {
		domain: entry.domain,
		selector: entry.selector,
		entry: live.oneKey === null ? entry.name : ONE_KEY_ENTRY,
		keyPath: entry.path,
		publicKey: bytes === null ? null : (publicHalf(Buffer.from(bytes).toString("latin1"))?.publicKey ?? null),
		problem: entry.problem,
		signs: entry.isUsed && isNamed(live.signing, entry.name),
	};
}

async function readKey(disk: Disk, path: string): Promise<Uint8Array | null> {
	const stat = await disk.stat(path);
	return stat?.kind === "file" && stat.sizeBytes <= KEY_LIMIT_BYTES ? disk.read(path, KEY_LIMIT_BYTES) : null;
}

function hashOver(files: readonly SignerFile[]): string {
	const hash = createHash("sha256");
	for (const file of files) hash.update(`${file.hash} ${file.path}\0`);
	return hash.digest("hex");
}

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
	return new Map(
		domains.flatMap((domain) => {
			const why = live.oneKey === null ? whyNoFirstKey(live, domain) : whyNoPlace(live.oneKey);
			return why === null ? [] : [[domain, why] as const];
		}),
	);
}

function whyNoPlace({ domains, file }: OneKey): string {
	return `${file} names one key, that of ${domains.join(", ")}: there is no place for another. Use KeyTable and SigningTable`;
}

/** Read once a reading, not for each of its lines: there may be thousands. */
function rememberRules(options: OpenDkimOptions): (reading: SignerReading) => Promise<SafetyQuestion> {
	const known = new WeakMap<SignerReading, Promise<SafetyQuestion>>();
	return async (reading) => {
		const found = known.get(reading) ?? safetyRules(options, reading);
		known.set(reading, found);
		return found;
	};
}

async function safetyRules(options: OpenDkimOptions, reading: SignerReading): Promise<SafetyQuestion> {
	const { disk, settings, service, swap } = options;
	const live = await readLive({ disk, config: settings.config, service });
	return {
		disk,
		accounts: await readAccounts(disk),
		account: reading.owner,
		requireSafe: live.requireSafe,
		// One key is read at the start, by root; at a reload, and from tables, by the signer itself.
		isReadByRoot: live.oneKey !== null && swap === "restart" && live.unit.startedAs === null,
		directories: new Map(),
		...(live.root === null || live.oneKey !== null ? {} : { root: live.root }),
	};
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

async function sign(
	options: OpenDkimOptions,
	staged: ReadonlyMap<string, string>,
	expectations: readonly SignExpectation[],
	reading: SignerReading,
): Promise<readonly string[]> {
	const { disk, programs, settings, service } = options;
	const live = await readLive({ disk, config: settings.config, service, staged });
	const { entries, signing, files } = live;
	const senders = expectations.map(({ domain, selector }) => {
		const sender = findSender(signing, entriesInUse(entries, domain, selector));
		if (sender === null)
			throw new KeyturnError("signer.config", `SigningTable: ${whyNoSender(domain, selector)}`);
		return sender;
	});
	const [keyTable] = files;
	const root = rootOf(keyTable?.format);
	const [first, second] = files.map(({ path }) => staged.get(path) ?? path);
	if (first === undefined) throw new KeyturnError("bug", "a configuration without a file to change");
	return signOffline(
		{
			disk,
			programs,
			program: settings.program,
			owner: reading.owner,
			path: `${first}.conf`,
			text: offlineConfiguration(
				live.text,
				second === undefined
					? null
					: {
							keyTable: `${kindOf(keyTable?.format)}:${root === null ? first : `${first}.outside`}`,
							signingTable: `${signing.kind}:${second}`,
						},
			),
			names: second === undefined ? [] : [first, second],
			beside:
				root === null
					? null
					: { path: `${first}.outside`, text: outwards(keyTable?.bytes ?? new Uint8Array(), root) },
		},
		senders,
	);
}

/** Who signs offline may not change its root: the key table for it has this host's paths. */
function outwards(keyTable: Uint8Array, root: string): string {
	return Buffer.from(keyTable)
		.toString("latin1")
		.replace(/:(?=\/)/g, () => `:${root}`);
}

async function ready(options: OpenDkimOptions, timeoutMs: number): Promise<void> {
	const { disk, settings, service, runProbe } = options;
	const socket = socketOf(await readLive({ disk, config: settings.config, service }));
	const answer = await runProbe({ kind: "milter", socket, expectations: [], timeoutMs, settleMs: 0 });
	if (!answer.isUp)
		throw new KeyturnError(
			"signer.probe",
			`${service} does not answer: ${answer.reason ?? "no reason given"}`,
		);
}

async function probe(
	options: OpenDkimOptions,
	expectations: readonly ProbedKey[],
): Promise<readonly ProbeVerdict[]> {
	const { disk, settings, service, swap, runProbe } = options;
	const live = await readLive({ disk, config: settings.config, service });
	const prepared = expectations.map((expectation) => prepare(live, expectation));
	const asked = prepared.filter((one) => "sender" in one);
	const answer = await runProbe({
		kind: "milter",
		socket: socketOf(live),
		expectations: asked,
		timeoutMs: HANDSHAKE_MS,
		settleMs: swap === "reload" ? RELOAD_SETTLES_MS : 0,
	});
	if (!answer.isUp || answer.verdicts.length !== asked.length)
		throw new KeyturnError(
			"signer.probe",
			`${service} does not answer: ${answer.reason ?? "no reason given"}`,
		);
	const verdicts = answer.verdicts.values();
	return prepared.map((one) => ("sender" in one ? (verdicts.next().value ?? unanswered(one)) : one));
}

function prepare(
	live: LiveConfiguration,
	{ domain, selector, record }: ProbedKey,
): ProbeExpectation | ProbeVerdict {
	if (record === null) return prepareGone(live, domain, selector);
	const entries = live.entries.filter(
		(entry) => entry.problem === null && entry.domain === domain && entry.selector === selector,
	);
	if (entries.length === 0)
		return { domain, selector, outcome: "failed", reason: "the live key table has no line of this key" };
	const sender = findSender(live.signing, entries);
	if (sender === null)
		return { domain, selector, outcome: "unproven", reason: whyNoSender(domain, selector) };
	const unsigned = live.signsLoopback ? ({ means: "failed" } as const) : NOT_INTERNAL;
	return { domain, selector, record, sender, unsigned };
}

/** Mail of a domain whose lines were taken out may be signed with another key, but not with that one. */
function prepareGone(
	live: LiveConfiguration,
	domain: string,
	selector: string,
): ProbeExpectation | ProbeVerdict {
	const still = live.entries.find((entry) => entry.domain === domain && entry.selector === selector);
	if (still !== undefined)
		return { domain, selector, outcome: "failed", reason: `the live key table has its line ${still.name}` };
	const unsigned = live.signsLoopback ? ({ means: "unsigned" } as const) : NOT_INTERNAL;
	return { domain, selector, record: null, sender: ordinaryAddress(domain), unsigned };
}

function unanswered({ domain, selector }: ProbeExpectation): ProbeVerdict {
	return { domain, selector, outcome: "unproven", reason: "the probe gave no verdict" };
}

function findSender(signing: SigningTable, entries: readonly KeyTableEntry[]): string | null {
	for (const entry of entries) {
		const sender = senderFor(signing, entry.name, entry.domain, entry.isOfSender);
		if (sender !== null) return sender;
	}
	return null;
}

function whyNoSender(domain: string, selector: string): string {
	return `no address was found whose mail is signed with selector ${selector} of ${domain}: no line names it, or an earlier one catches its mail`;
}
