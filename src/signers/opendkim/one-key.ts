/** The one key that opendkim.conf names itself, by Domain, Selector and KeyFile; a turn changes the last two. */

import { KeyturnError } from "../../errors.ts";
import type { RenderedFile, SignerChange, SignerFile, SigningLine } from "../../ports/signer.ts";
import { type OptionLine, optionLines } from "./configuration.ts";
import type { PlacedOption } from "./configuration-files.ts";
import { applyEdits } from "../table-edits.ts";

/** How the file of a reading is marked in which the key is named. */
export const ONE_KEY = "one key";
/** How all that it signs for is named alike: a turn is one change for all of them. */
export const ONE_KEY_ENTRY = "KeyFile";

export interface OneKey {
	/** In lower case; all of them are signed for with this key. */
	readonly domains: readonly string[];
	readonly selector: string;
	readonly path: string;
	/** The real file that a turn rewrites. */
	readonly file: string;
	/** Why it cannot be turned by us; null if it can. */
	readonly problem: string | null;
}

/** Null where a KeyTable names the keys: beside it these options have no effect. Fails with `signer.config` on half of it. */
export function findOneKey(options: readonly PlacedOption[], configPath: string): OneKey | null {
	const last = (key: string) => options.findLast((option) => option.key === key);
	if (last("keytable") !== undefined) return null;
	const [domain, selector, keyFile] = [last("domain"), last("selector"), last("keyfile")];
	if (selector === undefined && keyFile === undefined)
		throw new KeyturnError(
			"signer.config",
			`${configPath}: no KeyTable and no KeyFile: there is no key to turn`,
			{
				hint: "Name the key table with KeyTable, or one key with Domain, Selector and KeyFile.",
			},
		);
	if (domain === undefined || selector === undefined || keyFile === undefined)
		throw new KeyturnError(
			"signer.config",
			`${configPath}: expected Domain, Selector and KeyFile together, got some of them`,
			{ hint: "Without all three OpenDKIM does not start, or signs nothing." },
		);
	const domains = domain.value.split(",").map((name) => name.trim().toLowerCase());
	return {
		domains,
		selector: selector.value,
		path: keyFile.value,
		file: selector.path,
		problem:
			whyOdd(domains) ??
			(selector.path === keyFile.path
				? null
				: `Selector stands in ${selector.path} and KeyFile in ${keyFile.path}: two files cannot be changed at once`) ??
			(keyFile.value.startsWith("/") ? null : "KeyFile is a relative path, expected an absolute one"),
	};
}

/** Changes the values of Selector and KeyFile that count, and no other byte; for all that `lines` says it signs for. */
export function renderOneKey(
	file: SignerFile,
	lines: readonly Pick<SigningLine, "domain">[],
	changes: readonly SignerChange[],
): readonly RenderedFile[] {
	const text = Buffer.from(file.bytes).toString("latin1");
	const before = optionLines(text);
	const [selector, keyFile] = [lastOf(before, "selector"), lastOf(before, "keyfile")];
	const [change] = changes;
	if (change === undefined) return [];
	const { domain, to } = change;
	mustBeOne(file.path, selector.value, lines, changes);
	if (to === null)
		throw new KeyturnError("signer.config", `${domain}: ${file.path} names no other key to sign with`, {
			hint: "Take Domain, Selector and KeyFile out of it by hand, or stop OpenDKIM.",
		});
	checkValue(to.keyPath);
	const bytes = applyEdits(file.bytes, [
		{ start: selector.valueAt, end: selector.valueAt + selector.value.length, text: to.selector },
		{ start: keyFile.valueAt, end: keyFile.valueAt + keyFile.value.length, text: to.keyPath },
	]);
	checkRendered(file.path, before, optionLines(Buffer.from(bytes).toString("latin1")), to);
	return [{ path: file.path, hashBefore: file.hash, bytes }];
}

/** OpenDKIM reads lines of 1023 bytes; what is before a value is short. */
const VALUE_LIMIT = 900;
const HOST_NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/;

function whyOdd(domains: readonly string[]): string | null {
	const odd = domains.find((domain) => !HOST_NAME.test(domain));
	return odd === undefined ? null : `Domain ${odd}: expected the name of a domain`;
}

/** The same change for each domain: the key signs for all of them. */
function mustBeOne(
	path: string,
	selector: string,
	lines: readonly Pick<SigningLine, "domain">[],
	changes: readonly SignerChange[],
): void {
	const words = ({ from, to }: SignerChange) =>
		JSON.stringify([from, to?.selector ?? null, to?.keyPath ?? null]);
	const isSame = changes.every(
		(change) => change.from === selector && words(change) === words(changes[0] ?? change),
	);
	const isAll = lines.every(({ domain }) => changes.some((change) => change.domain === domain));
	if (isSame && isAll && changes.length === lines.length) return;
	const asked = changes.map((one) => `${one.from ?? "a first key"} of ${one.domain}`).join(", ");
	throw new KeyturnError(
		"signer.config",
		`${path}: expected one change of its only key, ${selector}, for all of ${lines.map(({ domain }) => domain).join(", ")}, got ${asked}`,
	);
}

function checkValue(keyPath: string): void {
	if (/^\/[^\s#%]+$/.test(keyPath) && keyPath.length < VALUE_LIMIT) return;
	throw new KeyturnError(
		"signer.config",
		`key path ${keyPath}: expected one that opendkim.conf can hold, without blanks, # and %`,
	);
}

function lastOf(lines: readonly OptionLine[], key: string): OptionLine {
	const found = lines.findLast((line) => line.key === key);
	if (found === undefined) throw new KeyturnError("bug", `the file that names the key has no ${key}`);
	return found;
}

/** Reads the result as OpenDKIM would. */
function checkRendered(
	path: string,
	before: readonly OptionLine[],
	after: readonly OptionLine[],
	to: { readonly selector: string; readonly keyPath: string },
): void {
	const [selector, keyFile] = [lastOf(before, "selector"), lastOf(before, "keyfile")];
	const wanted = before.map((line) => {
		if (line === selector) return `selector ${to.selector}`;
		return line === keyFile ? `keyfile ${to.keyPath}` : `${line.key} ${line.value}`;
	});
	if (JSON.stringify(wanted) === JSON.stringify(after.map(({ key, value }) => `${key} ${value}`))) return;
	throw new KeyturnError("signer.config", `${path}: with the new key other options would change`);
}
