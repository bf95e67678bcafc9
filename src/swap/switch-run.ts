/** One switch being carried out or settled: its journal as it stands, and the mail servers that it keeps down meanwhile. */

import { asKeyturnError } from "../errors.ts";
import { noSignal, type SwapContext } from "./context.ts";
import { type Journal, type JournalSigner, type RanService, writeJournal } from "./journal.ts";
import { begunUnits } from "./running.ts";

/** Long enough for a healthy switch; recovery acts only when nobody holds the door's lock any more. */
export const DEAD_MAN_MS = 90_000;
const START_TRIES_MS = [0, 2_000, 5_000];
const ANSWER_MS = 30_000;

export interface SwitchRun {
	readonly context: SwapContext;
	journal: Journal;
	/** Whether the mail servers have to be started (again). */
	owesMail: boolean;
	/** Whether this run has stopped them, and not started them since. */
	isMailDown: boolean;
	/** Of the monotonic clock, at the first stop; null while nothing was stopped. */
	stoppedAtMs: number | null;
	/** From the first stop to the last start. */
	pauseMs: number | null;
	/** Mail servers that did not start. */
	readonly owed: RanService[];
	/** What was done, one sentence each. */
	readonly did: string[];
}

export function beginRun(context: SwapContext, journal: Journal, owesMail: boolean): SwitchRun {
	return {
		context,
		journal,
		owesMail,
		isMailDown: false,
		stoppedAtMs: null,
		pauseMs: null,
		owed: [],
		did: [],
	};
}

/** Changes one signer's entry in the journal, durably. */
export async function amend(
	run: SwitchRun,
	signer: string,
	change: Partial<Pick<JournalSigner, "partial" | "rollBack" | "ran">>,
): Promise<JournalSigner> {
	const signers = run.journal.signers.map((entry) =>
		entry.signer === signer ? { ...entry, ...change } : entry,
	);
	run.journal = { ...run.journal, signers };
	await writeJournal(run.context, run.journal);
	return entryOf(run, signer);
}

export function entryOf(run: SwitchRun, signer: string): JournalSigner {
	const entry = run.journal.signers.find((candidate) => candidate.signer === signer);
	if (entry === undefined) throw new Error(`no journal entry for signer ${signer}`);
	return entry;
}

/** Stops the mail servers that run. The journal says so first, so that recovery starts them. */
export async function stopMail(run: SwitchRun): Promise<void> {
	await noteStarted(run);
	const running = run.journal.mail.filter(({ units }) => units.length > 0);
	if (running.length === 0) return;
	if (!run.journal.stopsMail) {
		run.journal = { ...run.journal, stopsMail: true };
		await writeJournal(run.context, run.journal);
	}
	run.owesMail = true;
	run.isMailDown = true;
	run.stoppedAtMs ??= run.context.clock.uptimeMs();
	for (const { service, units } of running) await run.context.services.stop(service, units);
}

/**
 * Mail servers that did not run at the look before the switch may have been started since: as the host booted, or by an
 * administrator. The journal then names their units.
 */
export async function noteStarted(run: SwitchRun): Promise<void> {
	const started = new Map<string, readonly string[]>();
	for (const { service, units } of run.journal.mail) {
		const begun = units.length > 0 ? null : await begunUnits(run.context, service);
		if (begun !== null && begun.length > 0) started.set(service, begun);
	}
	if (started.size === 0) return;
	const mail = run.journal.mail.map((ran) => {
		const units = started.get(ran.service);
		// Whether it answers was never heard.
		return units === undefined ? ran : { ...ran, units, wasSilent: true };
	});
	const journal = { ...run.journal, mail };
	await writeJournal(run.context, journal);
	run.journal = journal;
}

/** Starts the mail servers that ran; one that does not start stays owed. */
export async function startMail(run: SwitchRun): Promise<void> {
	if (!run.owesMail) return;
	run.owesMail = false;
	run.isMailDown = false;
	run.owed.length = 0;
	for (const service of run.journal.mailStart) {
		const ran = run.journal.mail.find((candidate) => candidate.service === service);
		if (ran === undefined || ran.units.length === 0) continue;
		if (await starts(run.context, ran)) run.did.push(`started ${service}`);
		else run.owed.push(ran);
	}
	if (run.stoppedAtMs !== null) run.pauseMs = Math.round(run.context.clock.uptimeMs() - run.stoppedAtMs);
}

/** Starts a mail server, trying again: an unsent start is an outage. Once it runs it has to answer, if it did before. */
export async function starts(
	context: SwapContext,
	{ service, units, wasSilent = false }: RanService,
): Promise<boolean> {
	for (const waitMs of START_TRIES_MS) {
		if (waitMs > 0) await context.clock.sleep(waitMs, noSignal());
		try {
			await context.services.start(service, units);
			if (wasSilent || (await answersInTime(context, service))) return true;
			context.log.error("the mail server does not answer", { service });
		} catch (error) {
			context.log.error("the mail server did not start", { service, error: asKeyturnError(error).message });
		}
	}
	return false;
}

async function answersInTime(context: SwapContext, service: string): Promise<boolean> {
	const startedAt = context.clock.uptimeMs();
	while (!(await context.services.answers(service))) {
		if (context.clock.uptimeMs() - startedAt > ANSWER_MS) return false;
		await context.clock.sleep(200, noSignal());
	}
	return true;
}
