/** `keyturn record`: the TXT record, for a zone file, a web form, or nsupdate. */

import { webForm, zoneFileForm } from "../dkim/record-forms.ts";
import { quoteTxt } from "../dkim/txt-strings.ts";
import { KeyturnError } from "../errors.ts";
import { localMinute } from "../report/words.ts";
import { emptyDomainState, type KeyEntry, type KeyRecordEntry, keyOf } from "../rotation/domain-state.ts";
import { parseDomainState } from "../rotation/stored-state.ts";
import { needsRecord } from "../rotation/life.ts";
import type { Policy } from "../rotation/policy.ts";
import { graceEnds } from "../rotation/timing.ts";
import { forgottenDomains } from "./forgotten.ts";
import { keysKnown } from "./keys-known.ts";
import { choose, type CommandContext, EXIT } from "./workbench.ts";

export async function record(
	context: CommandContext,
	name: string,
	selector: string | null,
	options: { readonly json: boolean },
): Promise<number> {
	const bench = await context.open();
	const [policy] = choose(bench, [name]);
	const domain = policy?.domain ?? name;
	const stored = await bench.store.load(`domains/${domain}`);
	const state = stored === null ? emptyDomainState(domain) : parseDomainState(stored.state);
	const keys =
		selector === null
			? state.keys.filter((key) => key.state === "pending" || needsRecord(key.state))
			: [keyOf(state, selector)];
	const found = keys.filter((key) => key !== null);
	if (found.length === 0)
		throw new KeyturnError("usage", `${domain}: no key ${selector ?? "is known yet"}`, {
			hint: keysKnown(state),
		});
	context.terminal.result(
		options.json
			? JSON.stringify(
					{ schema: 1, records: found.map((key) => ({ selector: key.selector, ...key.record })) },
					null,
					2,
				)
			: found.map(forms).join("\n\n"),
	);
	return EXIT.done;
}

/** What stays behind in DNS where keyturn is taken away: old records that it would have removed. */
export async function removals(
	context: CommandContext,
	options: { readonly json: boolean },
): Promise<number> {
	const bench = await context.open();
	const { store, settings, clock } = bench;
	const due: Removal[] = [];
	for (const policy of settings.policies) {
		const stored = await store.load(`domains/${policy.domain}`);
		const state = stored === null ? emptyDomainState(policy.domain) : parseDomainState(stored.state);
		for (const key of state.keys)
			if (isToBeRemoved(key, policy))
				due.push({
					domain: policy.domain,
					selector: key.selector,
					...key.record,
					from: graceEnds(key, policy, clock.now())?.toISOString() ?? null,
				});
	}
	// How long these are kept stood in what keyturn.yaml said of the domain.
	for (const { domain, keys } of await forgottenDomains(bench))
		for (const key of keys)
			if (key.origin === "made" && isOld(key))
				due.push({ domain, selector: key.selector, ...key.record, from: null });
	context.terminal.result(
		options.json
			? JSON.stringify({ schema: 1, records: due }, null, 2)
			: due.map((one) => removalForm(one, settings.timezone)).join("\n\n") ||
					"no old record of keyturn's stands",
	);
	return EXIT.done;
}

interface Removal extends KeyRecordEntry {
	readonly domain: string;
	readonly selector: string;
	/** Not earlier than this, RFC 3339; null while it is not known. */
	readonly from: string | null;
}

function isToBeRemoved(key: KeyEntry, { retire }: Policy): boolean {
	return isOld(key) && (key.origin === "made" || retire.adopted);
}

function isOld({ state }: KeyEntry): boolean {
	return state !== "active" && (needsRecord(state) || state === "revoked");
}

function removalForm({ selector, domain, from, owner, zone, value }: Removal, timezone: string): string {
	const when =
		from === null ? "its last use is not known" : `not before ${localMinute(new Date(from), timezone)}`;
	return [
		`; ${domain} ${selector}: ${when}`,
		...(zone === null ? [] : [`zone ${zone}.`]),
		`update delete ${owner}. TXT ${quoteTxt(value)}`,
		"send",
	].join("\n");
}

function forms(key: KeyEntry): string {
	const { value, ttlSeconds, zone } = key.record;
	const quoted = quoteTxt(value);
	const record = zoneFileForm(key.record);
	return [
		`; ${key.selector}: ${key.state}`,
		"; for a zone file",
		record,
		"",
		"; for a web form: name, then value in one line",
		webForm(key.record),
		"",
		"; for nsupdate",
		...(zone === null ? [] : [`zone ${zone}.`]),
		`update add ${record.slice(0, record.indexOf(" "))} ${ttlSeconds} TXT ${quoted}`,
		"send",
	].join("\n");
}
