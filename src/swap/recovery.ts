/**
 * Settles what a crash left, before anything else is done: DESIGN.md's table of what is found, decided by the hashes in
 * the journal. While the host starts or stops only files are repaired: each table is then wholly the old or the new one
 * and names keys that exist, so that whatever starts its signer starts it right; the journal stays for the next request.
 */

import { directoryOf, syncIfThere, temporaryPath } from "../durable.ts";
import { asKeyturnError } from "../errors.ts";
import type { Pending, SwitchResult } from "../ports/door.ts";
import { clear, conclude, disarm } from "./conclusion.ts";
import type { SwapContext } from "./context.ts";
import { endSwitch, goingBack, type Stand, startAnyway, stopSigner, stopStarted } from "./ending.ts";
import {
	type Journal,
	type JournalSigner,
	type RanService,
	readJournal,
	removeJournal,
	writeJournal,
} from "./journal.ts";
import { readResult } from "./results.ts";
import { hasBegun } from "./running.ts";
import { tidyStaged } from "./staged-switch.ts";
import { beginRun, DEAD_MAN_MS, type SwitchRun, starts } from "./switch-run.ts";
import { lookAfterCrash, putBack, type Standing } from "./table-files.ts";

export interface Settled {
	readonly results: readonly SwitchResult[];
	readonly did: readonly string[];
	/** Null once the last switch is settled; nothing may be staged, committed or dropped before. */
	readonly pending: Pending | null;
}

export async function settle(context: SwapContext, { filesOnly }: { filesOnly: boolean }): Promise<Settled> {
	const journal = await readJournal(context);
	if (journal === null) {
		await tidyStaged(context);
		return { results: [], did: [], pending: null };
	}
	const ended = await readResult(context, journal.id);
	if (ended !== null) return settleEnded(context, journal, filesOnly);
	const mayTouchServices = !filesOnly && (await context.services.hostPhase()) === "running";
	const run = beginRun(context, journal, journal.stopsMail);
	if (mayTouchServices) await armAgain(context);
	const stands = await settleFiles(run, mayTouchServices).catch(async (error: unknown) => {
		if (mayTouchServices) await startAnyway(run);
		throw error;
	});
	if (mayTouchServices) return settleServices(run, stands);
	return { results: [], did: run.did, pending: waiting(`switch ${journal.id} waits for its services`) };
}

async function settleFiles(run: SwitchRun, mayTouchServices: boolean): Promise<ReadonlyMap<string, Stand>> {
	const { disk } = run.context;
	const stands = new Map<string, Stand>();
	for (const entry of run.journal.signers) {
		const found = await lookAfterCrash(disk, entry);
		const standing = await settleSigner(run, entry, found, mayTouchServices);
		await removeTemporaries(run.context, entry.files);
		if (standing !== "mixed")
			stands.set(entry.signer, { standing, reason: sentence(standing, goingBack(entry, "after")) });
		run.did.push(
			`${entry.signer}: the table stands ${standing === "conflict" ? "changed by others" : standing}`,
		);
	}
	return stands;
}

/**
 * What was to go back goes once its signer is stopped; where no service may be touched, before anything starts it. A signer that
 * restarts for a switch keeps what it read: beneath one that runs the files stay as they are, each of which it can read.
 */
async function settleSigner(
	run: SwitchRun,
	entry: JournalSigner,
	found: Standing,
	mayTouchServices: boolean,
): Promise<Standing> {
	const goesBack = found === "mixed" || (!mayTouchServices && goingBack(entry, found) !== null);
	if (!goesBack) return found;
	if (mayTouchServices) await stopSigner(run, entry);
	else if (entry.swap === "restart" && (await hasBegun(run.context, entry.ran.service)) === true)
		return found;
	const standing = await putBack(run.context.disk, entry);
	if (mayTouchServices) await stopStarted(run, entry);
	return standing;
}

async function settleServices(run: SwitchRun, stands: ReadonlyMap<string, Stand>): Promise<Settled> {
	const { context, journal } = run;
	context.log.warn("settling an interrupted switch", { id: journal.id, did: run.did });
	if (journal.stopsMail) run.stoppedAtMs = context.clock.uptimeMs() - pausedFor(context, journal);
	// What was not proven before the crash can only go back whole: the reading before is lost. Why the mail server was down is
	// lost, too: it may have been held for a signer that did not come up after its reload, so it waits for all.
	const ended = await endSwitch(run, stands, () => null, [journal.signers]);
	const result = await conclude(run, ended);
	return {
		results: [result],
		did: [...run.did, `switch ${result.id}: ${result.outcome}`],
		pending: run.owed.length === 0 ? null : owing(context, run.owed),
	};
}

