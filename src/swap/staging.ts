/** Stages a switch: keys checked and placed, tables rendered, one message per key signed offline; nothing live is touched. */

import { isForeignSelector, isSelector, parseDomain } from "../dkim/names.ts";
import { hashOf, RIGHTS } from "../durable.ts";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { DoorAnswer, RefusedAnswer, SignedMessage, StageChange } from "../ports/door.ts";
import type { RenderedFile, SignExpectation, Signer, SignerReading } from "../ports/signer.ts";
import { isGivenTo, makeDirectories, signerNamed, type SwapContext } from "./context.ts";
import { mismatch } from "./evidence.ts";
import { type Groups, groupsOf } from "./groups.ts";
import { keyPlace } from "./key-places.ts";
import { hashOfKey, mayPlace, placeKey, readKey } from "./keys.ts";
import { enter, isSameKey, type LedgerKey, readLedger, writeLedger } from "./ledger.ts";
import { refuseSameTable } from "./one-table.ts";
import { isRefused, ofSigner, refuse, refuseFailure } from "./refusal.ts";
import {
	giveUp,
	readStaged,
	removeScratch,
	type StagedChange,
	type StagedSwitch,
	writeStaged,
} from "./staged-switch.ts";
import { keptPath, stagedPath } from "./table-files.ts";

interface PlannedSigner {
	readonly signer: string;
	readonly reading: SignerReading;
	readonly changes: readonly StagedChange[];
	readonly rendered: readonly RenderedFile[];
	/** Keys to be placed. */
	readonly placed: readonly {
		readonly domain: string;
		readonly selector: string;
		readonly path: string;
		readonly key: string;
	}[];
}

export async function stage(
	context: SwapContext,
	id: string,
	changes: readonly StageChange[],
): Promise<DoorAnswer> {
	await makeDirectories(context);
	const faults = refuseUnfit(context, changes);
	if (faults !== null) return faults;
	const ledger = await readLedger(context);
	const planned: PlannedSigner[] = [];
	for (const name of new Set(changes.map((change) => change.signer))) {
		const plan = await planSigner(
			context,
			ledger,
			name,
			changes.filter((change) => change.signer === name),
		);
		if (isRefused(plan)) return ofSigner(name, changes, plan);
		const shared = refuseSameTable(planned, plan);
		if (shared !== null) return ofSigner(name, changes, shared);
		planned.push(plan);
	}
	const unlike = await refuseOther(context, id, planned);
	if (unlike !== null) return unlike;
	try {
		const answer = await carryOut(context, id, ledger, planned);
		if (isRefused(answer)) await abandon(context, id, planned);
		return answer;
	} catch (error) {
		await abandon(context, id, planned);
		throw error;
	}
}

function refuseUnfit(context: SwapContext, changes: readonly StageChange[]): RefusedAnswer | null {
	if (changes.length === 0) return refuse("invalid", "nothing to stage: the list of changes is empty");
	const seen = new Set<string>();
	for (const { signer, domain, from, to } of changes) {
		const why =
			parseDomain(domain) === domain
				? whyUnfit(context, seen, { signer, domain, from, to })
				: "no domain name";
		if (why !== null) return refuse("invalid", `${domain}: ${why}`, { domains: [domain] });
	}
	return null;
}

function whyUnfit(
	context: SwapContext,
	seen: Set<string>,
	{ signer, domain, from, to }: StageChange,
): string | null {
	if (!isGivenTo(context, domain, signer) || !context.signers.has(signer))
		return `keyturn.yaml does not give it to signer ${signer}`;
	if (from === null && to === null) return "it changes nothing";
	if (from !== null && !isForeignSelector(from)) return `${JSON.stringify(from.slice(0, 80))} is no selector`;
	if (to !== null && !isSelector(to.selector))
		return `${JSON.stringify(to.selector.slice(0, 80))} is no selector`;
	for (const selector of [from, to?.selector ?? null]) {
		if (selector === null) continue;
		const name = JSON.stringify([signer, domain, selector]);
		if (seen.has(name)) return `selector ${selector} stands twice`;
		seen.add(name);
	}
	return to === null || to.key === null ? null : mismatch(to.key, to.record);
}

