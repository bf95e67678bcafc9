/** Whether the providers of a domain may, and can, publish its next record: asked before its key is made. */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { DnsProvider } from "../ports/dns-provider.ts";
import { activeKey, type DomainState, type KeyRecordEntry } from "../rotation/domain-state.ts";
import { nextRecordOctets } from "../rotation/next-record.ts";
import type { Policy } from "../rotation/policy.ts";
import { CAUSES } from "./causes.ts";
import type { HostState } from "./host-state.ts";
import { meanwhile } from "./meanwhile.ts";
import type { AgentPorts, AgentSettings, Doc, Run } from "./run.ts";
import { writersOf } from "./writers.ts";

export interface Unfit {
	readonly provider: string;
	readonly error: KeyturnError;
}

interface FitnessGiven {
	readonly ports: Pick<AgentPorts, "providers">;
	readonly settings: AgentSettings;
	readonly host: HostState;
}

/** Raises what is wrong, and fails with it; what was wrong before and is well now ends. `turn` says to which key it turns. */
export async function mustBeFit(run: Run, doc: Doc, turn: Policy): Promise<void> {
	const [first] = whyUnfit(run, turn, doc.state);
	for (const name of doc.policy.providers)
		if (name !== first?.provider) await run.end(CAUSES.unfit(name), doc.policy.domain);
	if (first === undefined) return;
	await run.raise({
		cause: CAUSES.unfit(first.provider),
		event: "publish_failed",
		severity: "warning",
		domains: [doc.policy.domain],
		selector: null,
		summary: `${first.provider}: no new key, since its record could not be published`,
		detail: first.error.message,
		hint: `${meanwhile(doc.state)}; ${first.error.hint ?? "it is tried again"}`,
	});
	throw first.error;
}

/** Which providers will write a record; where its name is an alias of another zone's, those have to be fit as well. */
export async function fitWriters(
	run: Run,
	doc: Doc,
	turn: Policy,
	record: Pick<KeyRecordEntry, "name" | "owner">,
): Promise<readonly string[]> {
	try {
		const writers = (await writersOf(run, doc.policy, record)).map(({ name }) => name);
		const [unfit] = whyUnfit(run, { ...turn, providers: writers }, doc.state);
		if (unfit !== undefined) throw unfit.error;
		return writers;
	} catch (thrown) {
		const error = asKeyturnError(thrown);
		await run.raise({
			cause: CAUSES.name(doc.policy.domain),
			event: "publish_failed",
			severity: "warning",
			domains: [doc.policy.domain],
			selector: null,
			summary: `${doc.policy.domain}: no new key, since its record could not be published at ${record.owner}`,
			detail: error.message,
			hint: `${meanwhile(doc.state)}; ${error.hint ?? "it is tried again"}`,
		});
		throw error;
	}
}

/** What keeps the next record of a domain from being published, whatever DNS says; `policy` as the domain turns by it. */
export function whyUnfit(given: FitnessGiven, policy: Policy, state: DomainState): readonly Unfit[] {
	const inUse = activeKey(state)?.record.value ?? null;
	const octets = nextRecordOctets(policy.key, policy.record, inUse);
	return policy.providers.flatMap((name): readonly Unfit[] => {
		const provider = given.ports.providers.get(name);
		if (provider === undefined) return [];
		const error = unchecked(given, provider) ?? tooShort(provider, octets, policy.domain);
		return error === null ? [] : [{ provider: name, error }];
	});
}

/** An adapter that never met the real thing has to have done so on this account, with a record that nobody needs. */
export function unchecked(given: FitnessGiven, { name, account }: DnsProvider): KeyturnError | null {
	const isProven = given.settings.providers.find((one) => one.name === name)?.isProven ?? true;
	const isChecked = given.host.checks.some((one) => one.account === account && one.passedAt !== null);
	if (isProven || isChecked) return null;
	return new KeyturnError(
		"provider.refused",
		`${name}: nothing is published through it before it was checked on this account`,
		{ retry: true, hint: `run \`keyturn provider check ${name}\` once` },
	);
}

function tooShort({ name, limits }: DnsProvider, octets: number, domain: string): KeyturnError | null {
	if (octets <= limits.valueOctets) return null;
	return new KeyturnError(
		"provider.refused",
		`${domain}: the record of its next key has ${octets} octets, and ${name} takes ${limits.valueOctets} at most`,
		{ hint: "use an RSA key of 2048 bits or Ed25519, or delegate _domainkey to a provider that takes it" },
	);
}
