/** A docker-mailserver as a signer: its volume's files are changed, and its container is restarted by a command. */

import { bareKey, publicHalf } from "../../dkim/key-material.ts";
import { hashOf } from "../../durable.ts";
import { asKeyturnError, KeyturnError, leadsNowhere } from "../../errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Disk, Owner } from "../../ports/disk.ts";
import type { Programs } from "../../ports/programs.ts";
import type {
	ProbedKey,
	ProbeVerdict,
	Signer,
	SignerFile,
	SignerReading,
	SigningLine,
} from "../../ports/signer.ts";
import { readKeyFile, readPrivateKey, reasonOf } from "../key-file.ts";
import { signProbe } from "../one-table/key-signature.ts";
import type { RunProbe } from "../probe-protocol.ts";
import { withoutPlace } from "../first-key-faults.ts";
import { judgeSingly, type SignedSingly } from "../signed-singly.ts";
import { signInside, whyNotAnew, whyNotRunning, whyNotTakenUp } from "./inside.ts";
import { layoutOf, readLayoutFiles, type VolumeKey } from "./layout.ts";
import { whyNotMade } from "./made-anew.ts";
import type { DockerMailserverSettings } from "./settings.ts";
import { defersUnsigned, isHeld, UNSIGNED, whyHeld } from "./unsigned-mail.ts";

export interface DockerMailserverOptions {
	readonly name: string;
	readonly settings: DockerMailserverSettings;
	readonly service: string;
	readonly swap: "restart" | "reload";
	/** The words that start its container, where commands do. */
	readonly start?: readonly string[];
	readonly disk: Disk;
	/** Run as the words of `start` are: behind the door's walls. */
	readonly programs: Programs;
	/** Runs docker, which may need more than the door's walls let through. */
	readonly outside: Programs;
	readonly clock: Clock;
	readonly runProbe: RunProbe;
}

export function createDockerMailserverSigner(options: DockerMailserverOptions): Signer {
	const { name, service, swap, settings } = options;
	const layout = layoutOf(settings);
	return {
		name,
		service,
		swap,
		read: async () => read(options),
		keyPath: (domain, selector) => `${layout.keys}/${domain}/${selector}.private`,
		...(settings.signs === "rspamd" ? { keyFile: bareKey } : {}),
		firstKeyFaults: async (domains, several) => {
			const held = await whyHeld(options);
			if (held !== null) return new Map(domains.map((domain) => [domain, held]));
			const faults = layout.firstKeyFaults(await readLayoutFiles(options.disk, layout), domains);
			return new Map([...withoutPlace(domains, several, ONE_EACH), ...faults]);
		},
		render: ({ files, notes }, changes) => {
			// Before a key is placed: whatever comes to lie on the volume has rspamd restarted.
			const held = notes.find(isHeld);
			if (held !== undefined) throw new KeyturnError("signer.config", held);
			return changes.length === 0 ? [] : layout.render(files, changes);
		},
		unsafe: async (keyPath, reading) => unsafe(options.disk, keyPath, reading),
		preflight: async () => preflight(options),
		signOffline: async (staged, expectations, reading) => {
			const keys = layout.keysIn(await stagedFiles(options.disk, staged, reading));
			const messages: string[] = [];
			for (const { domain, selector } of expectations)
				messages.push(await signOne(options, keys, domain, selector));
			return messages;
		},
		ready: async (timeoutMs, reading) => ready(options, timeoutMs, reading),
		probe: async (expectations) => probe(options, expectations),
	};
}

const NEVER = new AbortController().signal;
const PROBE_MS = 30_000;
const TRIED_AGAIN_MS = 500;
/** A container made anew sets itself up first, ClamAV and all, which takes minutes where a service takes seconds. */
const SLOWER = 9;
const DROPPED =
	"from the moment a new key is staged until the container is made anew, rspamd is without what custom-commands.conf changes: the container then takes override.d from the volume again, and these commands only run when it is made; put what must not be missing into files of override.d";
const ONE_EACH = "of a container's signer one key of a domain is turned: let `key` be one";
const LIMIT_BYTES = 16 * 1024 * 1024;
const QUEUE =
	"the queue inside the container is not looked at: let retire.grace be longer than mail may wait there (5 days by default)";