/** The switch has its result: only what it owed beyond that is left. */
async function settleEnded(context: SwapContext, journal: Journal, filesOnly: boolean): Promise<Settled> {
	await context.disk.syncDirectory(`${context.directory}/results`);
	await clear(context, journal.signers, journal.id);
	const isHeld = filesOnly || (await context.services.hostPhase()) !== "running";
	if (isHeld && journal.owed.length > 0)
		return { results: [], did: [], pending: waiting(owedSentence(journal.owed)) };
	const owed: RanService[] = [];
	const did: string[] = [];
	for (const ran of journal.owed)
		if (await starts(context, ran)) did.push(`started ${ran.service}`);
		else if (await isMasked(context, ran)) did.push(`${ran.service} is masked: it is left as it is`);
		else owed.push(ran);
	if (owed.length > 0) {
		if (did.length > 0) await writeJournal(context, { ...journal, owed });
		return { results: [], did, pending: owing(context, owed) };
	}
	await removeJournal(context);
	await disarm(context);
	return { results: [], did, pending: null };
}

/** By that an administrator says that it is to stay down; each unit by its name, since one that is masked may be in no list. */
async function isMasked({ services, log }: SwapContext, { units }: RanService): Promise<boolean> {
	try {
		const looks = [];
		for (const unit of units) looks.push(await services.look(unit));
		const instances = looks.flatMap((look) => look.instances);
		return instances.length > 0 && instances.every(({ state }) => state === "masked");
	} catch (error) {
		log.warn("whether a service is masked cannot be told", { units, error: asKeyturnError(error).message });
		return false;
	}
}

async function removeTemporaries(
	{ disk }: SwapContext,
	files: readonly { readonly path: string }[],
): Promise<void> {
	for (const { path } of files) await disk.unlink(temporaryPath(path));
	for (const directory of new Set(files.map(({ path }) => directoryOf(path))))
		await syncIfThere(disk, directory);
}

async function armAgain({ services, log }: SwapContext): Promise<void> {
	try {
		await services.armDeadMan(DEAD_MAN_MS);
	} catch (error) {
		// Recovering without it is better than not recovering.
		log.error("the dead man's switch could not be armed", { error: asKeyturnError(error).message });
	}
}

function pausedFor({ clock }: SwapContext, { startedAt }: Journal): number {
	return Math.max(0, clock.now().getTime() - new Date(startedAt).getTime());
}

function sentence(standing: Stand["standing"], decided: string | null): string | null {
	if (standing === "conflict") return "the switch was interrupted, and the table was changed by others";
	if (standing === "before") return decided ?? "the switch was interrupted";
	return null;
}

function owedSentence(owed: readonly RanService[]): string {
	return `${owed.map(({ service }) => service).join(", ")} did not start again after the last switch`;
}

/** They were tried just now. */
function owing({ signers }: SwapContext, owed: readonly RanService[]): Pending {
	const isByCommand = ({ service }: RanService): boolean =>
		[...signers.values()].some(({ services }) => Object.hasOwn(services.commands, service));
	const units = unitsOf(owed.filter((ran) => !isByCommand(ran)));
	const logs = [
		...units.map((unit) => `journalctl -u ${unit}`),
		...owed.filter(isByCommand).map(({ service }) => `the log of ${service}`),
	];
	const masked =
		units.length === 0 ? "" : `; what is to stay down is masked: systemctl mask ${units.join(" ")}`;
	return {
		reason: owedSentence(owed),
		hint: `see ${logs.join(", ")}; every request to the door tries again, such as: keyturn recover${masked}`,
		services: owed.map(({ service }) => service),
	};
}

function waiting(reason: string): Pending {
	return {
		reason,
		hint: "while the host starts or stops no service is touched; once it is up the next request goes on: keyturn recover",
		services: [],
	};
}

function unitsOf(owed: readonly RanService[]): readonly string[] {
	return owed.flatMap((ran) => (ran.units.length === 0 ? [ran.service] : ran.units));
}