async function planSigner(
	context: SwapContext,
	ledger: readonly LedgerKey[],
	name: string,
	changes: readonly StageChange[],
): Promise<PlannedSigner | RefusedAnswer> {
	const { signer } = signerNamed(context, name);
	const domains = changes.map((change) => change.domain);
	try {
		const reading = await signer.read();
		const groups = groupsOf(context, name, reading);
		const planned: StagedChange[] = [];
		const placed: PlannedSigner["placed"][number][] = [];
		for (const change of changes) {
			const { domain, from, to } = change;
			if (to === null) {
				planned.push({ domain, from, to: null });
				continue;
			}
			const keyPath = await findPath(context, ledger, { reading, groups, changes }, change).catch(
				(error: unknown) => refuseFailure(error, [domain]),
			);
			if (isRefused(keyPath)) return keyPath;
			planned.push({ domain, from, to: { selector: to.selector, record: to.record, keyPath: keyPath.path } });
			if (to.key !== null)
				placed.push({
					domain,
					selector: to.selector,
					path: keyPath.path,
					key: keyFileOf(signer, to.key),
				});
		}
		const idle = refuseIdle(reading, planned);
		if (idle !== null) return idle;
		const rendered = renderChanged(context, name, reading, planned);
		if (isRefused(rendered)) return rendered;
		if (rendered.length === 0)
			return refuse("table_changed", `signer ${name}: the table stands as asked already`, { domains });
		return { signer: name, reading, changes: planned, rendered, placed };
	} catch (error) {
		return refuseFailure(error, domains);
	}
}

function keyFileOf(signer: Signer, pem: string): string {
	return signer.keyFile?.(pem) ?? pem;
}

/** Where the key is or will be; a file of somebody else's is never taken for it. */
async function findPath(
	context: SwapContext,
	ledger: readonly LedgerKey[],
	{
		reading,
		groups,
		changes,
	}: {
		readonly reading: SignerReading;
		readonly groups: Groups;
		readonly changes: readonly StageChange[];
	},
	{ signer: name, domain, from, to }: StageChange,
): Promise<{ readonly path: string } | RefusedAnswer> {
	if (to === null) throw new KeyturnError("bug", "a change that takes lines out has no key");
	const { signer } = signerNamed(context, name);
	const sought = { signer: name, domain, selector: to.selector };
	if (to.key !== null) {
		const key = keyFileOf(signer, to.key);
		const hash = hashOfKey(key);
		const leader = groups.leaderOf(domain, from);
		const placeUnder = (home: string) => keyPlace(signer, ledger, { ...sought, domain: home, hash });
		const leaders = placeUnder(leader);
		// Whose key is another than the leader's has a file of its own.
		const isShared =
			changes.some((other) => other.domain === leader && other.to?.key === to.key) ||
			ledger.some((known) => known.path === leaders && known.hash === hash);
		const path = isShared ? leaders : placeUnder(domain);
		const isOurs = ledger.some(
			(known) =>
				known.path === path && known.origin === "made" && (isSameKey(known, sought) || known.hash === hash),
		);
		if (await mayPlace(context.disk, { path, key, isOurs })) return { path };
		return refuse("unsafe", `${path}: expected no file, found one that this key did not make`, {
			domains: [domain],
			hint: "move it away, or choose another selector",
		});
	}
	const placed = ledger.filter((key) => key.domain === domain && key.selector === to.selector);
	return findPlaced(context, sought, to.record, [
		...placed.filter((key) => key.signer === name).map((key) => key.path),
		// It was placed while the domain had another signer, or its signer another name.
		...placed.filter((key) => key.signer !== name).map((key) => key.path),
		...reading.lines
			.filter((line) => line.domain === domain && line.selector === to.selector)
			.map((line) => line.keyPath),
	]);
}

/** A name of a ring stands for one key after the other: the first file whose key the record is of. */
async function findPlaced(
	{ disk }: SwapContext,
	{ domain, selector }: { readonly domain: string; readonly selector: string },
	record: string,
	paths: readonly string[],
): Promise<{ readonly path: string } | RefusedAnswer> {
	let fault: string | null = null;
	for (const path of paths) {
		const key = await readKey(disk, path);
		if (key === null) continue;
		const why = mismatch(key, record);
		if (why === null) return { path };
		fault ??= `${path}: ${why}`;
	}
	if (fault !== null) return refuse("invalid", fault, { domains: [domain] });
	return refuse("invalid", `${selector} of ${domain}: no key was given and none is here`, {
		domains: [domain],
		hint: "give the key",
	});
}

