/** `keyturn record`: the TXT record, for a zone file, a web form, or nsupdate. */

import { webForm, zoneFileForm } from "../dkim/record-forms.ts";
import { quoteTxt } from "../dkim/txt-strings.ts";
import { KeyturnError } from "../errors.ts";
import { emptyDomainState, type KeyEntry, keyOf } from "../rotation/domain-state.ts";
import { parseDomainState } from "../rotation/stored-state.ts";
import { needsRecord } from "../rotation/life.ts";
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
			hint: `known: ${state.keys.map((key) => key.selector).join(", ") || "none; keyturn rotate looks at the signer first"}`,
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
