/** Puts the records of pending keys into their zones, one call per provider and zone. */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { ChangeResult, DnsProvider } from "../ports/dns-provider.ts";
import { editKey, type KeyEntry, keyOf, moveKey, type Owed } from "../rotation/domain-state.ts";
import { givenUpBefore } from "../rotation/given-up.ts";
import { askToMake } from "./by-hand.ts";
import { CAUSES } from "./causes.ts";
import { changeFailure } from "./change-code.ts";
import { unchecked } from "./fitness.ts";
import { supersede } from "./make.ts";
import { writersOf } from "./writers.ts";
import { zoneHolding } from "./zone-holding.ts";
import { meanwhile } from "./meanwhile.ts";
import { each, type Job, type Run, SIDE_BY_SIDE } from "./run.ts";

interface Publication {
	readonly job: Job<"publish">;
	readonly key: KeyEntry;
	readonly provider: DnsProvider;
	readonly zone: string;
}

export async function publish(run: Run, jobs: readonly Job<"publish">[]): Promise<void> {
	const located: Publication[] = [];
	/** Whoever does not answer for one domain would be waited for at each of the others. */
	const silent = new Map<string, KeyturnError>();
	for (const job of jobs) located.push(...(await locate(run, job, silent)));
	const taken: Publication[] = [];
	for (const group of groupBy(located, groupKey).values())
		taken.push(...(await publishGroup(run, group.filter(isWanted))));
	const done = [...new Set(taken.map((publication) => publication.job))];
	await each(done, SIDE_BY_SIDE, async (job) => {
		const ofJob = (publication: Publication): boolean => publication.job === job;
		await settlePublished(run, taken.filter(ofJob), located.filter(ofJob).length);
	});
}

/** Where one provider finds its name taken, the others are not asked any more. */
function isWanted({ job, key }: Publication): boolean {
	return keyOf(job.doc.state, key.selector)?.state === "pending";
}

/** The publications that the provider took. */
async function publishGroup(run: Run, group: readonly Publication[]): Promise<readonly Publication[]> {
	const [first] = group;
	if (first === undefined) return [];
	const changes = group.map(({ key }) => ({
		kind: "add" as const,
		name: key.record.owner,
		value: key.record.value,
		ttlSeconds: Math.max(key.record.ttlSeconds, first.provider.limits.minTtlSeconds),
	}));
	let results: readonly ChangeResult[];
	try {
		results = await first.provider.change(first.zone, changes, run.signal);
	} catch (thrown) {
		for (const { job, provider } of group) {
			const error = run.fail(job.doc, job.step, thrown);
			await failed(run, job, provider.name, error);
		}
		return [];
	}
	const taken: Publication[] = [];
	for (const [index, publication] of group.entries()) {
		const result = results[index] ?? { kind: "unknown", why: "the provider gave no result" };
		if (await isTaken(run, publication, result)) taken.push(publication);
	}
	return taken;
}

async function isTaken(run: Run, publication: Publication, result: ChangeResult): Promise<boolean> {
	const { job, provider } = publication;
	const { doc, step } = job;
	try {
		switch (result.kind) {
			case "done":
				await run.end(CAUSES.publish(provider.name), doc.policy.domain);
				await run.end(CAUSES.denied(provider.name), doc.policy.domain);
				await askByHand(run, publication);
				return true;
			case "occupied":
				await takeNext(run, publication);
				return false;
			case "refused":
			case "unknown":
				await failed(run, job, provider.name, run.fail(doc, step, changeFailure(result, result.why)));
				return false;
		}
	} catch (thrown) {
		run.fail(doc, step, thrown);
		return false;
	}
}

/** The next name at once; where that is taken as well, though the name servers had nothing there, with ever more patience. */
async function takeNext(run: Run, { job, key, provider }: Publication): Promise<void> {
	const { doc, step } = job;
	const reason = `something else stands at ${key.record.owner}`;
	const before = givenUpBefore(doc.state, key);
	if ((key.owes?.tries ?? 0) >= before) {
		await supersede(run, doc, key.selector, reason);
		run.done(doc, step);
		return;
	}
	const error = new KeyturnError(
		"provider.refused",
		`${provider.name}: ${reason}, and stood at the ${before === 1 ? "name" : `${before} names`} before it, though no name server served it`,
		{ retry: true, hint: `${meanwhile(doc.state)}; see what ${provider.name} has below _domainkey` },
	);
	await failed(run, job, provider.name, run.fail(doc, step, error));
}

/** Somebody makes the record, unless it stands there already. */
async function askByHand(run: Run, { job, key, provider, zone }: Publication): Promise<void> {
	if (provider.byHand === undefined) return;
	const { owner, value } = key.record;
	if ((await provider.list(zone, owner, run.signal)).includes(value)) return;
	await askToMake(run, job.doc, key, { where: provider.byHand.where, missing: null });
}