/** What cannot be rendered is tried change by change: one domain's lines must not keep the others from turning. */
function renderChanged(
	context: SwapContext,
	name: string,
	reading: SignerReading,
	changes: readonly StagedChange[],
): readonly RenderedFile[] | RefusedAnswer {
	const { signer } = signerNamed(context, name);
	try {
		return signer.render(reading, changes).filter((file) => hashOf(file.bytes) !== file.hashBefore);
	} catch (error) {
		const alone = changes.filter((change) => {
			try {
				signer.render(reading, [change]);
				return false;
			} catch {
				return true;
			}
		});
		const culprits = alone.length === 0 ? changes : alone;
		return refuseFailure(
			error,
			culprits.map(({ domain }) => domain),
		);
	}
}

/** A key whose line nothing uses would be changed without effect, and nothing could be signed to prove its successor. */
function refuseIdle({ lines }: SignerReading, changes: readonly StagedChange[]): RefusedAnswer | null {
	const idle = changes.filter(({ domain, from, to }) => {
		const named = lines.filter((line) => line.domain === domain && line.selector === from);
		return to !== null && named.length > 0 && named.every((line) => line.problem === null && !line.signs);
	});
	if (idle.length === 0) return null;
	const what = idle.map(
		({ domain, from }) => `${domain}: its line with ${from ?? "no selector"} signs nothing`,
	);
	return refuse("failed", what.join("; "), {
		domains: idle.map(({ domain }) => domain),
		hint: "put its line back into the signing table, or take the domain's line out of the key table as well",
	});
}

/** A file that is itself a mount, or immutable, cannot be renamed over; the kernel tells by refusing a hard link to it, too. */
async function findMount({ disk }: SwapContext, rendered: readonly RenderedFile[]): Promise<string | null> {
	for (const { path } of rendered) {
		const probe = keptPath(path);
		try {
			await disk.unlink(probe);
			await disk.link(path, probe);
			await disk.unlink(probe);
		} catch (error) {
			const errno = error instanceof KeyturnError ? error.errno : null;
			if (errno !== "EXDEV" && errno !== "EPERM") throw error;
			return `${path}: ${errno} at a hard link to it: it is a mount of its own, is immutable or append-only (lsattr), or its file system has no hard links; it cannot be replaced safely`;
		}
	}
	return null;
}

/** The same id again has to be the same switch. */
async function refuseOther(
	context: SwapContext,
	id: string,
	planned: readonly PlannedSigner[],
): Promise<RefusedAnswer | null> {
	const before = await readStaged(context, id);
	if (before === null || changesOf(before.signers) === changesOf(planned)) return null;
	return refuse("invalid", `${id}: another switch was staged under this id`, { hint: "use a new id" });
}

function changesOf(
	signers: readonly { readonly signer: string; readonly changes: readonly unknown[] }[],
): string {
	return JSON.stringify(signers.map(({ signer, changes }) => [signer, changes]));
}

async function carryOut(
	context: SwapContext,
	id: string,
	ledger: readonly LedgerKey[],
	planned: readonly PlannedSigner[],
): Promise<DoorAnswer> {
	const staged = describe(id, planned);
	// The ledger before the files: a file that a crash cuts short is known to be ours.
	await writeStaged(context, staged);
	await writeLedger(context, enter(ledger, ledgerKeys(id, planned, ledger)));
	const messages: SignedMessage[] = [];
	for (const plan of planned) {
		const signed = await placeAndSign(context, plan).catch((error: unknown) => refuseFailure(error));
		if (isRefused(signed)) return ofSigner(plan.signer, planned, signed);
		messages.push(...signed);
	}
	await removeScratch(context, staged.scratch);
	await writeStaged(context, { ...staged, isComplete: true });
	const tableHashes = Object.fromEntries(planned.map(({ signer, reading }) => [signer, reading.tableHash]));
	return { act: "stage", id, messages, tableHashes };
}

async function placeAndSign(
	context: SwapContext,
	plan: PlannedSigner,
): Promise<readonly SignedMessage[] | RefusedAnswer> {
	const mount = await findMount(context, plan.rendered);
	if (mount !== null) return refuse("invalid", mount, { domains: plan.changes.map(({ domain }) => domain) });
	return (await placeKeys(context, plan)) ?? signOffline(context, plan);
}

function describe(id: string, planned: readonly PlannedSigner[]): StagedSwitch {
	return {
		schema: 1,
		id,
		isComplete: false,
		signers: planned.map(({ signer, reading, changes, rendered }) => ({
			signer,
			tableHash: reading.tableHash,
			changes,
			files: rendered.map(({ path, bytes }) => ({ path, hashAfter: hashOf(bytes) })),
		})),
		scratch: planned.flatMap(({ rendered }) =>
			rendered.flatMap(({ path }) => [stagedPath(path), keptPath(path)]),
		),
	};
}

