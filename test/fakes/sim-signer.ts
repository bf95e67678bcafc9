/**
 * A signer in the manner of OpenDKIM: it keeps the tables that it read at start or reload, and opens the key file for
 * every message. `name domain:selector:path` stands in its key table, `domain name` in its signing table.
 */

import { createHash, createPrivateKey, sign, verify } from "node:crypto";
import { createPublicKey } from "node:crypto";
import { publicHalf, recordKey, recordText } from "../../src/dkim/key-material.ts";
import { formatKeyRecord, parseKeyRecord } from "../../src/dkim/key-record.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { Disk } from "../../src/ports/disk.ts";
import type {
	ProbedKey,
	ProbeVerdict,
	RenderedFile,
	Signer,
	SignerChange,
	SignerReading,
} from "../../src/ports/signer.ts";
import type { SimDisk } from "./sim-disk.ts";
import type { SimProcess } from "./sim-process.ts";

export interface SimLine {
	readonly entry: string;
	readonly domain: string;
	readonly selector: string;
	readonly keyPath: string;
}

/** The running program, in the host's memory. */
export class SimSignerProgram {
	readonly directory: string;
	/** Null while it does not run. */
	loaded: ReadonlyMap<string, SimLine> | null = null;
	isReloadAsked = false;
	/** It goes on with what it has when it is asked to reload. */
	isDeaf = false;
	/** Why the program would not come up with these lines; null if it would. */
	refuses: (lines: readonly SimLine[]) => string | null = () => null;
	/** Selectors that it signs wrongly under, for all domains or as "domain selector". */
	readonly spoils = new Set<string>();
	/** Domains that it has no place for, each with the reason. */
	readonly firstKeyFaults = new Map<string, string>();
	readonly #disk: () => SimDisk;

	constructor(directory: string, disk: () => SimDisk) {
		this.directory = directory;
		this.#disk = disk;
	}

	get keyTable(): string {
		return `${this.directory}/key.table`;
	}

	get signingTable(): string {
		return `${this.directory}/signing.table`;
	}

	start(): void {
		const tables = this.tables();
		const why = typeof tables === "string" ? tables : this.refuses([...tables.values()]);
		if (typeof tables === "string" || why !== null)
			throw new KeyturnError("service.failed", `signer: ${why}`);
		this.loaded = tables;
		this.isReloadAsked = false;
	}

	stop(): void {
		this.loaded = null;
		this.isReloadAsked = false;
	}

	/** The tables on disk, or why they do not parse. */
	tables(): ReadonlyMap<string, SimLine> | string {
		const keyTable = this.#disk().text(this.keyTable);
		const signingTable = this.#disk().text(this.signingTable);
		if (keyTable === null || signingTable === null) return "a table is absent";
		return parseTables(keyTable, signingTable);
	}

	/** A message of this domain, signed as the program would now; null unsigned. */
	signNow(domain: string): string | null {
		if (this.isReloadAsked) {
			const tables = this.tables();
			// A reload that fails keeps what was loaded, and says nothing.
			const isTaken = typeof tables !== "string" && this.refuses([...tables.values()]) === null;
			if (isTaken && !this.isDeaf) this.loaded = tables;
			this.isReloadAsked = false;
		}
		const line = this.loaded?.get(domain);
		return line === undefined ? null : signAs(this.#disk(), line, this.#isSpoilt(line));
	}

	#isSpoilt({ domain, selector }: SimLine): boolean {
		return this.spoils.has(selector) || this.spoils.has(`${domain} ${selector}`);
	}
}

