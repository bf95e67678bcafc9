/**
 * Brings a switch to its end once its files stand: the signers up, their keys proven, what fails put back, the mail
 * servers started. The same for a switch under way and for one that recovery found.
 */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { ProbedKey } from "../ports/signer.ts";
import { comesUp, isQuiet, whyNotTaken } from "./coming-up.ts";
import { noSignal, signerNamed } from "./context.ts";
import type { Journal, JournalSigner, LeftOut, RanService } from "./journal.ts";
import { proveKeys } from "./proof.ts";
import { begunUnits, hasBegun } from "./running.ts";
import {
	amend,
	DEAD_MAN_MS,
	entryOf,
	noteStarted,
	type SwitchRun,
	startMail,
	stopMail,
} from "./switch-run.ts";
import { putBack, putPartInPlace, type Standing } from "./table-files.ts";
import { hashOf } from "../durable.ts";

const HOLD_STEP_MS = 15_000;
/** For a signer that keyturn.yaml has no more. */
const HOLD_MS = 300_000;
const SIGNER_STARTED = "somebody else has started the signer in the pause: it is stopped again";
const MAIL_STARTED = "somebody else has started the mail server in the pause: it is stopped again";
const HELD_MAIL_STARTED = "somebody else has started the mail server while it is held: it is stopped again";

/** How one signer's files stand before the ending, and why if that is not as wanted. */
export interface Stand {
	readonly standing: Exclude<Standing, "mixed">;
	readonly reason: string | null;
}

export interface Ended {
	readonly signer: string;
	readonly standing: "before" | "after" | "conflict";
	readonly reason: string | null;
	readonly leftOut: readonly LeftOut[];
	readonly unproven: readonly LeftOut[];
	readonly isUp: boolean;
	/** Still to be probed, after the mail server's start. */
	readonly rest: readonly ProbedKey[];
}

/** The bytes of every table file of the signer with these changes left out; null where only going back is possible. */
export type RenderPart = (
	signer: string,
	leftOut: readonly LeftOut[],
) => ReadonlyMap<string, Uint8Array> | null;

/** Signers that come up before the mail server is started, those of the first group before the first start. */
export type StartOrder = readonly (readonly JournalSigner[])[];

/** In a switch under way the mail server was stopped for those that restart only: it does not wait for those that reload. */
export function restartedFirst({ signers }: Journal): StartOrder {
	return (["restart", "reload"] as const).map((swap) => signers.filter((entry) => entry.swap === swap));
}

/** Whatever fails on the way, the services that ran are started before the failure is told. */
export async function endSwitch(
	run: SwitchRun,
	stands: ReadonlyMap<string, Stand>,
	renderPart: RenderPart,
	groups: StartOrder,
): Promise<readonly Ended[]> {
	try {
		const ended: Ended[] = [];
		for (const group of groups) ended.push(...(await endGroup(run, group, stands, renderPart)));
		return ended;
	} catch (error) {
		await startAnyway(run);
		throw error;
	}
}

/** The last thing to do when even the disk fails: every table on it parses, so that what ran may run. */
export async function startAnyway(run: SwitchRun): Promise<void> {
	const { log } = run.context;
	try {
		const ended: Ended[] = [];
		for (const entry of run.journal.signers)
			ended.push(ending(entry, "conflict", null, { isUp: (await comesUp(run, entry)).isUp }));
		await holdWhileDown(run, ended);
		await startMail(run);
	} catch (error) {
		log.error("could not start what ran", { error: asKeyturnError(error).message });
	}
}

/** Why all goes back: a crash came between the decision to take lines back and doing it, and the table holds what failed. */
export function goingBack({ rollBack, partial }: JournalSigner, standing: Stand["standing"]): string | null {
	if (rollBack !== null) return rollBack;
	return partial !== null && standing === "after" ? sentence(partial.leftOut) : null;
}

async function endGroup(
	run: SwitchRun,
	entries: readonly JournalSigner[],
	stands: ReadonlyMap<string, Stand>,
	renderPart: RenderPart,
): Promise<readonly Ended[]> {
	const ended: Ended[] = [];
	for (const entry of entries) ended.push(await endSigner(run, entry, stands, renderPart));
	let held = await holdWhileDown(run, ended);
	await startMail(run);
	// What there was no time for while the mail server waited; a fault found now may stop it once more.
	while (held.some((end) => end.rest.length > 0)) {
		const proven: Ended[] = [];
		for (const end of held) proven.push(await proveRest(run, end, renderPart));
		// Who was down before has had its hold.
		const isNewlyDown = proven.some((end, index) => !end.isUp && held[index]?.isUp === true);
		held = isNewlyDown ? await holdWhileDown(run, proven) : proven;
		await startMail(run);
	}
	return held;
}