/** A key of an older id that was not dropped belongs to this one now, unless it has been live. */
function ledgerKeys(
	id: string,
	planned: readonly PlannedSigner[],
	ledger: readonly LedgerKey[],
): readonly LedgerKey[] {
	return planned.flatMap(({ signer, placed }) =>
		placed.map(({ domain, selector, path, key }) => {
			const wasLive = ledger.some((known) => known.path === path && known.wasLive);
			return { signer, domain, selector, path, origin: "made" as const, id, hash: hashOfKey(key), wasLive };
		}),
	);
}

async function placeKeys(context: SwapContext, plan: PlannedSigner): Promise<RefusedAnswer | null> {
	const { signer } = signerNamed(context, plan.signer);
	for (const { domain, path, key } of plan.placed) {
		try {
			await placeKey(context.disk, { path, key, isOurs: true }, plan.reading.owner);
		} catch (error) {
			return refuseFailure(error, [domain]);
		}
	}
	for (const { domain, to } of plan.changes) {
		const why = to === null ? null : await signer.unsafe(to.keyPath, plan.reading);
		if (why !== null) return refuse("unsafe", `${to?.keyPath ?? domain}: ${why}`, { domains: [domain] });
	}
	return null;
}

async function signOffline(
	context: SwapContext,
	plan: PlannedSigner,
): Promise<readonly SignedMessage[] | RefusedAnswer> {
	const { signer } = signerNamed(context, plan.signer);
	const expectations = plan.changes.flatMap(({ domain, to }) =>
		to === null ? [] : [{ domain, selector: to.selector, record: to.record }],
	);
	if (expectations.length === 0) return [];
	for (const file of plan.rendered) await writeBeside(context, file);
	const files = new Map(plan.rendered.map(({ path }) => [path, stagedPath(path)]));
	const signed = await signer
		.signOffline(files, expectations, plan.reading)
		.catch(async (error: unknown) => refuseUnsigned(signer, plan.reading, files, { expectations, error }));
	if (isRefused(signed)) return signed;
	if (signed.length !== expectations.length)
		throw new KeyturnError(
			"signer.config",
			`signer ${plan.signer}: expected ${expectations.length} signed messages, got ${signed.length}`,
		);
	return expectations.map(({ domain, selector }, index) => ({
		signer: plan.signer,
		domain,
		selector,
		message: signed[index] ?? "",
	}));
}

/** Each message is tried alone: one domain that nothing signs for must not keep the others from turning. */
async function refuseUnsigned(
	signer: Signer,
	reading: SignerReading,
	files: ReadonlyMap<string, string>,
	{ expectations, error }: { readonly expectations: readonly SignExpectation[]; readonly error: unknown },
): Promise<RefusedAnswer> {
	// Whoever hangs would be waited for at each of them.
	if (expectations.length === 1 || asKeyturnError(error).code === "program.timeout")
		return refuseFailure(error, expectations.length === 1 ? domainsOf(expectations) : []);
	const failures: { readonly domain: string; readonly thrown: unknown }[] = [];
	for (const one of expectations)
		await signer.signOffline(files, [one], reading).catch((thrown: unknown) => {
			failures.push({ domain: one.domain, thrown });
		});
	const [first] = failures;
	if (first === undefined || failures.length === expectations.length) return refuseFailure(error);
	return refuseFailure(first.thrown, domainsOf(failures));
}

function domainsOf(all: readonly { readonly domain: string }[]): readonly string[] {
	return all.map(({ domain }) => domain);
}

/** Beside the live table with its owner and mode: the signer's user can read it there, in the door's directory it cannot. */
async function writeBeside({ disk }: SwapContext, { path, bytes }: RenderedFile): Promise<void> {
	const live = await disk.stat(path);
	await disk.unlink(stagedPath(path));
	const file = await disk.create(stagedPath(path), 0o600);
	if (file === "exists" || live === null)
		throw new KeyturnError("disk.failed", `${stagedPath(path)}: somebody else changes this directory`);
	await file.chown({ uid: live.uid, gid: live.gid });
	await file.chmod(live.mode & RIGHTS);
	await file.write(bytes);
	await file.close();
}

/** Nothing of a refused staging stays. */
async function abandon(context: SwapContext, id: string, planned: readonly PlannedSigner[]): Promise<void> {
	const livePaths = new Set(planned.flatMap(({ reading }) => reading.lines.map((line) => line.keyPath)));
	try {
		await giveUp(context, id, livePaths);
	} catch (error) {
		context.log.warn("a refused staging could not be removed; the next one with this id or drop does it", {
			id,
			error: String(error),
		});
	}
}
