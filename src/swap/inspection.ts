/** Tells the agent what it may not read itself: every signer's live table, its key files, its service. */

import { excerpt } from "../dkim/foreign-text.ts";
import { publicHalf } from "../dkim/key-material.ts";
import { isForeignSelector } from "../dkim/names.ts";
import { asKeyturnError } from "../errors.ts";
import type {
	DoorRequest,
	InspectAnswer,
	InspectedLine,
	InspectedSigner,
	OtherReader,
	SwitchResult,
} from "../ports/door.ts";
import type { SignerReading, SigningLine } from "../ports/signer.ts";
import { type SwapContext, type SwapSigner, timestamp } from "./context.ts";
import { examineHost } from "./examination.ts";
import { foretell } from "./foretelling.ts";
import { type Groups, groupsOf } from "./groups.ts";
import { readKey } from "./keys.ts";
import { readLedger } from "./ledger.ts";
import { mountedTables, NOT_KNOWN } from "./mounts.ts";
import { readLeft, readResult } from "./results.ts";
import { isRunning, probeRunning } from "./running.ts";
import { listStaged } from "./staged-switch.ts";

export async function inspect(
	context: SwapContext,
	{ ids, probe, examine, foretell: turns }: Omit<Extract<DoorRequest, { act: "inspect" }>, "act">,
): Promise<InspectAnswer> {
	const results: SwitchResult[] = [];
	for (const id of ids) {
		const result = await readResult(context, id);
		if (result !== null) results.push(result);
	}
	const signers: InspectedSigner[] = [];
	for (const [name, signer] of context.signers) signers.push(await inspectSigner(context, name, signer));
	const others = await context.otherReaders();
	return {
		act: "inspect",
		at: timestamp(context),
		signers,
		results,
		staged: await listStaged(context),
		queue: await context.queue(),
		otherReaders: await concerning(context, others),
		lastPauseAt: (await readLeft(context)).pausedAt,
		...(probe === undefined ? {} : { probed: await probeRunning(context, probe) }),
		...(examine === undefined ? {} : { examined: await examineHost(context, others) }),
		...(turns === undefined ? {} : { foretold: await foretell(context, turns) }),
	};
}

/**
 * Who reads keys of the host's domains, or may; and for a domain that keyturn.yaml does not name, a key file that was one of theirs,
 * with its key: that domain's name may be an alias.
 */
async function concerning(
	context: SwapContext,
	others: readonly OtherReader[],
): Promise<readonly OtherReader[]> {
	const { disk, domains } = context;
	const isOfOurs = ({ domain }: OtherReader): boolean => domain === null || domains.has(domain);
	if (others.every((reader) => isOfOurs(reader) || reader.keyPath === null)) return others.filter(isOfOurs);
	const known = new Set<string | null>();
	for (const { path } of await readLedger(context)) known.add(await realPath(context, path));
	const told: OtherReader[] = [];
	for (const reader of others) {
		const { keyPath } = reader;
		if (isOfOurs(reader)) told.push(reader);
		else if (keyPath !== null && known.has(keyPath)) {
			const pem = await readKey(disk, keyPath).catch(() => null);
			told.push({ ...reader, publicKey: pem === null ? null : (publicHalf(pem)?.publicKey ?? null) });
		}
	}
	return told;
}

/** The path itself where it leads nowhere. */
async function realPath({ disk }: SwapContext, path: string): Promise<string> {
	return (await disk.realpath(path).catch(() => null)) ?? path;
}

/** One signer that cannot be read says so; the others are told. */
async function inspectSigner(
	context: SwapContext,
	name: string,
	{ signer }: SwapSigner,
): Promise<InspectedSigner> {
	const about = { signer: name, swap: signer.swap, service: signer.service };
	const running = (await isRunning(context, signer.service)) ?? false;
	try {
		const reading = await signer.read();
		const lines: InspectedLine[] = [];
		const groups = groupsOf(context, name, reading);
		const mounted = await mountedTables(context.disk, reading).catch(() => NOT_KNOWN);
		for (const line of reading.lines)
			lines.push(await inspectLine(line, reading, { signer, groups, mounted: mounted.turns }));
		const { tableHash, notes } = reading;
		const firstKeyFaults = await findFirstKeyFaults(context, signer, { lines, mounted: mounted.firsts });
		return { ...about, tableHash, lines, firstKeyFaults, notes, problem: null, running };
	} catch (error) {
		const problem = asKeyturnError(error).message;
		return { ...about, tableHash: "", lines: [], firstKeyFaults: [], notes: [], problem, running };
	}
}

async function findFirstKeyFaults(
	{ domains, several }: SwapContext,
	signer: SwapSigner["signer"],
	{ lines, mounted }: { readonly lines: readonly InspectedLine[]; readonly mounted: string | null },
): Promise<InspectedSigner["firstKeyFaults"]> {
	const signed = new Set(lines.filter((line) => line.signs).map((line) => line.domain));
	const unsigned = [...domains].flatMap(([domain, names]) =>
		names.includes(signer.name) && !signed.has(domain) ? [domain] : [],
	);
	if (unsigned.length === 0) return [];
	if (mounted !== null) return unsigned.map((domain) => ({ domain, reason: mounted }));
	return [...(await signer.firstKeyFaults(unsigned, several))].map(([domain, reason]) => ({
		domain,
		reason,
	}));
}

async function inspectLine(
	line: SigningLine,
	reading: SignerReading,
	{
		signer,
		groups,
		mounted,
	}: {
		readonly signer: SwapSigner["signer"];
		readonly groups: Groups;
		readonly mounted: string | null;
	},
): Promise<InspectedLine> {
	const { domain, selector, entry, keyPath, publicKey, unread = null, signs } = line;
	const fault = line.problem ?? whyNoName(selector) ?? mounted ?? groups.problemOf(line);
	const problem = fault ?? unread;
	const unsafe = problem === null ? await signer.unsafe(keyPath, reading) : null;
	const group = fault === null && signs ? groups.nameOf(domain, selector) : null;
	const told = { domain, selector, entry, keyPath, publicKey, signs, problem, unsafe };
	return group === null ? told : { ...told, group };
}

/** No request may name it, and it would stand in commands that administrators copy. */
function whyNoName(selector: string): string | null {
	if (isForeignSelector(selector)) return null;
	return `its selector ${excerpt(JSON.stringify(selector), 80)} is no name: letters, digits, hyphens, underscores and dots are`;
}