async function read(options: DockerMailserverOptions): Promise<SignerReading> {
	const { disk, settings } = options;
	const layout = layoutOf(settings);
	const files = await readLayoutFiles(disk, layout);
	const keys = layout.keysIn(files);
	const lines: SigningLine[] = [];
	for (const key of keys) lines.push(await describe(disk, key, keys));
	const held = await whyHeld(options);
	return {
		lines: lines.map((line) => ({ ...line, problem: line.problem ?? held })),
		files,
		tableHash: hashOf(Buffer.from(files.map(({ hash }) => hash).join())),
		owner: await ownerOf(disk, keys, files),
		configuration: [],
		notes: await notesOn(options, held),
	};
}

async function notesOn(
	{ disk, settings }: DockerMailserverOptions,
	held: string | null,
): Promise<readonly string[]> {
	const commands = await disk.stat(`${settings.volume}/rspamd/custom-commands.conf`);
	return [
		QUEUE,
		...((await defersUnsigned(disk, settings)) ? [] : [UNSIGNED]),
		...(held === null ? [] : [held]),
		...(settings.signs === "rspamd" && commands !== null ? [DROPPED] : []),
	];
}

/** Who rspamd is in the container this host does not know: new keys belong to whoever those in use belong to. */
async function ownerOf(
	disk: Disk,
	keys: readonly VolumeKey[],
	files: readonly SignerFile[],
): Promise<SignerReading["owner"]> {
	let untold: KeyturnError | null = null;
	for (const { path } of keys) {
		try {
			const stat = await disk.stat(path);
			if (stat !== null) return ownerFrom(stat);
		} catch (thrown) {
			if (!leadsNowhere(thrown)) untold ??= asKeyturnError(thrown);
		}
	}
	// The tables may be somebody else's.
	if (untold !== null) throw untold;
	for (const { path } of files) {
		const stat = await disk.stat(path);
		if (stat !== null) return ownerFrom(stat);
	}
	throw new KeyturnError("signer.config", "the volume has no file of a signer");
}

function ownerFrom({ uid, gid }: Owner): SignerReading["owner"] {
	return { uid, gid, user: String(uid) };
}

/** Of several keys of a domain the first RSA one is turned: every receiver can verify that. */
async function describe(disk: Disk, key: VolumeKey, keys: readonly VolumeKey[]): Promise<SigningLine> {
	const { domain, selector, path, entry, signs, problem } = key;
	const { pem, ...unread } = problem === null ? await readKeyFile(disk, path) : { pem: null };
	const own = keys.filter((one) => one.domain === domain && one.problem === null && one.signs);
	const ordinary = await firstRsa(disk, own);
	const isOther = signs && ordinary !== null && (selector !== ordinary.selector || path !== ordinary.path);
	const beside = `beside ${ordinary?.selector ?? ""}, the key that keyturn turns, this one is left alone`;
	const publicKey = publicHalf(pem ?? "")?.publicKey ?? null;
	return {
		domain,
		selector,
		entry,
		keyPath: path,
		publicKey,
		...unread,
		problem: problem ?? (isOther ? beside : null),
		signs,
	};
}

async function firstRsa(disk: Disk, keys: readonly VolumeKey[]): Promise<VolumeKey | null> {
	for (const key of keys)
		if (publicHalf((await readKeyFile(disk, key.path)).pem ?? "")?.algorithm === "rsa") return key;
	return keys[0] ?? null;
}

/** OpenDKIM gets a copy of its own, rspamd reads the file: it has to belong to whom the others belong to. */
async function unsafe(disk: Disk, keyPath: string, { owner }: SignerReading): Promise<string | null> {
	const stat = await disk.stat(keyPath).catch(reasonOf);
	if (typeof stat === "string") return stat;
	if (stat?.kind !== "file") return `${keyPath} is absent, or not a regular file`;
	if (stat.uid === owner.uid) return null;
	return `${keyPath} belongs to uid ${stat.uid}, expected ${owner.user}, as the keys in use`;
}

/** What is staged in place of the live files; their paths stay those of the live ones. */
async function stagedFiles(
	disk: Disk,
	staged: ReadonlyMap<string, string>,
	{ files }: SignerReading,
): Promise<readonly SignerFile[]> {
	const read: SignerFile[] = [];
	for (const file of files) {
		const bytes = await disk.read(staged.get(file.path) ?? file.path, LIMIT_BYTES);
		if (bytes !== null) read.push({ ...file, bytes });
	}
	return read;
}