/** A zone with several DNS hosts has the record when all of them do; the others are asked again until then. */
async function settlePublished(run: Run, taken: readonly Publication[], wanted: number): Promise<void> {
	const [first] = taken;
	if (first === undefined || !isWanted(first)) return;
	const { doc, step } = first.job;
	if (taken.length < wanted) return;
	try {
		await published(
			run,
			first,
			taken.map(({ provider }) => provider.name),
		);
	} catch (thrown) {
		run.fail(doc, step, thrown);
	}
}

async function published(
	run: Run,
	{ job, key, zone }: Publication,
	providers: readonly string[],
): Promise<void> {
	const { doc, step } = job;
	const { domain } = doc.policy;
	const now = run.now();
	if (key.lookingSince === null)
		await run.tell("published", {
			severity: "info",
			domains: [domain],
			selector: key.selector,
			summary: `${domain}: the record of ${key.selector} is published in ${zone} through ${providers.join(" and ")}`,
			detail: `${key.record.owner} TXT ${key.record.value}`,
			hint: null,
		});
	else run.ports.log.warn("a record that was lost is published again", { owner: key.record.owner, zone });
	const state = moveKey(doc.state, key.selector, "published", now, {
		// However often it is lost, the wait for the servers is one.
		lookingSince: key.lookingSince ?? now.toISOString(),
		rightSince: null,
		record: { ...key.record, zone, providers: [...providers, ...publishedBefore(key, providers)] },
	});
	await run.save(doc, state);
	run.done(doc, step);
}

/** Where it was published once and may stand still: its zone has moved in the middle of the turn. */
function publishedBefore({ record, lookingSince }: KeyEntry, now: readonly string[]): readonly string[] {
	return lookingSince === null ? [] : record.providers.filter((name) => !now.includes(name));
}

/** None where one of them cannot be located: the record has to come to stand at all of them. */
async function locate(
	run: Run,
	job: Job<"publish">,
	silent: Map<string, KeyturnError>,
): Promise<readonly Publication[]> {
	const { policy, state } = job.doc;
	const key = keyOf(state, job.step.selector);
	if (key === null) return [];
	const publications: Publication[] = [];
	let [asked = ""] = policy.providers;
	try {
		const writers = await writersOf(run, policy, key.record);
		run.memory.writers.set(
			`${policy.domain} ${key.selector}`,
			writers.map(({ name }) => name),
		);
		for (const provider of writers) {
			asked = provider.name;
			const placed = { job, key, provider };
			publications.push({ ...placed, zone: await zoneFor(run, placed, silent) });
		}
		return publications;
	} catch (thrown) {
		await failed(run, job, asked, run.fail(job.doc, job.step, thrown));
		return [];
	}
}

async function zoneFor(
	run: Run,
	{ job, key, provider }: Omit<Publication, "zone">,
	silent: Map<string, KeyturnError>,
): Promise<string> {
	const before = silent.get(provider.name) ?? unchecked(run, provider);
	if (before !== null) throw before;
	try {
		const known = [job.doc.policy.zone, key.record.zone];
		return await zoneHolding(provider, key.record.owner, known, run.signal);
	} catch (thrown) {
		const error = asKeyturnError(thrown);
		if (error.code === "provider.unreachable") silent.set(provider.name, error);
		throw error;
	}
}

async function failed(
	run: Run,
	{ doc, step }: Job<"publish">,
	provider: string,
	error: KeyturnError,
): Promise<void> {
	const { domain } = doc.policy;
	const denied = error.code === "provider.denied";
	await run.save(
		doc,
		editKey(doc.state, step.selector, (key) => ({ ...key, owes: owedAfter(run, key, error) })),
	);
	await run.raise({
		cause: denied ? CAUSES.denied(provider) : CAUSES.publish(provider),
		event: denied ? "provider_denied" : "publish_failed",
		severity: denied || error.code === "provider.loss" ? "critical" : "warning",
		domains: [domain],
		selector: step.selector,
		summary: `${provider}: the record of ${step.selector}._domainkey.${domain} could not be published`,
		detail: error.message,
		hint: error.hint ?? `${meanwhile(doc.state)}; it is tried again`,
	});
}

/** A denial is not forgotten because the next attempt got no answer. */
function owedAfter(run: Run, { owes }: KeyEntry, error: KeyturnError): Owed {
	const tries = owes?.tries ?? 0;
	const denied = error.code === "provider.denied" ? error.message : owes?.denied;
	return {
		act: "publish",
		id: null,
		askedAt: run.now().toISOString(),
		tries: tries + 1,
		notBefore: run.backoff(tries).toISOString(),
		...(denied === undefined ? {} : { denied }),
	};
}

function groupKey({ provider, zone }: Publication): string {
	return `${provider.name} ${zone}`;
}

function groupBy<Item>(items: readonly Item[], key: (item: Item) => string): Map<string, Item[]> {
	const groups = new Map<string, Item[]>();
	for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
	return groups;
}