async function endSigner(
	run: SwitchRun,
	given: JournalSigner,
	stands: ReadonlyMap<string, Stand>,
	renderPart: RenderPart,
): Promise<Ended> {
	const { standing, reason } = stands.get(given.signer) ?? { standing: "conflict", reason: null };
	// One that keyturn.yaml has no more is no signer that does not come up: nothing is decided without it.
	signerNamed(run.context, given.signer);
	const entry = standing === "after" ? await asItRuns(run, given) : given;
	if (isQuiet(run, entry)) {
		const quiet = `${entry.ran.service} did not run, so that nothing was probed`;
		return ending(entry, standing, reason ?? quiet, { isUp: true });
	}
	if (standing === "before" || standing === "conflict") {
		const { isUp } = await comesUp(run, entry);
		return ending(entry, standing, reason ?? entry.rollBack, { isUp });
	}
	const decided = goingBack(entry, standing);
	if (decided !== null) return putAllBack(run, entry, decided, true);
	const notTaken = await whyNotTaken(run, entry);
	if (notTaken === null) return prove(run, entry, wanted(entry), renderPart);
	const why = `${entry.ran.service} did not come up with the new table: ${notTaken.why}`;
	return putAllBack(run, entry, why, notTaken.mayHoldNew);
}

/** Who did not run at the look before the switch may have been started since, with the old table. */
async function asItRuns(run: SwitchRun, entry: JournalSigner): Promise<JournalSigner> {
	const { service, units } = entry.ran;
	const begun = units.length > 0 ? null : await begunUnits(run.context, service);
	if (begun === null || begun.length === 0) return entry;
	const amended = await amend(run, entry.signer, { ran: { service, units: begun } });
	await stopSigner(run, amended);
	return amended;
}

async function prove(
	run: SwitchRun,
	entry: JournalSigner,
	expectations: readonly ProbedKey[],
	renderPart: RenderPart,
): Promise<Ended> {
	await keepMailDown(run, MAIL_STARTED);
	const proof = await proveKeys(run.context, entry, expectations, run.owesMail);
	if (proof.failing.length === 0) return ending(entry, "after", null, { isUp: true, ...proof });
	for (const { domain, selector, reason } of proof.failing)
		run.context.log.error("the signer does not sign as staged", { domain, selector, reason });
	const leftOut = [...(entry.partial?.leftOut ?? []), ...withMates(entry, proof.failing)];
	const contents = entry.partial === null ? renderPart(entry.signer, leftOut) : null;
	if (contents === null) return putAllBack(run, entry, sentence(proof.failing), true);
	try {
		return await leaveOut(run, entry, leftOut, contents, renderPart);
	} catch (error) {
		const then = asKeyturnError(error).message;
		return putAllBack(run, entry, `${sentence(proof.failing)}; then: ${then}`, true);
	}
}

/** Who turns together goes back together: their lines are one, or name one key file. */
function withMates({ changes }: JournalSigner, failing: readonly LeftOut[]): readonly LeftOut[] {
	const named = changes.map((change) => ({ ...change, selector: change.selector ?? change.from ?? "" }));
	const isIt = (one: { readonly domain: string; readonly selector: string }) => (other: LeftOut) =>
		other.domain === one.domain && other.selector === one.selector;
	const mates = named.flatMap(({ domain, selector, group }): readonly LeftOut[] => {
		if (group === undefined || failing.some(isIt({ domain, selector }))) return [];
		const first = named.find((one) => one.group === group && failing.some(isIt(one)));
		if (first === undefined) return [];
		return [{ domain, selector, reason: `it turns together with ${first.domain}, whose mail failed` }];
	});
	return [...failing, ...mates];
}

/** Takes the lines of the failing keys back, and proves the others again. */
async function leaveOut(
	run: SwitchRun,
	entry: JournalSigner,
	leftOut: readonly LeftOut[],
	contents: ReadonlyMap<string, Uint8Array>,
	renderPart: RenderPart,
): Promise<Ended> {
	const hashes = entry.files.map(({ path, hashBefore }) => {
		const bytes = contents.get(path);
		return bytes === undefined ? hashBefore : hashOf(bytes);
	});
	const amended = await amend(run, entry.signer, { partial: { hashes, leftOut } });
	await stopSigner(run, amended);
	const outcome = await putPartInPlace(run.context.disk, amended, contents);
	if (outcome === "changed")
		return ending(amended, "conflict", "the table was changed while keys were taken back", {
			isUp: (await comesUp(run, amended)).isUp,
		});
	if (await stopStarted(run, amended))
		throw new KeyturnError("service.failed", `${entry.ran.service} could not be stopped again`);
	const notTaken = await whyNotTaken(run, amended);
	if (notTaken === null) return prove(run, amended, wanted(amended), renderPart);
	const why = `${entry.ran.service} did not come up with a part of the new table: ${notTaken.why}`;
	return putAllBack(run, amended, why, true);
}

