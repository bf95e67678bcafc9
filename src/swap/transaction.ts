/** Commits a staged switch: everything checked again, then stop, rename, start, prove; its result is kept for good. */

import { hashOf } from "../durable.ts";
import { asKeyturnError } from "../errors.ts";
import type { DoorAnswer, Evidence, RefusedAnswer, SwitchResult } from "../ports/door.ts";
import type { ProbedKey, RenderedFile, SignerReading } from "../ports/signer.ts";
import { signerNamed, type SwapContext, timestamp } from "./context.ts";
import { conclude } from "./conclusion.ts";
import { groupsOf } from "./groups.ts";
import {
	endSwitch,
	type RenderPart,
	restartedFirst,
	type Stand,
	startAnyway,
	stopStarted,
} from "./ending.ts";
import { mismatch, staleness } from "./evidence.ts";
import type { Journal, JournalSigner, RanService } from "./journal.ts";
import { writeJournal } from "./journal.ts";
import { readKey } from "./keys.ts";
import { enter, isSameKey, type LedgerKey, readLedger, writeLedger } from "./ledger.ts";
import { lookAtService, refuseByHost, refuseByPreflight } from "./preflight.ts";
import { isRefused, ofSigner, refuse, refuseFailure } from "./refusal.ts";
import { readStaged, type StagedSigner, type StagedSwitch } from "./staged-switch.ts";
import { beginRun, DEAD_MAN_MS, type SwitchRun, stopMail } from "./switch-run.ts";
import { keptPath, putInPlace, repairFiles } from "./table-files.ts";

export interface CommitRequest {
	readonly id: string;
	readonly tableHashes: Readonly<Record<string, string>>;
	readonly evidence: readonly Evidence[];
}

interface Plan {
	readonly staged: StagedSigner;
	readonly reading: SignerReading;
	readonly rendered: readonly RenderedFile[];
	readonly ran: RanService;
}

export async function commit(context: SwapContext, request: CommitRequest): Promise<DoorAnswer> {
	const staged = await readStaged(context, request.id);
	if (staged === null || !staged.isComplete)
		return refuse("unknown_id", `${request.id}: nothing is staged under this id`, { hint: "stage again" });
	const byHost = await refuseByHost(context);
	if (byHost !== null) return byHost;
	const plans = await planSigners(context, staged, request);
	if (isRefused(plans)) return plans;
	const stale = refuseStale(context, staged, request);
	if (stale !== null) return stale;
	const found = await lookAtMail(context, staged);
	if (isRefused(found)) return found;
	const signers = plans.map((plan) => describeSigner(context, plan));
	const mail = signers.some(mustStop) ? await hearMail(context, found) : found;
	await recordInLedger(context, request.id, plans);
	await context.services.armDeadMan(DEAD_MAN_MS);
	const run = beginRun(context, describe(context, request.id, signers, mail), false);
	await writeJournal(context, run.journal);
	try {
		return { act: "commit", result: await carryOut(run, plans) };
	} catch (error) {
		context.log.error("a switch was begun, and its end could not be kept", {
			error: asKeyturnError(error).message,
		});
		return { ...refuseFailure(error), why: "unsettled" };
	}
}

async function carryOut(run: SwitchRun, plans: readonly Plan[]): Promise<SwitchResult> {
	const stands = await switchFiles(run, plans).catch(async (error: unknown) => {
		await startAnyway(run);
		throw error;
	});
	const ended = await endSwitch(run, stands, partRenderer(run.context, plans), restartedFirst(run.journal));
	return conclude(run, ended);
}

async function planSigners(
	context: SwapContext,
	staged: StagedSwitch,
	request: CommitRequest,
): Promise<readonly Plan[] | RefusedAnswer> {
	const plans: Plan[] = [];
	for (const entry of staged.signers) {
		const plan = await planSigner(context, entry, request.tableHashes[entry.signer] ?? null);
		if (isRefused(plan)) return ofSigner(entry.signer, staged.signers, plan);
		plans.push(plan);
	}
	return plans;
}

async function planSigner(
	context: SwapContext,
	staged: StagedSigner,
	tableHash: string | null,
): Promise<Plan | RefusedAnswer> {
	const domains = staged.changes.map((change) => change.domain);
	try {
		const { signer, services } = signerNamed(context, staged.signer);
		const reading = await signer.read();
		if (tableHash !== staged.tableHash || reading.tableHash !== tableHash)
			return refuse("table_changed", `signer ${staged.signer}: the table is not the one staged on`, {
				domains,
			});
		const rendered = render(context, reading, staged, staged.changes);
		if (!isAsStaged(staged, rendered))
			return refuse("table_changed", `signer ${staged.signer}: it renders differently from what was staged`, {
				domains,
			});
		const fault = await findKeyFault(context, staged);
		if (fault !== null) return fault;
		const look = await lookAtService(context, signer.service);
		if (isRefused(look)) return look;
		const refusal = await refuseByPreflight(context, staged.signer, reading, look.instances, services.stop);
		return refusal ?? { staged, reading, rendered, ran: look.ran };
	} catch (error) {
		return refuseFailure(error, domains);
	}
}

