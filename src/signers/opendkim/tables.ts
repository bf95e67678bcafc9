/** Changes both tables of OpenDKIM together: a key turned, a first key with its lines, or the lines of a key taken out. */

import { KeyturnError } from "../../errors.ts";
import type { RenderedFile, SignerChange, SignerFile } from "../../ports/signer.ts";
import { isChanged, namesNext } from "../rendered.ts";
import {
	goingNames,
	type KeyTableEntry,
	type KeyTableKind,
	type NewEntry,
	parseKeyTable,
	renderKeyTable,
} from "./key-table.ts";
import { withSenders } from "./senders.ts";
import {
	catching,
	createSigningTable,
	entriesFor,
	ordinaryAddress,
	patternFor,
	renderSigningTable,
	type SigningTable,
	type SigningTableKind,
} from "./signing-table.ts";

export interface TableFiles {
	readonly keyTable: SignerFile;
	readonly signingTable: SignerFile;
	readonly kind: SigningTableKind;
	/** Of the key table. */
	readonly keyKind: KeyTableKind;
}

interface Parsed {
	readonly entries: readonly KeyTableEntry[];
	readonly signing: SigningTable;
}

/** In the order of their renames: an entry stands before a signing line names it, and as long as one does. */
export function renderTables(files: TableFiles, changes: readonly SignerChange[]): readonly RenderedFile[] {
	const { keyTable, signingTable, kind, keyKind } = files;
	const signing = createSigningTable(kind, signingTable.bytes, false);
	const expand = (entries: readonly KeyTableEntry[]) => withSenders(entries, signing);
	const parsed = { entries: expand(parseKeyTable(keyTable.bytes, keyKind)), signing };
	const firsts = changes.filter(({ from }) => from === null);
	const gone = goingNames(parsed.entries, changes);
	if (firsts.length > 0 && gone.size > 0)
		throw new KeyturnError("signer.config", "a first key and taking a key out cannot be one switch");
	for (const { domain } of firsts) {
		const why = whyNoFirstKey(parsed, domain);
		if (why !== null) throw new KeyturnError("signer.config", `${domain}: ${why}`);
	}
	const named = nameEntries(parsed, firsts);
	const added = named.filter(({ isThere }) => !isThere);
	const keys = renderKeyTable(keyTable.bytes, changes, { added, kind: keyKind, expand });
	const rules = renderSigningTable(kind, signingTable.bytes, {
		added: named.map(({ name, change }) => ({ domain: change.domain, entry: name })),
		gone,
	});
	refuseDeferred(
		{ entries: parseKeyTable(keys, keyKind), signing: createSigningTable(kind, rules, false) },
		changes,
		gone,
	);
	const keyFile = { path: keyTable.path, hashBefore: keyTable.hash, bytes: keys };
	if (firsts.length === 0 && gone.size === 0) return [keyFile];
	const signingFile = { path: signingTable.path, hashBefore: signingTable.hash, bytes: rules };
	const rendered = [keyFile, signingFile].filter(isChanged);
	return gone.size > 0 ? rendered.toReversed() : rendered;
}

/** Why this domain cannot get a first key from us; null if it can. */
export function whyNoFirstKey({ entries, signing }: Parsed, domain: string): string | null {
	const names = entriesFor(signing, ordinaryAddress(domain));
	const signs = entries.find((entry) => entry.isUsed && names.includes(entry.name) && mayBeOf(entry, domain));
	if (signs !== undefined)
		return `its mail is signed already, by the key table's line ${signs.name}${signs.problem === null ? "" : `, which keyturn cannot handle: ${signs.problem}`}`;
	const unclear = catching(signing, domain);
	if (unclear !== undefined && !unclear.isUnderstood)
		return `SigningTable's ${unclear.pattern} may be meant for its mail, and keyturn does not follow regular expressions: write its lines by hand`;
	const pattern = patternFor(signing.kind, domain);
	const own = signing.rules.find((rule) => rule.pattern.toLowerCase() === pattern);
	if (own === undefined) return null;
	return `SigningTable has a line ${own.pattern} already, which names ${own.entry === "" ? "nothing" : own.entry}: take it out`;
}

/** An entry with % for its domain signs for whoever sends. */
function mayBeOf(entry: KeyTableEntry, domain: string): boolean {
	return entry.domain === domain || entry.domain.includes("%");
}

interface NamedEntry extends NewEntry {
	/** Whether the key table has it: somebody edited the tables in the middle of a switch, whose other half was not written. */
	readonly isThere: boolean;
}

/** The domain itself, with a number behind it where a line has that name already. Whatever its selector, the name stays. */
function nameEntries({ entries, signing }: Parsed, firsts: readonly SignerChange[]): readonly NamedEntry[] {
	const named = new Set(signing.rules.map((rule) => rule.entry));
	const taken = new Set([...entries.map((entry) => entry.name), ...named]);
	return firsts.map((change) => {
		const half = entries.find(
			(entry) => !entry.isOfSender && namesNext(entry, change) && !named.has(entry.name),
		);
		if (half !== undefined) return { name: half.name, change, isThere: true };
		let name = change.domain;
		for (let number = 2; taken.has(name); number += 1) name = `${change.domain}-${number}`;
		taken.add(name);
		return { name, change, isThere: false };
	});
}

/** Mail whose signing line names no entry is deferred: a broader line, or one with %, may lead to what is gone. */
function refuseDeferred(
	{ entries, signing }: Parsed,
	changes: readonly SignerChange[],
	gone: ReadonlySet<string>,
): void {
	const names = new Set(entries.map((entry) => entry.name));
	const domains = changes.flatMap(({ domain, to }) => (to === null ? [domain] : []));
	const hosts = new Set([...domains, ...[...gone].filter((name) => name.includes("."))]);
	for (const host of hosts) {
		const missing = entriesFor(signing, ordinaryAddress(host)).find((name) => !names.has(name));
		if (missing === undefined || !(gone.has(missing) || domains.includes(host))) continue;
		throw new KeyturnError(
			"signer.config",
			`${domains.join(", ")}: without the key, a line of SigningTable would give mail of ${host} to the entry ${missing}, which KeyTable lacks: it would be deferred`,
			{ hint: "Take that line of SigningTable out first, or replace a line with % by one for each domain." },
		);
	}
}
