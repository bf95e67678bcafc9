/** What `keyturn doctor` judges and the agent may not read: how mail reaches the signers, what a switch would be refused for, key files that nobody uses. */

import { asKeyturnError, type KeyturnError } from "../errors.ts";
import type { Examined, ExaminedSigner, OtherReader } from "../ports/door.ts";
import type { SignerReading } from "../ports/signer.ts";
import { directoryOf } from "../durable.ts";
import { signerNamed, type SwapContext } from "./context.ts";
import { readLedger } from "./ledger.ts";
import { lookAtService, refuseByPreflight } from "./preflight.ts";
import { isRefused } from "./refusal.ts";
import { isRunning } from "./running.ts";

/** Changes nothing, as any inspection; a signer that cannot be read is told of elsewhere, and has nothing here but its services. */
export async function examineHost(
	context: SwapContext,
	otherReaders: readonly OtherReader[],
): Promise<Examined> {
	const used = new Set([
		...(await readLedger(context)).map(({ path }) => path),
		...otherReaders.flatMap(({ keyPath }) => (keyPath === null ? [] : [keyPath])),
	]);
	const readings = new Map<string, SignerReading | null>();
	for (const [name, { signer }] of context.signers) readings.set(name, await signer.read().catch(() => null));
	for (const path of await livePaths(context, [...readings.values()])) used.add(path);
	const signers: ExaminedSigner[] = [];
	// What a signer reads that cannot be read itself, or says nothing of the path, may be any file.
	const isAllKnown = [...readings.values()].every(
		(reading) => reading?.lines.every(({ signs, keyPath }) => !signs || keyPath !== "") ?? false,
	);
	for (const [name, reading] of readings)
		signers.push(await examineSigner(context, name, { reading, used, isAllKnown }));
	return { mail: await wiringOf(context), signers };
}

/** A table may name a link, and a listing finds the file. */
async function livePaths(
	{ disk }: SwapContext,
	readings: readonly (SignerReading | null)[],
): Promise<readonly string[]> {
	const named = readings.flatMap((reading) => reading?.lines.map(({ keyPath }) => keyPath) ?? []);
	const real = await Promise.all(named.map(async (path) => disk.realpath(path).catch(() => null)));
	return [...named, ...real.filter((path) => path !== null)];
}

async function wiringOf({ wiring, log }: SwapContext): Promise<Examined["mail"]> {
	try {
		return await wiring();
	} catch (error) {
		log.warn("the mail server cannot be asked for its milters", { error: asKeyturnError(error).message });
		return null;
	}
}

async function examineSigner(
	context: SwapContext,
	name: string,
	{
		reading,
		used,
		isAllKnown,
	}: {
		readonly reading: SignerReading | null;
		readonly used: ReadonlySet<string>;
		readonly isAllKnown: boolean;
	},
): Promise<ExaminedSigner> {
	const { services } = signerNamed(context, name);
	const running: { service: string; running: boolean }[] = [];
	for (const service of services.stop)
		running.push({ service, running: (await isRunning(context, service)) ?? false });
	return {
		signer: name,
		socket: reading?.socket ?? null,
		filter: reading?.filter ?? null,
		...(await unsignedWays(context, name, reading)),
		services: running,
		holds: reading === null ? null : await whatHolds(context, name, reading),
		reads: readingOf(reading),
		writes: directoriesOf(context, name, reading),
		strayKeys: isAllKnown ? await strayKeys(context, name, used) : [],
	};
}

/** Its configuration first, then the tables that this names. */
function readingOf(reading: SignerReading | null): readonly string[] {
	if (reading === null) return [];
	const { configuration, files, alsoAsked = [] } = reading;
	return [...new Set([...configuration, ...files.map(({ path }) => path), ...alsoAsked])];
}

async function unsignedWays(
	context: SwapContext,
	name: string,
	reading: SignerReading | null,
): Promise<Pick<ExaminedSigner, "unsignedWays" | "unsignedUnknown">> {
	const { signer } = signerNamed(context, name);
	// That it cannot be read is told elsewhere.
	if (reading === null || signer.unsignedWays === undefined) return { unsignedWays: [] };
	try {
		return { unsignedWays: await signer.unsignedWays() };
	} catch (thrown) {
		return { unsignedWays: [], unsignedUnknown: asKeyturnError(thrown).message };
	}
}

/** New files are made beside those that they replace; keys lie below one directory, whatever the domain. */
function directoriesOf(context: SwapContext, name: string, reading: SignerReading | null): readonly string[] {
	const { signer } = signerNamed(context, name);
	const [domain] = [...context.domains].find(([, of]) => of.includes(name)) ?? [];
	const keys = domain === undefined ? [] : [directoryOf(directoryOf(signer.keyPath(domain, "any")))];
	return [...new Set([...(reading?.files ?? []).map(({ path }) => directoryOf(path)), ...keys])];
}

/** The checks of a commit, asked in good time: held there, a turn waits for somebody to be awake. */
async function whatHolds(
	context: SwapContext,
	name: string,
	reading: SignerReading,
): Promise<ExaminedSigner["holds"]> {
	const { signer, services } = signerNamed(context, name);
	try {
		const look = await lookAtService(context, signer.service);
		if (isRefused(look)) return { why: look.message, hint: look.hint };
		const refusal = await refuseByPreflight(context, name, reading, look.instances, services.stop);
		return refusal === null ? null : { why: refusal.message, hint: refusal.hint };
	} catch (thrown) {
		const { message, hint }: KeyturnError = asKeyturnError(thrown);
		return { why: message, hint };
	}
}

/** Where new keys go, and beside it, where older ways of naming them left theirs. */
async function strayKeys(
	context: SwapContext,
	name: string,
	used: ReadonlySet<string>,
): Promise<readonly string[]> {
	const { signer } = signerNamed(context, name);
	const own = [...context.domains].flatMap(([domain, of]) =>
		of.includes(name) ? [directoryOf(signer.keyPath(domain, "any"))] : [],
	);
	const found: string[] = [];
	for (const directory of new Set([...own, ...own.map(directoryOf)]))
		for (const file of (await context.disk.list(directory).catch(() => null)) ?? [])
			if (file.endsWith(".private")) found.push(`${directory}/${file}`);
	return found.filter((path) => !used.has(path)).sort();
}
