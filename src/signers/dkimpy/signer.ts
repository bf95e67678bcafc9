/** dkimpy-milter as a signer: its KeyTable and keys are read once, at its start, by root; it knows no reload. */

import { hashOf } from "../../durable.ts";
import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { ProbedKey, ProbeVerdict, Signer, SignerReading } from "../../ports/signer.ts";
import { signWithKeys } from "../one-table/key-signature.ts";
import { oneTableParts } from "../one-table/parts.ts";
import { readOneTable, readTable } from "../one-table/reading.ts";
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
		render: ({ files: [keys, signing] }, changes) =>
			keys === undefined || signing === undefined || changes.length === 0
				? []
				: renderTwoTables({ keys, signing, format: DKIMPY_TABLE, isCaught, labelIn }, changes),
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
const ED25519 = "KeyTableEd25519 is left as it is: its keys sign on, and are not turned";

async function read({ disk, settings }: DkimpyOptions): Promise<SignerReading> {
	const { keyTable, signingTable, user, hasEd25519 } = await readDkimpy(disk, settings.config);
	const reading = await readOneTable({
		disk,
		table: keyTable,
		format: DKIMPY_TABLE,
		user,
		configuration: [settings.config],
		notes: hasEd25519 ? [ED25519] : [],
	});
	const signing = await readTable(disk, signingTable);
	const rows = signingRows(signing.bytes, labelIn);
	return {
		...reading,
		files: [...reading.files, signing],
		tableHash: hashOf(Buffer.from(`${reading.tableHash} ${signing.hash}`)),
		lines: reading.lines.map((line) => ({
			...line,
			signs: line.signs && rows.some(({ label }) => label === line.entry),
		})),
	};
}

async function firstKeyFaults(
	{ disk, settings }: DkimpyOptions,
	domains: readonly string[],
): Promise<ReadonlyMap<string, string>> {
	const { signingTable, hasEd25519 } = await readDkimpy(disk, settings.config);
	if (hasEd25519) return new Map(domains.map((domain) => [domain, NO_FIRST]));
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
