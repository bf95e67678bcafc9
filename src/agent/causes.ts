/** Names the causes of troubles, and ends a trouble whose subject is gone: nothing else would ever say that it is over. */

import type { DomainState, KeyEntry } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import type { Policy } from "../rotation/policy.ts";
import { isToBeDisclosed, staysForGood } from "../rotation/retiring.ts";
import { graceEnds } from "../rotation/timing.ts";
import { blameOf } from "./blame.ts";
import type { Doc, Run } from "./run.ts";

export const CAUSES = {
	state: (document: string) => `state ${document}`,
	drift: (domain: string) => `drift ${domain}`,
	clock: () => "clock",
	silence: () => "clock silent",
	tick: () => "tick",
	door: () => "door",
	name: (domain: string) => `name ${domain}`,
	unfit: (provider: string) => `unfit ${provider}`,
	publish: (provider: string) => `publish ${provider}`,
	denied: (provider: string) => `denied ${provider}`,
	remove: (provider: string) => `remove ${provider}`,
	verify: (domain: string, selector: string) => `verify ${domain} ${selector}`,
	server: (name: string) => `server ${name}`,
	swap: (signer: string) => `swap ${signer}`,
	start: () => "start",
	overdue: (domain: string) => `overdue ${domain}`,
	retire: (domain: string, selector: string) => `retire ${domain} ${selector}`,
	alert: (sink: string) => `alert ${sink}`,
	hook: (hook: string) => `hook ${hook}`,
} as const;

const SERVER = CAUSES.server("");

export async function endMoot(run: Run, docs: readonly Doc[]): Promise<void> {
	const configured = new Set(run.settings.policies.map((policy) => policy.domain));
	const reached = reachable(run);
	for (const { id, event, domains } of run.host.troubles) {
		if ((event === "alert_undelivered" || event === "hook_failed") && !reached.has(id))
			await run.end(id, null);
		for (const domain of domains) {
			const own = docs.filter((one) => one.policy.domain === domain);
			// A domain whose state cannot be read keeps its troubles.
			const isGone = own.length === 0 && !configured.has(domain);
			if (isGone || (own.length > 0 && own.every((doc) => isMoot(run, doc, id)))) await run.end(id, domain);
		}
	}
}

/** What is still configured to be told or to be run. */
function reachable({ ports }: Run): ReadonlySet<string> {
	const told = ports.sinks.map(({ name, hook }) => (hook === undefined ? CAUSES.alert : CAUSES.hook)(name));
	return new Set([...told, ...ports.pre.map(({ name }) => CAUSES.hook(name))]);
}

function isMoot(run: Run, doc: Doc, cause: string): boolean {
	return cause.startsWith(SERVER) ? !isBlamed(run, doc, cause) : !mayConcern(run, doc).has(cause);
}

/**
 * Whether the last look at any of its keys blames the server. A process that has just begun and has not looked yet knows
 * nothing: then what was told before lasts.
 */
function isBlamed(run: Run, { policy, stored: { state } }: Doc, cause: string): boolean {
	const watched = state.keys.filter(({ state }) => state === "active" || isCandidate(state));
	const reports = watched.flatMap(
		({ selector }) => run.memory.looks.get(`${policy.domain} ${selector}`) ?? [],
	);
	if (watched.length > 0 && reports.length === 0) return true;
	return reports.some(
		(report) =>
			report.verdict !== "right" &&
			blameOf(report).servers.some(({ machine }) => CAUSES.server(machine) === cause),
	);
}

/** The causes that a domain may still have, as it is configured and as its keys stand now. */
function mayConcern(run: Run, { policy, state }: Doc): ReadonlySet<string> {
	const { ports } = run;
	const { domain, signer, providers } = policy;
	const causes = [CAUSES.state, CAUSES.overdue, CAUSES.drift].map((cause) => cause(domain));
	causes.push(CAUSES.swap(signer));
	if (state.wants.remove === null && !state.keys.some((key) => isCandidate(key.state)))
		causes.push(CAUSES.name(domain), ...providers.map(CAUSES.unfit));
	if (state.keys.some(({ owes }) => owes?.act === "switch" || owes?.act === "takeOut"))
		causes.push(...ports.pre.map(({ name }) => CAUSES.hook(name)));
	for (const key of state.keys) {
		if (key.state === "active" || isCandidate(key.state)) causes.push(CAUSES.verify(domain, key.selector));
		if (isLeftToDo(key, state, policy)) causes.push(CAUSES.retire(domain, key.selector));
		if (key.state === "pending")
			causes.push(
				...mayWrite(run, policy, key).flatMap((name) => [CAUSES.publish(name), CAUSES.denied(name)]),
			);
		if (isToGo(key, state, policy, run.now()))
			causes.push(
				...mayWrite(run, policy, key).flatMap((name) => [CAUSES.remove(name), CAUSES.denied(name)]),
			);
	}
	return new Set(causes);
}

/** Whether something of an old key is still to be done: its record removed or emptied, its private half laid out. */
function isLeftToDo(key: KeyEntry, state: DomainState, policy: Policy): boolean {
	if (key.state !== "retiring") return key.state === "revoked" || isToBeDisclosed(key, policy);
	const isCompromised = state.wants.revoke.some(({ selector }) => selector === key.selector);
	return isCompromised || !staysForGood(key, state, policy);
}

/** Whether its record is to be removed by now, so that somebody may have failed to. */
function isToGo(key: KeyEntry, state: DomainState, policy: Policy, now: Date): boolean {
	if (key.state === "revoked") return new Date(key.owes?.notBefore ?? 0) <= now;
	if (key.state !== "retiring" || staysForGood(key, state, policy)) return false;
	const ends = graceEnds(key, { ...policy, jitterMs: 0 }, now);
	return ends !== null && ends <= now;
}

/**
 * Those of its domain, and, where its name is an alias, whoever was found to write there: before this process has looked,
 * anybody configured.
 */
function mayWrite({ ports, memory }: Run, { domain, providers }: Policy, key: KeyEntry): readonly string[] {
	const { name, owner } = key.record;
	if (owner === name) return providers;
	const found = memory.writers.get(`${domain} ${key.selector}`) ?? [...ports.providers.keys()];
	return [...providers, ...found.filter((one) => ports.providers.has(one))];
}