export function createSimSigner(given: {
	readonly name: string;
	readonly service: string;
	readonly swap: "restart" | "reload";
	readonly program: SimSignerProgram;
	/** As the door's process sees it. */
	readonly disk: Disk;
	/** The same without a process, for what other programs read. */
	readonly rawDisk: () => SimDisk;
	readonly process: SimProcess;
}): Signer {
	const { program, disk, process } = given;
	return {
		name: given.name,
		service: given.service,
		swap: given.swap,
		read: async () => read(disk, program),
		keyPath: (domain, selector) => `${program.directory}/keys/${domain}/${selector}.private`,
		firstKeyFaults: async (domains) =>
			new Map([...program.firstKeyFaults].filter(([domain]) => domains.includes(domain))),
		render: (reading, changes) => render(reading, changes),
		unsafe: async (keyPath) => {
			const stat = await disk.stat(keyPath);
			if (stat === null) return "absent";
			return stat.mode === 0o600 && stat.uid === 110 ? null : `mode ${stat.mode.toString(8)} of ${stat.uid}`;
		},
		preflight: async () => {
			await process.before("signer.preflight");
			return null;
		},
		signOffline: async (staged, expectations) => {
			await process.before("signer.signOffline");
			const text = (path: string) => given.rawDisk().text(staged.get(path) ?? path) ?? "";
			const tables = parseTables(text(program.keyTable), text(program.signingTable));
			if (typeof tables === "string") throw new KeyturnError("signer.config", tables);
			return expectations.map((expected) => {
				const line = tables.get(expected.domain);
				if (line?.selector !== expected.selector)
					throw new KeyturnError(
						"signer.config",
						`${expected.domain}: ${expected.selector} is not in the table`,
					);
				return signAs(given.rawDisk(), line, false);
			});
		},
		ready: async () => {
			await process.before("signer.ready");
			if (program.loaded === null) throw new KeyturnError("signer.probe", "connection refused");
		},
		probe: async (expectations) => {
			await process.before("signer.probe");
			if (program.loaded === null) throw new KeyturnError("signer.probe", "connection refused");
			return expectations.map((expected) => judge(program.signNow(expected.domain), expected));
		},
	};
}

const publicKeys = new Map<string, string | null>();

/** Remembered: crash tests ask millions of times. */
export function publicKeyOf(privatePem: string): string | null {
	const known = publicKeys.get(privatePem);
	if (known !== undefined) return known;
	const found = publicHalf(privatePem)?.publicKey ?? null;
	publicKeys.set(privatePem, found);
	return found;
}

const simKeys = new Map<string, { readonly key: string; readonly record: string }>();

/** An Ed25519 key that is always the same for a seed. */
export function simKey(seed: string): { readonly key: string; readonly record: string } {
	const made = simKeys.get(seed) ?? makeSimKey(seed);
	simKeys.set(seed, made);
	return made;
}

function makeSimKey(seed: string): { readonly key: string; readonly record: string } {
	const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
	const der = Buffer.concat([prefix, createHash("sha256").update(seed).digest()]);
	const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" })
		.export({ format: "pem", type: "pkcs8" })
		.toString();
	const half = publicHalf(key);
	if (half === null) throw new Error("no key");
	return { key, record: formatKeyRecord({ algorithm: "ed25519", publicKey: recordText(half) }) };
}

/** Whether a message of this signer verifies against a record, under this selector. */
export function judge(message: string | null, expected: ProbedKey): ProbeVerdict {
	const { domain, selector, record } = expected;
	const failed = (reason: string): ProbeVerdict => ({ domain, selector, outcome: "failed", reason });
	if (record === null)
		return message?.includes(`d=${domain}; s=${selector};`) === true
			? failed("still signed")
			: { domain, selector, outcome: "unsigned", reason: null };
	if (message === null) return failed("no signature");
	const [, signedDomain = "", signedSelector = "", signature = ""] =
		/d=([^;]*); s=([^;]*); b=(.*)\r\n/.exec(message) ?? [];
	if (signedDomain !== domain || signedSelector !== selector)
		return failed(`signed as ${signedSelector} of ${signedDomain}`);
	const parsed = parseKeyRecord(record);
	const half = parsed.kind === "record" ? recordKey(parsed.record) : null;
	if (half === null) return failed("unreadable record");
	const publicKey = createPublicKey({
		key: Buffer.from(half.publicKey, "base64"),
		format: "der",
		type: "spki",
	});
	const isRight = verify(null, bodyOf(domain), publicKey, Buffer.from(signature, "base64"));
	return isRight ? { domain, selector, outcome: "signed", reason: null } : failed("bad signature");
}

