/**
 * Exim as a signer: a lookup file that its transports read for every delivery. There is nothing to reload and no running
 * process to ask: what a fresh Exim makes of its options is what the next delivery does.
 */

import { asKeyturnError, KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { Programs } from "../../ports/programs.ts";
import type { ProbedKey, ProbeVerdict, SignExpectation, Signer, SignerReading } from "../../ports/signer.ts";
import { signWithKeys } from "../one-table/key-signature.ts";
import { oneTableParts } from "../one-table/parts.ts";
import { readOneTable } from "../one-table/reading.ts";
import { renderRows } from "../one-table/rows.ts";
import type { RunProbe } from "../probe-protocol.ts";
import { withoutPlace } from "../first-key-faults.ts";
import {
	type EximAsked,
	type SigningTransport,
	signingTransports,
	unsigningTransports,
	valuesFor,
	whyNotRead,
	whyUnreadable,
} from "./ask.ts";
import type { EximSettings } from "./settings.ts";
import { EXIM_TABLE } from "./table.ts";

export interface EximOptions {
	readonly name: string;
	readonly settings: EximSettings;
	readonly service: string;
	readonly swap: "restart" | "reload";
	readonly disk: Disk;
	readonly programs: Programs;
	readonly runProbe: RunProbe;
}

export function createEximSigner(options: EximOptions): Signer {
	return {
		...oneTableParts(options, { requireSafe: false }),
		read: async () => read(options),
		firstKeyFaults: async (domains, several) => Promise.resolve(withoutPlace(domains, several, ONE_EACH)),
		render: ({ files: [table] }, changes) =>
			table === undefined ? [] : renderRows(table, changes, EXIM_TABLE),
		unsignedWays: async () =>
			(await unsigningTransports(askedBy(options, await read(options)))).map(
				(name) => `transport ${name} of Exim's, which has no dkim_private_key`,
			),
		preflight: async () => whyNotRead(askedBy(options, await read(options))),
		signOffline: async (staged, expectations, reading) => signOffline(options, staged, expectations, reading),
		// A delivery that is under way has the file before open; the next one reads this.
		apply: async () => Promise.resolve(),
		ready: async (timeoutMs, reading) => ready(options, timeoutMs, reading),
		probe: async (expectations, reading) => probe(options, expectations, reading),
	};
}

const PROBE_MS = 30_000;
const ONE_EACH = "the lookup file of an Exim has one key for a domain: let `key` be one";

async function read({ disk, settings }: EximOptions): Promise<SignerReading> {
	const { table, user } = settings;
	return readOneTable({ disk, table, format: EXIM_TABLE, user });
}

function askedBy({ programs, settings }: EximOptions, { owner }: SignerReading): EximAsked {
	return { programs, settings, owner };
}

/** Exim says which selector and file it would take, reads that file, and then the file is held against the record. */
async function signOffline(
	options: EximOptions,
	staged: ReadonlyMap<string, string>,
	expectations: readonly SignExpectation[],
	reading: SignerReading,
): Promise<readonly string[]> {
	const asked = askedBy(options, reading);
	const transports = expectations.length === 0 ? [] : await signingTransports(asked);
	for (const expectation of expectations) {
		const why = await whyNotWith(asked, transports, expectation, staged);
		if (why !== null) throw new KeyturnError("signer.config", `${expectation.domain}: ${why}`);
	}
	return signWithKeys(options.disk, EXIM_TABLE, staged, expectations, reading);
}

/** Why a transport would not sign mail of the domain with the key; null if all that can sign would. */
async function whyNotWith(
	asked: EximAsked,
	transports: readonly SigningTransport[],
	{ domain, selector }: Pick<SignExpectation, "domain" | "selector">,
	staged?: ReadonlyMap<string, string>,
): Promise<string | null> {
	for (const transport of transports) {
		const found = await valuesFor(asked, transport, domain, staged);
		if (!found.domains.includes(domain))
			return `transport ${transport.name} signs for ${found.domains.join(", ").slice(0, 200) || "no domain"}, not for ${domain}`;
		if (found.selector !== selector)
			return `transport ${transport.name} would sign with "${found.selector.slice(0, 200)}", expected ${selector}`;
		const why = await whyUnreadable(asked, found.path);
		if (why !== null)
			return `transport ${transport.name} cannot read its key, and mail would leave unsigned: ${why}`;
	}
	return null;
}

async function ready(options: EximOptions, timeoutMs: number, reading: SignerReading): Promise<void> {
	try {
		const why = await whyNotRead(askedBy(options, reading), timeoutMs);
		if (why !== null) throw new KeyturnError("signer.probe", why);
	} catch (thrown) {
		throw new KeyturnError("signer.probe", asKeyturnError(thrown).message, { retry: true });
	}
}

async function probe(
	options: EximOptions,
	expectations: readonly ProbedKey[],
	reading: SignerReading,
): Promise<readonly ProbeVerdict[]> {
	const transports = await signingTransports(askedBy(options, reading));
	const verdicts: ProbeVerdict[] = [];
	for (const expectation of expectations)
		verdicts.push(await probeOne(options, transports, expectation, reading));
	return verdicts;
}

async function probeOne(
	options: EximOptions,
	transports: readonly SigningTransport[],
	{ domain, selector, record }: ProbedKey,
	reading: SignerReading,
): Promise<ProbeVerdict> {
	const asked = askedBy(options, reading);
	if (record === null) {
		for (const transport of transports) {
			const found = await valuesFor(asked, transport, domain);
			if (found.domains.includes(domain) && found.selector === selector)
				return {
					domain,
					selector,
					outcome: "failed",
					reason: `transport ${transport.name} still signs with it`,
				};
		}
		return { domain, selector, outcome: "unsigned", reason: null };
	}
	const why = await whyNotWith(asked, transports, { domain, selector });
	if (why !== null) return { domain, selector, outcome: "failed", reason: why };
	const messages = await signWithKeys(
		options.disk,
		EXIM_TABLE,
		new Map(),
		[{ domain, selector, record }],
		reading,
	);
	const sender = `postmaster@${domain}`;
	const expectation = { domain, selector, record, sender, unsigned: { means: "failed" as const } };
	const answer = await options.runProbe({
		kind: "messages",
		expectations: [expectation],
		messages,
		timeoutMs: PROBE_MS,
	});
	return answer.verdicts[0] ?? { domain, selector, outcome: "unproven", reason: "the probe gave no verdict" };
}
