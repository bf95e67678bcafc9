/**
 * Where rspamd's keys are named if not in the blocks of `domain { }`: a map of selectors, which alone changes in a turn, or
 * OpenDKIM's two tables. rspamd looks at such files again by itself, and reads a key file for its path.
 */

import { hashOf } from "../../durable.ts";
import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { RenderedFile, SignerChange, SignerFile } from "../../ports/signer.ts";
import { faultsOf } from "../first-key-faults.ts";
import { parseRows, type Row, renderRows } from "../one-table/rows.ts";
import { firstLineFaults, renderTwoTables, signingRows } from "../one-table/signing-lines.ts";
import { mapPath, openedPath, plainPath } from "./file-names.ts";
import { mixedUp, whyMixedUp } from "./mixed-up.ts";
import { selectorMap } from "./selector-map.ts";
import type { SigningSection } from "./signing-section.ts";
import { isCaught, LABELLED_KEYS, labelledKeys } from "../one-table/labelled-keys.ts";

/** One of them, as it was read. */
export interface Layout {
	readonly files: readonly SignerFile[];
	readonly rows: readonly (Row & { readonly signs: boolean })[];
	/** Why these cannot get a first key. */
	readonly firstKeyFaults: (domains: readonly string[]) => ReadonlyMap<string, string>;
}

export interface LayoutOptions {
	readonly disk: Disk;
	readonly section: SigningSection;
	/** Where a new key goes. */
	readonly keyPath: (domain: string, selector: string) => string;
	/** What stands in place of a live file. */
	readonly staged: ReadonlyMap<string, string>;
}

/** A block's own values stay, and the maps fill in what it lacks (lua_dkim_tools.lua, insert_or_update_prop). */
const BESIDE_MAP =
	"its key is named in domain { }, which counts before the map of selectors, and keyturn turns the map alone: take its block out, and give it a line in the map";
const LIMIT_BYTES = 64 * 1024 * 1024;
const MAP = "selector map";
const KEYS = "key table";
const SIGNING = "signing table";
/** rspamd's own, where `path` is not set. */
export const BUILT_IN_PATH = "/var/lib/rspamd/dkim/$domain.$selector.key";

/** Null where the blocks of `domain { }` name the keys; fails with `signer.config` where neither can be turned. */
export async function readLayout(given: LayoutOptions): Promise<Layout | null> {
	const { options } = given.section;
	if (options.has("signing_table") || options.has("key_table")) return readTables(given);
	if (options.has("selector_map")) return readMap(given);
	if (!options.has("path_map")) return null;
	throw new KeyturnError("signer.config", "path_map without selector_map: expected both", {
		hint: "Name each domain's selector in a selector_map, and its path with $selector in it: then only that map changes in a turn.",
	});
}

/** Null where the files are none of these. */
export function renderLayout(
	files: readonly SignerFile[],
	changes: readonly SignerChange[],
	keyPath: LayoutOptions["keyPath"],
): readonly RenderedFile[] | null {
	const [map, keys, signing] = [MAP, KEYS, SIGNING].map((format) =>
		files.find((file) => file.format === format),
	);
	if (map !== undefined) return renderRows(map, changes, selectorMap(keyPath));
	if (keys === undefined || signing === undefined) return null;
	const rendered = renderTwoTables(
		{ keys, signing, format: LABELLED_KEYS, isCaught, passesUnnamed: true },
		changes,
	);
	const bytesOf = ({ path, bytes }: SignerFile) =>
		rendered.find((file) => file.path === path)?.bytes ?? bytes;
	refuseMixedUp(bytesOf(keys), bytesOf(signing), changes);
	return rendered;
}

/** Each first key's lines, as they are to stand, beside all others. */
function refuseMixedUp(keys: Uint8Array, signing: Uint8Array, changes: readonly SignerChange[]): void {
	const rows = parseRows(keys, LABELLED_KEYS);
	const lines = signingRows(signing);
	for (const { domain, from, to } of changes) {
		const own = rows.find((row) => row.domain === domain && row.selector === to?.selector);
		if (from !== null || own?.label === undefined) continue;
		const { label } = own;
		const why = whyMixedUp(
			{ domain, label },
			{ keys: rows.filter((row) => row !== own), signing: lines.filter((line) => line.label !== label) },
		);
		if (why !== null) throw new KeyturnError("signer.config", `${domain}: ${why}`);
	}
}