export function parseTables(keyTable: string, signingTable: string): ReadonlyMap<string, SimLine> | string {
	const keys = new Map<string, SimLine>();
	for (const line of linesOf(keyTable)) {
		const [, entry = "", domain = "", selector = "", keyPath = ""] =
			/^(\S+) ([^: ]+):([^: ]+):(\/\S+)$/.exec(line) ?? [];
		if (entry === "") return `the key table does not parse at ${JSON.stringify(line)}`;
		keys.set(entry, { entry, domain, selector, keyPath });
	}
	const tables = new Map<string, SimLine>();
	for (const line of linesOf(signingTable)) {
		const [domain = "", entry = ""] = line.split(" ");
		const found = keys.get(entry);
		if (found === undefined) return `the signing table names ${entry}, which the key table lacks`;
		tables.set(domain, found);
	}
	return tables;
}

async function read(disk: Disk, program: SimSignerProgram): Promise<SignerReading> {
	const files = [];
	for (const path of [program.keyTable, program.signingTable]) {
		const bytes = await disk.read(path, 1_000_000);
		if (bytes === null) throw new KeyturnError("signer.config", `${path}: absent`);
		files.push({ path, bytes, hash: createHash("sha256").update(bytes).digest("hex") });
	}
	const [keyTable = "", signingTable = ""] = files.map((file) => new TextDecoder().decode(file.bytes));
	const tables = parseTables(keyTable, signingTable);
	if (typeof tables === "string") throw new KeyturnError("signer.config", tables);
	const lines = [];
	for (const line of tables.values()) {
		const key = await disk.read(line.keyPath, 65_536);
		const publicKey = key === null ? null : publicKeyOf(new TextDecoder().decode(key));
		lines.push({ ...line, publicKey, problem: null, signs: true });
	}
	return {
		lines,
		files,
		tableHash: files.map((file) => file.hash).join(""),
		owner: { uid: 110, gid: 110, user: "opendkim" },
		configuration: [`${program.directory}/opendkim.conf`],
		notes: [],
	};
}

function render(reading: SignerReading, changes: readonly SignerChange[]): readonly RenderedFile[] {
	const [keyFile, signingFile] = reading.files;
	if (keyFile === undefined || signingFile === undefined) throw new Error("no files");
	let keyTable = new TextDecoder().decode(keyFile.bytes);
	let signingTable = new TextDecoder().decode(signingFile.bytes);
	let takesOut = false;
	for (const { domain, from, to } of changes) {
		const line = reading.lines.find((known) => known.domain === domain && known.selector === from);
		if (from !== null && line === undefined)
			throw new KeyturnError("signer.config", `${from} of ${domain}: not in the table`);
		const before = `${line?.entry} ${domain}:${from}:${line?.keyPath}\n`;
		if (to === null) {
			takesOut = true;
			keyTable = keyTable.replace(before, "");
			signingTable = signingTable.replace(`${domain} ${line?.entry}\n`, "");
		} else if (line === undefined) {
			keyTable += `kt-${domain} ${domain}:${to.selector}:${to.keyPath}\n`;
			signingTable += `${domain} kt-${domain}\n`;
		} else keyTable = keyTable.replace(before, `${line.entry} ${domain}:${to.selector}:${to.keyPath}\n`);
	}
	const encode = (text: string) => new TextEncoder().encode(text);
	const files = [
		{ path: keyFile.path, hashBefore: keyFile.hash, bytes: encode(keyTable) },
		{ path: signingFile.path, hashBefore: signingFile.hash, bytes: encode(signingTable) },
	];
	return takesOut ? files.toReversed() : files;
}

function signAs(disk: SimDisk, { domain, selector, keyPath }: SimLine, isSpoilt: boolean): string {
	const key = disk.text(keyPath);
	if (key === null || publicKeyOf(key) === null)
		throw new KeyturnError("signer.probe", `${keyPath}: no key, the message is deferred`);
	const signature = sign(null, isSpoilt ? Buffer.from("other") : bodyOf(domain), createPrivateKey(key));
	return `DKIM-Signature: d=${domain}; s=${selector}; b=${signature.toString("base64")}\r\n\r\n${domain}\r\n`;
}

function bodyOf(domain: string): Buffer {
	return Buffer.from(`${domain}\r\n`);
}

function linesOf(table: string): readonly string[] {
	return table.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}
