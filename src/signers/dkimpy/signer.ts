/**
 * dkimpy-milter as a signer: its KeyTable, that of the Ed25519 keys beside it, and all keys are read once, at its start, by
 * root; it knows no reload.
 */

import { bareKey } from "../../dkim/key-material.ts";
import { hashOf } from "../../durable.ts";
import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { ProbedKey, ProbeVerdict, Signer, SignerReading } from "../../ports/signer.ts";
import { signWithKeys } from "../one-table/key-signature.ts";
import { oneTableParts } from "../one-table/parts.ts";
import { readOneTable, readTable } from "../one-table/reading.ts";
import { firstLineFaults, leaveOthersAlone, signingRows } from "../one-table/signing-lines.ts";
import { readUnitArguments } from "../opendkim/unit-arguments.ts";
import type { ProbeExpectation, RunProbe } from "../probe-protocol.ts";
import { readDkimpy } from "./configuration.ts";
import { renderDkimpy } from "./rendering.ts";
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
		...oneTableParts(options, {
			requireSafe: true,
			isReadByRoot: async () => (await readUnitArguments(disk, options.service)).startedAs === null,
		}),
		read: async () => read(options),
		firstKeyFaults: async (domains, several) => firstKeyFaults(options, domains, several),
		keyFile: bareKey,
		render: ({ files }, changes) => renderDkimpy(files, changes),
		preflight: async () => preflight(options),
		signOffline: async (staged, expectations, reading) =>
			signWithKeys(disk, DKIMPY_TABLE, staged, expectations, reading),
		ready: async (timeoutMs) => ready(options, timeoutMs),
		nudge: async () => ready(options, NUDGE_MS),
		probe: async (expectations) => probe(options, expectations),
	};
}

const HANDSHAKE_MS = 10_000;
const NUDGE_MS = 1_000;
const LIMIT_BYTES = 16 * 1024 * 1024;
const TWO_TABLES =
	"with KeyTableEd25519 dkimpy-milter needs a line for it in both tables of keys: let `key` be a list of rsa and ed25519, or name it in both by hand";
const ONE_TABLE =
	"there is no KeyTableEd25519 for its second key: name such a table in dkimpy-milter.conf, with a line for each name in KeyTable, or let `key` be one";

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
		lines: [reading, ...(beside === null ? [] : [beside])].flatMap(({ lines }) =>
			leaveOthersAlone(
				lines.map((line) => ({
					...line,
					signs: line.signs && rows.some(({ label }) => label === line.entry),
				})),
				rows,
				isCaught,
			),
		),
	};
}

async function firstKeyFaults(
	{ disk, settings }: DkimpyOptions,
	domains: readonly string[],
	several: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
	const { signingTable, keyTableEd25519 } = await readDkimpy(disk, settings.config);
	const hasBoth = keyTableEd25519 !== null;
	const half = domains.filter((domain) => several.has(domain) !== hasBoth);
	const signing = await readTable(disk, signingTable);
	return new Map([
		...firstLineFaults({ signing, isCaught, labelIn }, domains, isBroad),
		...half.map((domain) => [domain, hasBoth ? TWO_TABLES : ONE_TABLE] as const),
	]);
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