function render(
	context: SwapContext,
	reading: SignerReading,
	{ signer }: StagedSigner,
	changes: StagedSigner["changes"],
): readonly RenderedFile[] {
	return signerNamed(context, signer)
		.signer.render(reading, changes)
		.filter((file) => hashOf(file.bytes) !== file.hashBefore);
}

function isAsStaged({ files }: StagedSigner, rendered: readonly RenderedFile[]): boolean {
	return (
		files.length === rendered.length &&
		rendered.every(
			({ path, bytes }, index) => files[index]?.path === path && files[index]?.hashAfter === hashOf(bytes),
		)
	);
}

/** Between stage and commit days may lie. */
async function findKeyFault(context: SwapContext, { changes }: StagedSigner): Promise<RefusedAnswer | null> {
	for (const { domain, to } of changes) {
		if (to === null) continue;
		const key = await readKey(context.disk, to.keyPath).catch((error: unknown) =>
			refuseFailure(error, [domain]),
		);
		if (key !== null && typeof key !== "string") return key;
		const why = key === null ? "it is gone" : mismatch(key, to.record);
		if (why !== null)
			return refuse("unknown_id", `${to.keyPath}: ${why}`, { domains: [domain], hint: "stage again" });
	}
	return null;
}

function refuseStale(
	context: SwapContext,
	staged: StagedSwitch,
	request: CommitRequest,
): RefusedAnswer | null {
	const domains: string[] = [];
	const reasons: string[] = [];
	for (const { domain, to } of staged.signers.flatMap((entry) => entry.changes)) {
		if (to === null) continue;
		const why = staleness({ domain, ...to }, request.evidence, context.clock.now());
		if (why === null) continue;
		domains.push(domain);
		reasons.push(why);
	}
	if (domains.length === 0) return null;
	return refuse("stale_evidence", reasons.join("; "), { domains, hint: "ask every server again" });
}

async function lookAtMail(
	context: SwapContext,
	staged: StagedSwitch,
): Promise<readonly RanService[] | RefusedAnswer> {
	const mail: RanService[] = [];
	for (const service of mailOf(context, staged.signers, "stop")) {
		const look = await lookAtService(context, service);
		if (isRefused(look)) return look;
		mail.push(look.ran);
	}
	return mail;
}

/** Whether each answers before it is stopped: one that does not will not do so afterwards, however well it runs. */
async function hearMail(
	{ services, log }: SwapContext,
	mail: readonly RanService[],
): Promise<readonly RanService[]> {
	const heard: RanService[] = [];
	for (const ran of mail) {
		const wasSilent = ran.units.length > 0 && !(await services.answers(ran.service));
		if (wasSilent) log.warn("the mail server runs and does not answer", { service: ran.service });
		heard.push(wasSilent ? { ...ran, wasSilent } : ran);
	}
	return heard;
}

/** All services but the signers' own, each once: several signers share one stop. */
function mailOf(
	context: SwapContext,
	entries: readonly { readonly signer: string }[],
	order: "stop" | "start",
): readonly string[] {
	const own = new Set([...context.signers.values()].flatMap(({ services }) => services.stop.slice(-1)));
	const names = entries.flatMap((entry) => signerNamed(context, entry.signer).services[order]);
	return [...new Set(names)].filter((name) => !own.has(name));
}

/** Written before any table names the keys: from now on none of them may be given up. */
async function recordInLedger(context: SwapContext, id: string, plans: readonly Plan[]): Promise<void> {
	const ledger = await readLedger(context);
	const entries: LedgerKey[] = [];
	for (const { staged, reading } of plans)
		for (const { domain, from, to } of staged.changes) {
			const placed = ledger.filter((key) => key.path === to?.keyPath && key.origin === "made");
			const made = placed.find((key) => key.domain === domain) ?? placed[0];
			if (made !== undefined) entries.push({ ...made, wasLive: true });
			const old = reading.lines.find((line) => line.domain === domain && line.selector === from);
			if (old === undefined) continue;
			const key = { signer: staged.signer, domain, selector: old.selector };
			if (ledger.some((known) => isSameKey(known, key))) continue;
			entries.push({ ...key, path: old.keyPath, origin: "found", id, hash: null, wasLive: true });
		}
	await writeLedger(context, enter(ledger, entries));
}

