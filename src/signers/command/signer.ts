/** A signer that programs of the administrator's stand for: keyturn keeps the table of its keys, they have it obeyed. */

import { publicHalf, recordText } from "../../dkim/key-material.ts";
import { asKeyturnError, KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { Programs } from "../../ports/programs.ts";
import type { ProbedKey, ProbeVerdict, Signer, SignerReading, SigningLine } from "../../ports/signer.ts";
import { readPrivateKey } from "../key-file.ts";
import { signWithKeys } from "../one-table/key-signature.ts";
import { oneTableParts } from "../one-table/parts.ts";
import { readOneTable } from "../one-table/reading.ts";
import { renderRows } from "../one-table/rows.ts";
import { probeText } from "../probe-message.ts";
import type { RunProbe } from "../probe-protocol.ts";
import { judgeSingly, type SignedSingly, tookTooLong } from "../signed-singly.ts";
import type { CommandSettings } from "./settings.ts";
import { COMMAND_TABLE } from "./table.ts";

export interface CommandOptions {
	readonly name: string;
	readonly settings: CommandSettings;
	readonly service: string;
	readonly swap: "restart" | "reload";
	readonly disk: Disk;
	/** Runs its programs, which may need network and a file system of their own. */
	readonly outside: Programs;
	readonly runProbe: RunProbe;
}

export function createCommandSigner(options: CommandOptions): Signer {
	const { disk } = options;
	return {
		...oneTableParts(options, { requireSafe: true }),
		read: async () => read(options),
		firstKeyFaults: async () => Promise.resolve(new Map()),
		render: ({ files: [table] }, changes) =>
			table === undefined ? [] : renderRows(table, changes, COMMAND_TABLE),
		preflight: async () => preflight(options),
		signOffline: async (staged, expectations, reading) =>
			signWithKeys(disk, COMMAND_TABLE, staged, expectations, reading),
		apply: async (reading) => apply(options, reading),
		ready: async (timeoutMs, reading) => ready(options, timeoutMs, reading),
		probe: async (expectations, reading) => probe(options, expectations, reading),
	};
}

type Argv = CommandSettings["apply"];

const NEVER = new AbortController().signal;
const WORDS_LIMIT = 500;
const NOBODYS_DOMAIN = "keyturn.invalid";
/** One of which the signer fails may have its own trouble, which the probe tells. */
const ASKED_FOR = 3;
const UNPROVEN = "no `prove` is configured: that it signs is its program's word only";

async function read({ disk, settings }: CommandOptions): Promise<SignerReading> {
	const { table, user, prove } = settings;
	const notes = prove === null ? [UNPROVEN] : [];
	return readOneTable({ disk, table, format: COMMAND_TABLE, user, notes });
}

/**
 * Its programs are run with the rights of `user`: nobody else may be able to put others in their place. `apply` gets all keys or
 * none: without that of a line it would have the signer give that key up.
 */
async function preflight(options: CommandOptions): Promise<string | null> {
	const { owner, lines } = await read(options);
	const lack = lackOf(options.settings, lines);
	if (lack !== null) return lack;
	for (const argv of [options.settings.apply, options.settings.prove]) {
		const why = argv === null ? null : await whyUntrusted(options.disk, argv[0], owner.uid);
		if (why !== null) return why;
	}
	return null;
}

/** Which line's key a list for `apply` would lack; null if none. One that says the same as a line that counts lacks nothing. */
function lackOf(settings: CommandSettings, lines: readonly SigningLine[]): string | null {
	const isAgain = ({ domain, selector, keyPath }: SigningLine) =>
		lines.some(
			(one) => one.signs && one.domain === domain && one.selector === selector && one.keyPath === keyPath,
		);
	const line = lines.find((one) => (one.signs ? one.publicKey === null : !isAgain(one)));
	return line === undefined ? null : lackText(settings, line);
}

function lackText(
	{ table }: CommandSettings,
	{ domain, selector, keyPath, problem, unread }: SigningLine,
): string {
	const name = selector === "" ? "" : `${selector} of ${domain}: `;
	const why = problem ?? unread ?? `no private key can be read from ${keyPath}`;
	return `${table}: ${name}${why}; mend that, or take the line out if nothing is to sign with it`;
}

async function whyUntrusted(disk: Disk, program: string, uid: number): Promise<string | null> {
	const real = await disk.realpath(program);
	if (real === null) return `${program} is absent`;
	const names = real.split("/").slice(1);
	const above = ["/", ...names.slice(0, -1).map((_, index) => `/${names.slice(0, index + 1).join("/")}`)];
	for (const path of [...above, real]) {
		const stat = await disk.stat(path);
		if (stat === null) return `${path} is absent`;
		const isSticky = stat.kind === "directory" && (stat.mode & 0o1000) !== 0;
		if ((stat.mode & 0o022) !== 0 && !isSticky) return `${path} can be written by others than its owner`;
		if (stat.uid !== 0 && stat.uid !== uid) return `${path} belongs to uid ${stat.uid}, expected root`;
	}
	return null;
}

/** All keys of the table, not what changed: the program can be run again, and with the table before. Fails if one is lacking. */
async function apply(options: CommandOptions, { lines, owner }: SignerReading): Promise<void> {
	const { disk, name, settings } = options;
	const why = lackOf(settings, lines) ?? (await whyUntrusted(disk, settings.apply[0], owner.uid));
	if (why !== null) throw new KeyturnError("signer.probe", why);
	const keys: object[] = [];
	for (const line of lines.filter(({ signs }) => signs)) {
		const { domain, selector, keyPath } = line;
		const half = publicHalf((await readPrivateKey(disk, keyPath)) ?? "");
		if (half === null) throw new KeyturnError("signer.probe", lackText(settings, line));
		const { algorithm } = half;
		keys.push({ domain, selector, algorithm, publicKey: recordText(half), keyFile: keyPath });
	}
	await run(
		options,
		settings.apply,
		`${JSON.stringify({ schema: 1, act: "apply", signer: name, keys })}\n`,
		owner,
	);
}

/** Where nothing can be proven nothing can be waited for either. */
async function ready(
	options: CommandOptions,
	timeoutMs: number,
	{ lines, owner }: SignerReading,
): Promise<void> {
	const { prove } = options.settings;
	if (prove === null) return;
	const domains = [...new Set(lines.flatMap(({ domain, signs }) => (signs ? [domain] : [])))];
	let fault: unknown = null;
	for (const domain of domains.length === 0 ? [NOBODYS_DOMAIN] : domains.slice(0, ASKED_FOR)) {
		try {
			await run(options, prove, probeText(`postmaster@${domain}`), owner, timeoutMs);
			return;
		} catch (thrown) {
			if (tookTooLong(thrown)) throw thrown;
			fault ??= thrown;
		}
	}
	throw fault;
}

async function probe(
	options: CommandOptions,
	expectations: readonly ProbedKey[],
	{ owner }: SignerReading,
): Promise<readonly ProbeVerdict[]> {
	const { prove } = options.settings;
	if (prove === null)
		return expectations.map(({ domain, selector }) => ({
			domain,
			selector,
			outcome: "unproven",
			reason: UNPROVEN,
		}));
	const sign = async (key: ProbedKey): Promise<SignedSingly> => {
		const sender = `postmaster@${key.domain}`;
		const unsigned = { means: key.record === null ? ("unsigned" as const) : ("failed" as const) };
		const message = await run(options, prove, probeText(sender), owner);
		return { expectation: { ...key, sender, unsigned }, message: message.replace(/\r?\n/g, "\r\n") };
	};
	const { runProbe, settings } = options;
	return judgeSingly(expectations, sign, { runProbe, timeoutMs: timeoutOf(settings) });
}

/** What it printed; fails with `signer.probe`, in its own words. */
async function run(
	{ outside, settings }: CommandOptions,
	argv: Argv,
	input: string,
	owner: SignerReading["owner"],
	timeoutMs = timeoutOf(settings),
): Promise<string> {
	const request = { argv, input, timeoutMs, owner: { uid: owner.uid, gid: owner.gid } };
	const result = await outside.run(request, NEVER).catch((thrown: unknown) => {
		throw new KeyturnError("signer.probe", asKeyturnError(thrown).message, { retry: true, cause: thrown });
	});
	if (result.status === 0) return result.stdout;
	const ended = result.status === null ? `signal ${result.signal ?? "?"}` : `status ${result.status}`;
	throw new KeyturnError(
		"signer.probe",
		`${argv[0]} ended with ${ended}: ${result.stderr.trim().slice(0, WORDS_LIMIT) || "it said nothing"}`,
		{ hint: "Run it by hand, as the user that keyturn.yaml names." },
	);
}

function timeoutOf({ timeout }: CommandSettings): number {
	return Number.parseInt(timeout, 10) * 1000;
}
