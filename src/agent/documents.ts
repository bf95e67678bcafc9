/** Reads what is remembered of the host and of each domain; what is damaged is kept aside, told, and begun anew. */

import { asKeyturnError, type KeyturnError } from "../errors.ts";
import { emptyDomainState } from "../rotation/domain-state.ts";
import { divided, lanesOf } from "../rotation/lanes.ts";
import type { Policy } from "../rotation/policy.ts";
import { parseDomainState } from "../rotation/stored-state.ts";
import { askDoor } from "./ask-door.ts";
import { CAUSES } from "./causes.ts";
import { newHostState, parseHostState } from "./host-state.ts";
import { type Doc, newDoc, Run, type RunGiven, type Stored } from "./run.ts";
import type { DomainReport, TickReport } from "./tick-report.ts";

export interface Begun {
	readonly run: Run;
	/** Nothing is remembered of the clock. */
	readonly isNew: boolean;
	/** There was no document at all. */
	readonly isFirst: boolean;
}

/** What is known before the host's document is read. */
type BeginGiven = Omit<RunGiven, "host" | "hostRevision"> & { readonly before: TickReport | null };

/** A damaged host document holds nothing that a turn needs: it is kept aside, told, and begun anew. */
export async function begin(given: BeginGiven): Promise<Begun> {
	const { store, clock } = given.ports;
	const fresh = newHostState(clock.now());
	try {
		const stored = await store.load("host");
		const host = stored === null ? fresh : parseHostState(stored.state);
		const run = new Run({ ...given, host, hostRevision: stored?.revision ?? 0 });
		if (given.before === null) await run.end(CAUSES.state("host"), null);
		return { run, isNew: stored === null, isFirst: stored === null };
	} catch (thrown) {
		const error = asKeyturnError(thrown);
		if (error.code === "disk.failed") throw error;
		const kept = await store.setAside(given.lease, "host");
		const run = new Run({ ...given, host: fresh, hostRevision: 0 });
		await run.raise({
			cause: CAUSES.state("host"),
			event: "state_damaged",
			severity: "warning",
			domains: [],
			selector: null,
			summary: "host.json could not be read; it was begun anew",
			detail: `${error.message}; kept as ${kept}`,
			hint: "troubles and alerts not yet delivered before this are in the damaged file only",
		});
		return { run, isNew: true, isFirst: false };
	}
}

/** The door has its own memory: where it has switched keys before, an agent without one has lost it. */
export async function tellLostState(run: Run): Promise<void> {
	const lastPauseAt = (await askDoor(run, []))?.lastPauseAt ?? null;
	if (lastPauseAt === null) return;
	await run.raise({
		cause: CAUSES.state("host"),
		event: "state_damaged",
		severity: "critical",
		domains: [],
		selector: null,
		summary: "the state directory is empty, though keys were switched on this host before",
		detail: `services were last stopped for a switch on ${lastPauseAt}; keys in use are adopted as they are found, and no record or key file from before is removed`,
		hint: "restore the directory from a backup, or remove old records by hand",
	});
}

export interface Loaded {
	readonly docs: readonly Doc[];
	/** Of the domains whose document cannot be read. */
	readonly lost: readonly DomainReport[];
}

export async function load(run: Run, before: TickReport | null): Promise<Loaded> {
	const docs: Doc[] = [];
	const lost: DomainReport[] = [];
	for (const policy of run.settings.policies) {
		try {
			docs.push(
				...(await loadOne(
					run,
					policy,
					before?.domains.find((one) => one.domain === policy.domain),
				)),
			);
			// What this tick found damaged and began anew is over at the next.
			if (before === null) await run.end(CAUSES.state(policy.domain), policy.domain);
		} catch (thrown) {
			const error = asKeyturnError(thrown);
			if (error.code === "state.corrupt") {
				docs.push(...(await beginAnew(run, policy, error)));
				continue;
			}
			await stateDamaged(run, policy.domain, error);
			lost.push({ domain: policy.domain, state: null, did: [], waits: [], error });
		}
	}
	return { docs, lost };
}

async function loadOne(run: Run, policy: Policy, before: DomainReport | undefined): Promise<readonly Doc[]> {
	const stored = await run.ports.store.load(`domains/${policy.domain}`);
	const known = stored === null ? emptyDomainState(policy.domain) : parseDomainState(stored.state);
	if (known.domain !== policy.domain)
		throw new Error(`domain: expected ${policy.domain}, got ${known.domain}`);
	const state = divided(known, policy);
	const revision = stored?.revision ?? 0;
	noteRevision(run, policy.domain, revision);
	const did = [...(before?.did ?? [])];
	return docsOf(policy, { state, revision }, { did, error: before?.error ?? null });
}

/** Of a switch that another keyturn made meanwhile the last inspection knows nothing. */
function noteRevision({ memory }: Run, domain: string, revision: number): void {
	if ((memory.revisions.get(domain) ?? revision) !== revision) memory.inspection = null;
	memory.revisions.set(domain, revision);
}

/** Several where several keys sign each message; what was done before is told once. */
function docsOf(policy: Policy, stored: Stored, before: Pick<Doc, "did" | "error">): readonly Doc[] {
	return lanesOf(policy).map((lane, index) =>
		newDoc(lane, stored, index === 0 ? before : { did: [], error: null }),
	);
}

/** Broken bytes say nothing any more: they are kept aside, and what signs is adopted. What is only not understood stays. */
async function beginAnew(run: Run, policy: Policy, error: KeyturnError): Promise<readonly Doc[]> {
	const { domain } = policy;
	// Told first: after a crash in between nothing would show any more that there was a state.
	await run.raise({
		cause: CAUSES.state(domain),
		event: "state_damaged",
		severity: "critical",
		domains: [domain],
		selector: null,
		summary: `the state of ${domain} was damaged; what signs is adopted as it is found`,
		detail: `${error.message}; it is kept beside, with .damaged and the time at its end`,
		hint: "older records of this domain are removed no more: restore the file from a backup, or remove them by hand",
	});
	await run.setAside(`domains/${domain}`);
	return docsOf(policy, { state: emptyDomainState(domain), revision: 0 }, { did: [], error: null });
}

async function stateDamaged(run: Run, domain: string, error: KeyturnError): Promise<void> {
	await run.raise({
		cause: CAUSES.state(domain),
		event: "state_damaged",
		severity: "critical",
		domains: [domain],
		selector: null,
		summary: `the state of ${domain} cannot be read; nothing is done with it`,
		detail: error.message,
		hint: "restore the file from a backup; removing it makes keyturn adopt what is in use",
	});
}