function describe(
	context: SwapContext,
	id: string,
	signers: readonly JournalSigner[],
	mail: readonly RanService[],
): Journal {
	return {
		schema: 1,
		id,
		startedAt: timestamp(context),
		mail,
		mailStart: mailOf(context, signers, "start"),
		stopsMail: signers.some(mustStop),
		signers,
		owed: [],
	};
}

function describeSigner(context: SwapContext, { staged, reading, rendered, ran }: Plan): JournalSigner {
	const groups = groupsOf(context, staged.signer, reading);
	return {
		signer: staged.signer,
		swap: signerNamed(context, staged.signer).signer.swap,
		ran,
		files: rendered.map(({ path, hashBefore, bytes }) => ({
			path,
			hashBefore,
			hashAfter: hashOf(bytes),
			kept: keptPath(path),
		})),
		expectations: staged.changes.flatMap(probedKey),
		changes: staged.changes.map(({ domain, from, to }) => {
			const change = { domain, from, selector: to?.selector ?? null };
			const group = groups.nameOf(domain, from);
			return group === null ? change : { ...change, group };
		}),
		partial: null,
		rollBack: null,
	};
}

function probedKey({ domain, from, to }: StagedSigner["changes"][number]): readonly ProbedKey[] {
	if (to !== null) return [{ domain, selector: to.selector, record: to.record }];
	return from === null ? [] : [{ domain, selector: from, record: null }];
}

/** A signer that does not run signs nothing: its table is changed without an outage. */
function mustStop(entry: JournalSigner): boolean {
	return entry.swap === "restart" && entry.ran.units.length > 0;
}

async function switchFiles(run: SwitchRun, plans: readonly Plan[]): Promise<ReadonlyMap<string, Stand>> {
	const stopped = run.journal.signers.filter(mustStop);
	const why = stopped.length === 0 ? null : await stopAll(run, stopped);
	const stands = new Map<string, Stand>();
	for (const entry of run.journal.signers) {
		const rendered = plans.find((plan) => plan.staged.signer === entry.signer)?.rendered ?? [];
		const isHeld = why !== null && mustStop(entry);
		stands.set(
			entry.signer,
			isHeld ? { standing: "before", reason: why } : await switchSigner(run, entry, rendered),
		);
	}
	return stands;
}

/** Null if all is down; otherwise why not, and no file is touched. */
async function stopAll(run: SwitchRun, entries: readonly JournalSigner[]): Promise<string | null> {
	try {
		await stopMail(run);
		run.stoppedAtMs ??= run.context.clock.uptimeMs();
		for (const { ran } of entries) await run.context.services.stop(ran.service, ran.units);
		return null;
	} catch (error) {
		run.context.log.error("could not stop for the switch", { error: asKeyturnError(error).message });
		return asKeyturnError(error).message;
	}
}

async function switchSigner(
	run: SwitchRun,
	entry: JournalSigner,
	rendered: readonly RenderedFile[],
): Promise<Stand> {
	const { disk, log } = run.context;
	try {
		if ((await putInPlace(disk, entry, rendered)) === "changed")
			return { standing: "conflict", reason: "the table was changed between the check and the switch" };
		await stopStarted(run, entry);
		return { standing: "after", reason: null };
	} catch (error) {
		const reason = asKeyturnError(error).message;
		log.error("the switch of the table failed", { signer: entry.signer, error: reason });
		return { standing: await repairFiles(disk, entry), reason };
	}
}

/** A part alone may be nothing that the signer could work with: then all goes back. */
function renderedOrNull(render: () => readonly RenderedFile[]): readonly RenderedFile[] | null {
	try {
		return render();
	} catch {
		return null;
	}
}

/** Rendered from the table before, so that the lines left out stand exactly as they stood. */
function partRenderer(context: SwapContext, plans: readonly Plan[]): RenderPart {
	return (name, leftOut) => {
		const plan = plans.find((candidate) => candidate.staged.signer === name);
		const changes = plan?.staged.changes.filter(
			({ domain, from, to }) =>
				!leftOut.some((key) => key.domain === domain && key.selector === (to?.selector ?? from)),
		);
		if (plan === undefined || changes === undefined || changes.length === 0) return null;
		const rendered = renderedOrNull(() => render(context, plan.reading, plan.staged, changes));
		if (rendered === null) return null;
		const bytesBefore = new Map(plan.reading.files.map(({ path, bytes }) => [path, bytes]));
		return new Map(
			plan.rendered.map(({ path }) => {
				const bytes = rendered.find((file) => file.path === path)?.bytes ?? bytesBefore.get(path);
				return [path, bytes ?? new Uint8Array()];
			}),
		);
	};
}
