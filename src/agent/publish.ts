/** Puts the records of pending keys into their zones, one call per provider and zone. */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { ChangeResult, DnsProvider } from "../ports/dns-provider.ts";
import { editKey, type KeyEntry, keyOf, moveKey } from "../rotation/domain-state.ts";
import { CAUSES } from "./causes.ts";
import type { Policy } from "../rotation/policy.ts";
import { supersede } from "./make.ts";
import type { Job, Run } from "./run.ts";

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
	for (const job of jobs) {
		try {
			located.push(...(await locate(run, job, silent)));
		} catch (thrown) {
			await failed(run, job, job.doc.policy.providers[0] ?? "", run.fail(job.doc, job.step, thrown));
		}
	}
	const groups = groupBy(located, groupKey);
	for (const group of groups.values()) await publishGroup(run, group);
}

async function publishGroup(run: Run, group: readonly Publication[]): Promise<void> {
	const [first] = group;
	if (first === undefined) return;
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
		return;
	}
	for (const [index, publication] of group.entries())
		await settleOne(
			run,
			publication,
			results[index] ?? { kind: "unknown", why: "the provider gave no result" },
		);
}

async function settleOne(run: Run, publication: Publication, result: ChangeResult): Promise<void> {
	const { job, key, provider, zone } = publication;
	const { doc, step } = job;
	try {
		switch (result.kind) {
			case "done":
				await published(run, publication, zone);
				return;
			case "occupied":
				await supersede(run, doc, key.selector, `something else stands at ${key.record.owner}`);
				run.done(doc, step);
				return;
			case "refused":
			case "unknown": {
				const denied = result.kind === "refused" && result.denied;
				const error = new KeyturnError(denied ? "provider.denied" : "provider.refused", result.why, {
					retry: !denied,
					...(result.kind === "refused" && result.hint !== null ? { hint: result.hint } : {}),
				});
				await failed(run, job, provider.name, run.fail(doc, step, error));
				return;
			}
		}
	} catch (thrown) {
		run.fail(doc, step, thrown);
	}
}

async function published(run: Run, { job, key, provider }: Publication, zone: string): Promise<void> {
	const { doc, step } = job;
	const { domain } = doc.policy;
	const now = run.now();
	await run.tell("published", {
		severity: "info",
		domains: [domain],
		selector: key.selector,
		summary: `${domain}: the record of ${key.selector} is published in ${zone} through ${provider.name}`,
		detail: `${key.record.owner} TXT ${key.record.value}`,
		hint: null,
	});
	const state = moveKey(doc.state, key.selector, "published", now, {
		lookingSince: now.toISOString(),
		rightSince: null,
		record: { ...key.record, zone, providers: doc.policy.providers },
	});
	await run.save(doc, state);
	await run.end(CAUSES.publish(provider.name), domain);
	await run.end(CAUSES.denied(provider.name), domain);
	run.done(doc, step);
}

async function locate(
	run: Run,
	job: Job<"publish">,
	silent: Map<string, KeyturnError>,
): Promise<readonly Publication[]> {
	const key = keyOf(job.doc.state, job.step.selector);
	if (key === null) return [];
	const publications: Publication[] = [];
	for (const name of job.doc.policy.providers) {
		const provider = providerOf(run, name);
		const before = silent.get(name);
		if (before !== undefined) throw before;
		try {
			publications.push({ job, key, provider, zone: await zoneOf(run, provider, key, job.doc.policy.zone) });
		} catch (thrown) {
			const error = asKeyturnError(thrown);
			if (error.code === "provider.unreachable") silent.set(name, error);
			throw error;
		}
	}
	return publications;
}

export function providerOf(run: Run, name: string): DnsProvider {
	const provider = run.ports.providers.get(name);
	if (provider === undefined) throw new KeyturnError("bug", `provider ${name} is not set up`);
	return provider;
}

/**
 * Where a record of ours has to be sought: where it was published, and where the domain is now if that provider is
 * configured no more (renamed, or the zone has moved and the record with it).
 */
export function holdersOf(run: Run, key: KeyEntry, policy: Policy): readonly DnsProvider[] {
	const known = key.record.providers.filter((name) => run.ports.providers.has(name));
	const names = known.length === key.record.providers.length ? known : [...known, ...policy.providers];
	return [...new Set(names)].map((name) => providerOf(run, name));
}

/** The zone as configured, as remembered, or as the provider knows it. */
export async function zoneOf(
	run: Run,
	provider: DnsProvider,
	key: KeyEntry,
	configured: string | null,
): Promise<string> {
	const { owner, zone } = key.record;
	if (configured !== null && isBelow(owner, configured)) return configured;
	if (zone !== null && isBelow(owner, zone)) return zone;
	const found = await provider.findZone(owner, run.signal);
	switch (found.kind) {
		case "zone":
			return found.zone;
		case "none":
			throw new KeyturnError("provider.zone", `${provider.name}: no zone for ${owner}: ${found.why}`, {
				hint: "set `zone` for the domain, or give the provider's credential access to it",
			});
		case "ambiguous":
			throw new KeyturnError(
				"provider.ambiguous",
				`${provider.name}: several zones for ${owner}: ${found.zones.join(", ")}`,
				{ hint: "set `zone` for the domain" },
			);
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
		editKey(doc.state, step.selector, (key) => ({
			...key,
			owes: {
				act: "publish",
				id: null,
				askedAt: run.now().toISOString(),
				tries: (key.owes?.tries ?? 0) + 1,
				notBefore: run.backoff(key.owes?.tries ?? 0).toISOString(),
			},
		})),
	);
	await run.raise({
		cause: denied ? CAUSES.denied(provider) : CAUSES.publish(provider),
		event: denied ? "provider_denied" : "publish_failed",
		severity: denied ? "critical" : "warning",
		domains: [domain],
		selector: step.selector,
		summary: `${provider}: the record of ${step.selector}._domainkey.${domain} could not be published`,
		detail: error.message,
		hint: error.hint ?? "the old key goes on signing; it is tried again",
	});
}

function isBelow(name: string, zone: string): boolean {
	return name === zone || name.endsWith(`.${zone}`);
}

function groupKey({ provider, zone }: Publication): string {
	return `${provider.name} ${zone}`;
}

function groupBy<Item>(items: readonly Item[], key: (item: Item) => string): Map<string, Item[]> {
	const groups = new Map<string, Item[]>();
	for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
	return groups;
}