async function readMap(given: LayoutOptions): Promise<Layout> {
	const { section, keyPath } = given;
	const map = await readFileOf(given, "selector_map", MAP);
	const paths = await pathsOf(given);
	const mapped = parseRows(map.bytes, selectorMap(keyPath)).map((row) => {
		const problem =
			row.problem ?? whyShadowed(section, row.domain) ?? whyElsewhere(paths(row.domain), keyPath, row);
		const path = openedPath(paths(row.domain), row.domain, row.selector);
		return { ...row, path, problem, signs: row.problem === null };
	});
	const blocks = section.keys.map(({ domain, selector, path, problem }) => ({
		domain,
		selector,
		path,
		problem: problem ?? BESIDE_MAP,
		signs: true,
	}));
	return {
		files: [map],
		rows: [...mapped, ...blocks],
		firstKeyFaults: (domains) =>
			faultsOf(domains, (domain) => {
				const block = blocks.find((row) => row.domain === domain);
				if (block !== undefined) return block.problem;
				const has = mapped.find((row) => row.domain === domain);
				return has === undefined
					? whyElsewhere(paths(domain), keyPath, { domain, selector: "" })
					: `the map of selectors has ${has.selector} for it already: ${has.problem ?? "it signs"}`;
			}),
	};
}

/** What a path_map names, by domain; empty where there is none. Fails with `signer.config` where it is no file of this host. */
export async function pathsInMap(disk: Disk, section: SigningSection): Promise<ReadonlyMap<string, string>> {
	if (!section.options.has("path_map")) return new Map();
	const { bytes } = await readFileOf({ disk, section, staged: new Map() }, "path_map", "path map");
	const rows = parseRows(
		bytes,
		selectorMap(() => ""),
	);
	return new Map(rows.map(({ domain, selector }) => [domain, selector]));
}

/** What rspamd opens for a domain, with its variables (lua_dkim_tools.lua, prepare_dkim_signing). */
async function pathsOf({ disk, section }: LayoutOptions): Promise<(domain: string) => string> {
	const own = await pathsInMap(disk, section);
	return (domain) => own.get(domain) ?? section.options.get("path") ?? BUILT_IN_PATH;
}

/** With another path a new selector would be signed with an old key: two files cannot change at once. */
function whyElsewhere(
	path: string,
	keyPath: LayoutOptions["keyPath"],
	{ domain, selector }: Pick<Row, "domain" | "selector">,
): string | null {
	if (!plainPath(path).includes("$selector"))
		return `its path ${path} has no $selector: the key could not change together with the map of selectors`;
	const opened = openedPath(path, domain, selector);
	const ours = keyPath(domain, selector);
	return opened === ours ? null : `rspamd looks for its key at ${opened}, and \`keys\` puts it at ${ours}`;
}

function whyShadowed({ keys }: SigningSection, domain: string): string | null {
	return keys.some((key) => key.domain === domain) ? "its block in domain { } counts, not the map" : null;
}

async function readTables(given: LayoutOptions): Promise<Layout> {
	const keys = await readFileOf(given, "key_table", KEYS);
	const signing = await readFileOf(given, "signing_table", SIGNING);
	const lines = signingRows(signing.bytes);
	const rows = labelledKeys(keys.bytes, lines);
	const pattern = rows.find(({ label }) => /[*?]/.test(label ?? ""))?.label;
	return {
		files: [keys, signing],
		rows,
		firstKeyFaults: (domains) =>
			pattern === undefined
				? new Map([
						...mixedUp(domains, { keys: rows, signing: lines }),
						...firstLineFaults({ signing, isCaught }, domains, () => false),
					])
				: new Map(domains.map((domain) => [domain, `the key table has a pattern, ${pattern}, for a name`])),
	};
}

async function readFileOf(
	{ disk, section, staged }: Pick<LayoutOptions, "disk" | "section" | "staged">,
	option: string,
	format: string,
): Promise<SignerFile> {
	const named = section.options.get(option);
	const wanted = mapPath(named);
	const path = wanted === null ? null : await disk.realpath(wanted);
	const bytes = path === null ? null : await disk.read(staged.get(path) ?? path, LIMIT_BYTES);
	if (path !== null && bytes !== null) return { path, bytes, hash: hashOf(bytes), format };
	throw new KeyturnError(
		"signer.config",
		`${option}: expected a file on this host, got ${named ?? "nothing"}`,
	);
}