async function signOne(
	{ disk, settings }: DockerMailserverOptions,
	keys: readonly VolumeKey[],
	domain: string,
	selector: string,
): Promise<string> {
	const key = keys.find((one) => isIt(one, domain, selector));
	const pem = key === undefined ? null : await readPrivateKey(disk, key.path);
	if (pem === null)
		throw new KeyturnError("signer.config", `${domain}: nothing staged signs with ${selector}`);
	// Its opendkim.conf has `SignatureAlgorithm rsa-sha256`.
	if (settings.signs === "opendkim" && publicHalf(pem)?.algorithm === "ed25519")
		throw new KeyturnError(
			"signer.config",
			`${domain}: the OpenDKIM of a docker-mailserver signs with RSA keys alone, and ${selector} is an Ed25519 key`,
			{ hint: "Let `key` be rsa in keyturn.yaml." },
		);
	return signProbe(domain, selector, pem);
}

function isIt(key: VolumeKey, domain: string, selector: string): boolean {
	return key.problem === null && key.signs && key.domain === domain && key.selector === selector;
}

async function preflight(options: DockerMailserverOptions): Promise<string | null> {
	const { programs, start = [], settings } = options;
	return (
		(await whyNotRunning(options)) ??
		(await whyHeld(options)) ??
		(await whyNotAnew(options, start)) ??
		whyNotMade(programs, start, settings.exec.at(-1) ?? "")
	);
}

/** Its mail server may greet while its signer still reads its configuration: each gets the time. */
async function ready(
	options: DockerMailserverOptions,
	timeoutMs: number,
	{ lines, files }: SignerReading,
): Promise<void> {
	const { clock, settings, service, runProbe } = options;
	const [host = "", port = ""] = settings.smtp.split(":");
	const socket = { kind: "inet", host, port: Number(port) } as const;
	const longerMs = SLOWER * timeoutMs;
	const answer = await runProbe({ kind: "smtp", socket, timeoutMs: longerMs });
	if (!answer.isUp)
		throw new KeyturnError(
			"signer.probe",
			`${service} does not greet: ${answer.reason ?? "no reason given"}`,
		);
	const why = await whyNotTakenUp(options, files[0]);
	if (why !== null) throw new KeyturnError("signer.probe", `${service}: ${why.what}`, { hint: why.hint });
	const signing = lines.filter(({ signs, problem }) => signs && (problem === null || isHeld(problem)));
	const senders = [...new Set(signing.map(({ domain }) => senderOf(domain)))];
	await answers(options, senders, clock.uptimeMs() + longerMs);
}

/** Whether it signs for anybody: of whom it does not, the probe tells. */
async function answers(
	options: DockerMailserverOptions,
	senders: readonly string[],
	untilUptimeMs: number,
): Promise<void> {
	const { clock } = options;
	for (let tried = 0; ; tried += 1) {
		const sender = senders[tried % senders.length];
		if (sender === undefined) return;
		try {
			await signInside(options, sender);
			return;
		} catch (thrown) {
			if (clock.uptimeMs() >= untilUptimeMs)
				throw new KeyturnError("signer.probe", asKeyturnError(thrown).message, { retry: true });
			await clock.sleep(TRIED_AGAIN_MS, NEVER);
		}
	}
}

/** The container's own signer signs a message that goes nowhere. */
async function probe(
	options: DockerMailserverOptions,
	expectations: readonly ProbedKey[],
): Promise<readonly ProbeVerdict[]> {
	const { runProbe } = options;
	const sign = async ({ domain, selector, record }: ProbedKey): Promise<SignedSingly> => {
		const sender = senderOf(domain);
		const unsigned = { means: record === null ? ("unsigned" as const) : ("failed" as const) };
		// Nothing else that a caller knows of the key: the probe refuses what it does not know.
		const expectation = { domain, selector, record, sender, unsigned };
		return { expectation, message: await signInside(options, sender) };
	};
	return judgeSingly(expectations, sign, { runProbe, timeoutMs: PROBE_MS });
}

function senderOf(domain: string): string {
	return `postmaster@${domain}`;
}
