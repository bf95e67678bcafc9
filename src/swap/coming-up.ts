/** Has a signer run with the table that stands: what it applies is applied, its service started, asked to reload, waited for. */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import { signerNamed } from "./context.ts";
import type { JournalSigner } from "./journal.ts";
import type { SwitchRun } from "./switch-run.ts";

const READY_MS = 20_000;

export interface NotTaken {
	readonly why: string;
	/** Whether a process, or what a program applies to, may have taken it up all the same. */
	readonly mayHoldNew: boolean;
}

export interface Up {
	readonly isUp: boolean;
	/** Why what runs, or what a program applies to, may not have taken up the table that stands; null if it has. */
	readonly missed: string | null;
}

/** Null once the signer runs with the new table. Fails where the host goes down. */
export async function whyNotTaken(run: SwitchRun, entry: JournalSigner): Promise<NotTaken | null> {
	const { services } = run.context;
	let mayHoldNew = isApplied(run, entry);
	try {
		await applyFiles(run, entry);
		await services.start(entry.ran.service, entry.ran.units);
		if (mustReload(run, entry)) await services.reload(entry.ran.service, entry.ran.units);
		mayHoldNew = true;
		await isReady(run, entry);
		return null;
	} catch (error) {
		return { why: await notUp(run, entry, error), mayHoldNew };
	}
}

/** With whatever table stands; may be repeated. Fails where the host goes down. */
export async function comesUp(run: SwitchRun, entry: JournalSigner): Promise<Up> {
	if (!run.context.signers.has(entry.signer)) return serviceStarts(run, entry);
	if (isQuiet(run, entry)) return { isUp: true, missed: null };
	const { services } = run.context;
	let missed: string | null = null;
	const miss = async (error: unknown) => {
		missed = await notUp(run, entry, error);
	};
	try {
		await applyFiles(run, entry).catch(miss);
		await services.start(entry.ran.service, entry.ran.units);
		// Also when the old table stands: a crash may have come between the signal for the new one and now.
		if (mustReload(run, entry)) await services.reload(entry.ran.service, entry.ran.units).catch(miss);
		await isReady(run, entry);
		return { isUp: true, missed };
	} catch (error) {
		await notUp(run, entry, error);
		return { isUp: false, missed };
	}
}

/** Nothing runs that could sign with the new table, and nothing else is to be told of it. */
export function isQuiet(run: SwitchRun, entry: JournalSigner): boolean {
	return entry.ran.units.length === 0 && !isApplied(run, entry);
}

/** Of a signer that keyturn.yaml has no more nothing else is known. */
async function serviceStarts(run: SwitchRun, entry: JournalSigner): Promise<Up> {
	try {
		await run.context.services.start(entry.ran.service, entry.ran.units);
		return { isUp: true, missed: null };
	} catch (error) {
		await notUp(run, entry, error);
		return { isUp: false, missed: null };
	}
}

function isApplied({ context }: SwitchRun, { signer }: JournalSigner): boolean {
	return signerNamed(context, signer).signer.apply !== undefined;
}

async function applyFiles({ context }: SwitchRun, entry: JournalSigner): Promise<void> {
	const { signer } = signerNamed(context, entry.signer);
	if (signer.apply !== undefined) await signer.apply(await signer.read());
}

function mustReload(run: SwitchRun, entry: JournalSigner): boolean {
	return entry.swap === "reload" && !isApplied(run, entry);
}

async function isReady(run: SwitchRun, entry: JournalSigner): Promise<void> {
	const { signer } = signerNamed(run.context, entry.signer);
	await signer.ready(READY_MS, await signer.read());
}

/**
 * A host that goes down starts nothing any more: that says nothing of the new table, and holding the mail server would only
 * hold up the shutdown. The journal stays, and the next boot ends the switch as after a power loss.
 */
async function notUp(run: SwitchRun, { signer }: JournalSigner, error: unknown): Promise<string> {
	const { message } = asKeyturnError(error);
	const { log, services } = run.context;
	log.error("the signer did not come up", { signer, error: message });
	if ((await services.hostPhase().catch(() => null)) === "stopping")
		throw new KeyturnError("service.failed", `${signer}: the host is going down in the middle of a switch`, {
			hint: "once it is up again the switch is ended by itself",
			retry: true,
		});
	return message;
}