/** `mayHoldNew`: whether a process, or what a program applies to, may have taken the new table up. */
async function putAllBack(
	run: SwitchRun,
	entry: JournalSigner,
	reason: string,
	mayHoldNew: boolean,
): Promise<Ended> {
	run.context.log.error("putting the old table back", { signer: entry.signer, reason });
	const amended = await amend(run, entry.signer, { rollBack: reason }).catch(() =>
		entryOf(run, entry.signer),
	);
	try {
		await stopSigner(run, amended);
	} catch (error) {
		run.context.log.error("could not stop before putting back", { error: asKeyturnError(error).message });
	}
	const standing = await putBack(run.context.disk, amended);
	const runsOn = await stopStarted(run, amended);
	const { isUp, missed } = await comesUp(run, amended);
	const told = [reason];
	if (!isUp) told.push("nor with the old one");
	const why = runsOn ? "it could not be stopped" : missed;
	if (mayHoldNew && why !== null) told.push(`what runs may still sign by the new one: ${why}`);
	return ending(amended, standing, told.join("; "), { isUp });
}

/** In `restart` no process may have a table in memory other than the one on disk: it is stopped before the rename. */
export async function stopSigner(run: SwitchRun, entry: JournalSigner): Promise<void> {
	if (entry.swap !== "restart" || entry.ran.units.length === 0) return;
	await stopMail(run);
	await run.context.services.stop(entry.ran.service, entry.ran.units);
}

/**
 * Monit and its like start what they find down, in the middle of the pause: a signer would go on with the table that it found,
 * and the mail server send mail meanwhile. Gives back whether the signer runs on all the same.
 */
export async function stopStarted(run: SwitchRun, { swap, ran }: JournalSigner): Promise<boolean> {
	await keepMailDown(run, MAIL_STARTED);
	return swap === "restart" && (await stopIfStarted(run, ran, SIGNER_STARTED));
}

async function keepMailDown(run: SwitchRun, message: string): Promise<void> {
	if (run.isMailDown) for (const ran of run.journal.mail) await stopIfStarted(run, ran, message);
}

/** Whether it runs on, since it could not be stopped. */
async function stopIfStarted(run: SwitchRun, ran: RanService, message: string): Promise<boolean> {
	const { log, services } = run.context;
	if (ran.units.length === 0 || (await hasBegun(run.context, ran.service)) !== true) return false;
	log.warn(message, { service: ran.service });
	try {
		await services.stop(ran.service, ran.units);
		return false;
	} catch (error) {
		log.error("it could not be stopped again", { error: asKeyturnError(error).message });
		return true;
	}
}

/** Refused mail is retried by its senders, unsigned mail is not: the mail server stays down while its signer is. */
async function holdWhileDown(run: SwitchRun, ended: readonly Ended[]): Promise<readonly Ended[]> {
	const { clock, log, services } = run.context;
	const held: Ended[] = [...ended];
	if (!(await mustHold(run, held))) return held;
	await stopMail(run);
	const down = held.filter((end) => !end.isUp);
	const holdMs = Math.max(
		...down.map(({ signer }) => run.context.signers.get(signer)?.services.holdMs ?? HOLD_MS),
	);
	log.error("the signer is down: the mail server is held", { holdMs });
	await services.armDeadMan(holdMs + DEAD_MAN_MS).catch(() => {});
	const until = clock.uptimeMs() + holdMs;
	for (;;) {
		const leftMs = until - clock.uptimeMs();
		if (leftMs <= 0 || held.every((end) => end.isUp)) return held;
		await clock.sleep(Math.min(leftMs, HOLD_STEP_MS), noSignal());
		await keepMailDown(run, HELD_MAIL_STARTED);
		for (const [index, end] of held.entries())
			if (!end.isUp && (await comesUp(run, entryOf(run, end.signer))).isUp)
				held[index] = { ...end, isUp: true };
	}
}

async function mustHold(run: SwitchRun, ended: readonly Ended[]): Promise<boolean> {
	if (ended.every(({ isUp }) => isUp)) return false;
	await noteStarted(run).catch((error: unknown) => {
		run.context.log.error("what runs cannot be noted", { error: asKeyturnError(error).message });
	});
	if (run.journal.mail.every(({ units }) => units.length === 0)) return false;
	for (const end of ended) if (!end.isUp && !(await run.context.defersMail(end.signer))) return true;
	return false;
}

async function proveRest(run: SwitchRun, end: Ended, renderPart: RenderPart): Promise<Ended> {
	if (end.rest.length === 0) return end;
	const proven = await prove(run, entryOf(run, end.signer), end.rest, renderPart);
	return { ...proven, unproven: [...end.unproven, ...proven.unproven] };
}

function ending(
	entry: JournalSigner,
	standing: Stand["standing"],
	reason: string | null,
	rest: Partial<Omit<Ended, "signer" | "standing" | "reason">> & { readonly isUp: boolean },
): Ended {
	return {
		unproven: [],
		rest: [],
		...rest,
		signer: entry.signer,
		standing: standing === "partial" ? "after" : standing,
		reason,
		leftOut: standing === "before" ? [] : (entry.partial?.leftOut ?? []),
	};
}

function wanted(entry: JournalSigner): readonly ProbedKey[] {
	const leftOut = entry.partial?.leftOut ?? [];
	return entry.expectations.filter(
		({ domain, selector }) => !leftOut.some((key) => key.domain === domain && key.selector === selector),
	);
}

function sentence(failing: readonly LeftOut[]): string {
	return failing.map(({ domain, selector, reason }) => `${selector} of ${domain}: ${reason}`).join("; ");
}
