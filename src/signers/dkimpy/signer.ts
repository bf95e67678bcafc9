/** dkimpy-milter as a signer: its KeyTable and keys are read once, at its start, by root; it knows no reload. */

import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type {
	ProbedKey,
	ProbeVerdict,
	Signer,
	SignerChange,
	SignerFile,
	SignerReading,
} from "../../ports/signer.ts";
import { signWithKeys } from "../one-table/key-signature.ts";
import { oneTableParts } from "../one-table/parts.ts";
import { readOneTable } from "../one-table/reading.ts";
import { renderRows } from "../one-table/rows.ts";
import type { ProbeExpectation, RunProbe } from "../probe-protocol.ts";
import { readDkimpy } from "./configuration.ts";
import type { DkimpySettings } from "./settings.ts";
import { DKIMPY_TABLE } from "./table.ts";

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
		firstKeyFaults: async (domains) => Promise.resolve(new Map(domains.map((domain) => [domain, NO_FIRST]))),
		render: ({ files: [table] }, changes) => render(table, changes),
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
	"dkimpy-milter: keyturn adds and removes no lines there; add the first ones to KeyTable and SigningTable by hand";
const ED25519 = "KeyTableEd25519 is left as it is: its keys sign on, and are not turned";

async function read({ disk, settings }: DkimpyOptions): Promise<SignerReading> {
	const { keyTable, user, hasEd25519, socket } = await readDkimpy(disk, settings.config);
	const reading = await readOneTable({
		disk,
		table: keyTable,
		format: DKIMPY_TABLE,
		user,
		configuration: [settings.config],
		notes: hasEd25519 ? [ED25519] : [],
	});
	return { ...reading, socket };
}

function render(table: SignerFile | undefined, changes: readonly SignerChange[]) {
	if (changes.some(({ from, to }) => from === null || to === null))
		throw new KeyturnError("signer.config", NO_FIRST);
	return table === undefined ? [] : renderRows(table, changes, DKIMPY_TABLE);
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

/** Its patterns are followed where they name the whole domain only: elsewhere no signature proves nothing. */
function expectationFor({ domain, selector, record }: ProbedKey, signing: string): ProbeExpectation {
	const isCaught = signing
		.split("\n")
		.some((line) => ["%", `*@${domain}`].includes(line.trim().split(/\s+/)[0] ?? ""));
	return {
		domain,
		selector,
		record,
		sender: `postmaster@${domain}`,
		unsigned: isCaught
			? { means: "failed" }
			: { means: "unproven", why: `its SigningTable has no line *@${domain}` },
	};
}
