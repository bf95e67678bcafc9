/**
 * dkimpy-milter as a signer: its KeyTable, that of the Ed25519 keys beside it, and all keys are read once, at its start, by
 * root; it knows no reload.
 */

import { bareKey } from "../../dkim/key-material.ts";
import { hashOf } from "../../durable.ts";
import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type {
	ProbedKey,
	ProbeVerdict,
	RenderedFile,
	Signer,
	SignerChange,
	SignerFile,
	SignerReading,
} from "../../ports/signer.ts";
import { signWithKeys } from "../one-table/key-signature.ts";
import { oneTableParts } from "../one-table/parts.ts";
import { readOneTable, readTable } from "../one-table/reading.ts";
import { parseRows, renderRows } from "../one-table/rows.ts";
import { firstLineFaults, renderTwoTables, signingRows } from "../one-table/signing-lines.ts";
import type { ProbeExpectation, RunProbe } from "../probe-protocol.ts";
import { readDkimpy } from "./configuration.ts";
import type { DkimpySettings } from "./settings.ts";
import { DKIMPY_TABLE, isCaught, labelIn } from "./table.ts";

export interface DkimpyOptions {
	readonly name: string;
	readonly settings: DkimpySettings;
	readonly service: string;
	readonly swap: "restart" | "reload";
	readonly disk: Disk;
	readonly runProbe: RunProbe;
}

export function createDkimpySigner(options: DkimpyOptions): Signer {
	const { disk } = options;
	return {
		...oneTableParts(options, { requireSafe: true }),
		read: async () => read(options),
		firstKeyFaults: async (domains) => firstKeyFaults(options, domains),
		keyFile: bareKey,
		render: ({ files }, changes) => render(files, changes),
		preflight: async () => preflight(options),
		signOffline: async (staged, expectations, reading) =>
			signWithKeys(disk, DKIMPY_TABLE, staged, expectations, reading),
		ready: async (timeoutMs) => ready(options, timeoutMs),
		probe: async (expectations) => probe(options, expectations),
	};
}

const HANDSHAKE_MS = 10_000;
const LIMIT_BYTES = 16 * 1024 * 1024;
const NO_FIRST =
	"KeyTableEd25519 has no line for it, and dkimpy-milter would then refuse its mail: name it there by hand first";
const NO_WAY_OUT =
	"with KeyTableEd25519 dkimpy-milter needs lines of a name in both tables of keys: take them out by hand";

/** The files in this order: KeyTable, SigningTable, and KeyTableEd25519 where there is one. */
async function read({ disk, settings }: DkimpyOptions): Promise<SignerReading> {
	const { keyTable, keyTableEd25519, signingTable, user, socket } = await readDkimpy(disk, settings.config);
	const given = { disk, format: DKIMPY_TABLE, user, configuration: [settings.config] };
	const reading = await readOneTable({ ...given, table: keyTable });
	const beside = keyTableEd25519 === null ? null : await readOneTable({ ...given, table: keyTableEd25519 });
	const signing = await readTable(disk, signingTable);
	const rows = signingRows(signing.bytes, labelIn);
	const hashes = [reading.tableHash, signing.hash, ...(beside === null ? [] : [beside.tableHash])];
	return {
		...reading,
		socket,
		files: [...reading.files, signing, ...(beside?.files ?? [])],
		tableHash: hashOf(Buffer.from(hashes.join(" "))),
		lines: [...reading.lines, ...(beside?.lines ?? [])].map((line) => ({
			...line,
			signs: line.signs && rows.some(({ label }) => label === line.entry),
		})),
	};
}

/** A key is changed in the table that names it: there may be one for each algorithm. */
function render(
	[keys, signing, beside]: readonly SignerFile[],
	changes: readonly SignerChange[],
): readonly RenderedFile[] {
	if (keys === undefined || signing === undefined) return [];
	const rows = beside === undefined ? [] : parseRows(beside.bytes, DKIMPY_TABLE);
	const isBeside = ({ domain, from }: SignerChange) =>
		rows.some((row) => row.domain === domain && row.selector === from);
	const own = changes.filter((change) => !isBeside(change));
	const others = changes.filter(isBeside);
	if (changes.some(({ to }) => to === null) && rows.length > 0)
		throw new KeyturnError("signer.config", NO_WAY_OUT);
	const two = { keys, signing, format: DKIMPY_TABLE, isCaught, labelIn };
	return [
		...(own.length === 0 ? [] : renderTwoTables(two, own)),
		...(beside === undefined ? [] : renderRows(beside, others, DKIMPY_TABLE)),
	];
}

async function firstKeyFaults(
	{ disk, settings }: DkimpyOptions,
	domains: readonly string[],
): Promise<ReadonlyMap<string, string>> {
	const { signingTable, keyTableEd25519 } = await readDkimpy(disk, settings.config);
	if (keyTableEd25519 !== null) return new Map(domains.map((domain) => [domain, NO_FIRST]));
	const signing = await readTable(disk, signingTable);
	return firstLineFaults({ signing, isCaught, labelIn }, domains, isBroad);
}

/** It takes the first line that fits, so that a first key's line may stand before one for all mail. */
function isBroad({ pattern }: { readonly pattern: string }): boolean {
	return pattern === "%";
}

async function preflight({ disk, settings }: DkimpyOptions): Promise<string | null> {
	const { signingTable } = await readDkimpy(disk, settings.config);
	return (await disk.stat(signingTable)) === null ? `${signingTable}, its SigningTable, is absent` : null;
}

async function ready({ disk, settings, service, runProbe }: DkimpyOptions, timeoutMs: number): Promise<void> {
	const { socket } = await readDkimpy(disk, settings.config);
	const answer = await runProbe({ kind: "milter", socket, expectations: [], timeoutMs, settleMs: 0 });
	if (answer.isUp) return;
	throw new KeyturnError("signer.probe", `${service} does not answer: ${answer.reason ?? "no reason given"}`);
}

async function probe(
	{ disk, settings, service, runProbe }: DkimpyOptions,
	keys: readonly ProbedKey[],
): Promise<readonly ProbeVerdict[]> {
	const { socket, signingTable } = await readDkimpy(disk, settings.config);
	const signing = Buffer.from((await disk.read(signingTable, LIMIT_BYTES)) ?? []).toString("utf8");
	const expectations = keys.map((key) => expectationFor(key, signing));
	const request = { kind: "milter", socket, expectations, timeoutMs: HANDSHAKE_MS, settleMs: 0 } as const;
	const answer = await runProbe(request);
	if (answer.isUp) return answer.verdicts;
	throw new KeyturnError("signer.probe", `${service} does not answer: ${answer.reason ?? "no reason given"}`);
}

/** Its patterns are followed where they catch the domain's ordinary mail: elsewhere no signature proves nothing. */
function expectationFor({ domain, selector, record }: ProbedKey, signing: string): ProbeExpectation {
	const sender = `postmaster@${domain}`;
	const rows = signingRows(Buffer.from(signing, "utf8"), labelIn);
	const isSigned = rows.some(({ pattern }) => isCaught(pattern, sender));
	const missing = {
		means: "unproven",
		why: `no line of its SigningTable catches ${sender}`,
	} as const;
	const unsigned = isSigned ? ({ means: "failed" } as const) : missing;
	return { domain, selector, record, sender, unsigned: record === null ? { means: "unsigned" } : unsigned };
}
