/** Which keys rspamd signs or seals with: `dkim_signing.conf` or `arc.conf`, and the maps and tables that it names. */

import type { Disk } from "../../ports/disk.ts";
import { mapPath } from "../rspamd/file-names.ts";
import { isOn } from "../rspamd/signing-section.ts";
import { parseUcl, type UclEntry, type UclNode } from "../rspamd/ucl.ts";
import { keyTableReadings } from "./milter-options.ts";
import { readTable } from "./read-file.ts";
import { domainOf, lineCounter, pathOf, type Reading, unclear } from "./reading.ts";

/** One of rspamd's modules, with what it takes where its configuration does not say (lua_dkim_tools.lua, modules.d). */
export interface SigningModule {
	readonly program: string;
	readonly selector: string;
	/** Where its keys are, as `<domain>.<selector>.key`. */
	readonly directory: string;
}

/** `local.d` and `override.d` are each read alone, so that what either says counts. Fails as the disk does, and on what is not understood. */
export async function rspamdReadings(
	disk: Disk,
	module: SigningModule & {
		/** Whether a signer of ours reads another file of it, and so knows what it takes by itself. */
		readonly isOurs: boolean;
	},
	{ path, text }: { readonly path: string; readonly text: string },
): Promise<readonly Reading[]> {
	const { program } = module;
	const top = parseUcl(text, path);
	const blocks = [...blocksIn(top, 0, null)];
	const own = valuesIn(top);
	const fallback = own.get("selector") ?? module.selector;
	const lineOfBlock = lineCounter(text);
	const readings = blocks.flatMap((block) => {
		const where = `${path} line ${lineOfBlock(block.at)}`;
		return readingOf({ program, where, domain: block.domain, problem: null }, block, fallback);
	});
	const lineOfSetting = lineCounter(text);
	for (const { key, start, node } of blocks.flatMap(({ entries }) => entries)) {
		const where = `${path} line ${lineOfSetting(start)}`;
		readings.push(...(await elsewhere(disk, { program, where, name: key, node, fallback })));
	}
	const isLeftToIt = !module.isOurs && !own.has("selector") && !own.has("path");
	const mayFallBack = ["enabled", "try_fallback"].every((name) => isOn(own.get(name) ?? "true"));
	return isLeftToIt && mayFallBack ? [...readings, ...(await builtIn(disk, module))] : readings;
}

interface Block {
	/** Of whose mail it is; null: of all. */
	readonly domain: string | null;
	readonly at: number;
	readonly entries: readonly UclEntry[];
}

type Found = Pick<Reading, "program" | "where" | "domain" | "problem">;

/** In the order of the text. Order and inheritance are not followed. */
function* blocksIn(entries: readonly UclEntry[], at: number, domain: string | null): Generator<Block> {
	yield { domain, at, entries };
	for (const { key, node } of entries) yield* blocksOf(node, domainOf(key) ?? domain);
}

function* blocksOf(node: UclNode, domain: string | null): Generator<Block> {
	if (node.kind === "object") yield* blocksIn(node.entries, node.span.start, domain);
	if (node.kind === "array") for (const item of node.items) yield* blocksOf(item, domain);
}

function valuesIn(entries: readonly UclEntry[]): ReadonlyMap<string, string> {
	return new Map(entries.flatMap(({ key, node }) => (node.kind === "value" ? [[key, node.text]] : [])));
}

/** With a path that is made up of variables, the selector is all that there is to know a key by. */
function readingOf(found: Found, { entries }: Block, fallback: string): readonly Reading[] {
	const values = valuesIn(entries);
	const [selector, path] = [values.get("selector"), values.get("path")];
	if (selector === undefined && path === undefined) return [];
	if (selector?.includes("$") === true)
		return [unclear(found.program, found.where, "its selector is made up of variables")];
	const keyPath = path === undefined ? null : pathOf(path);
	return [{ ...found, selector: selector ?? (keyPath === null ? fallback : null), keyPath }];
}

interface Setting {
	readonly program: string;
	readonly where: string;
	readonly name: string;
	readonly node: UclNode;
	readonly fallback: string;
}

/** Keys that stand in other files, or in what cannot be looked into. */
async function elsewhere(
	disk: Disk,
	{ program, where, name, node, fallback }: Setting,
): Promise<readonly Reading[]> {
	const value = node.kind === "value" ? node.text : "";
	if (OUTSIDE.has(name))
		return isOn(value) ? [unclear(program, where, `its keys are not in files (${name})`)] : [];
	if (!FILES.has(name)) return [];
	const file = mapPath(value);
	if (file === null) return [unclear(program, where, `${name} is not a file`)];
	const bytes = await readTable(disk, file);
	if (name === "key_table") return keyTableReadings(program, file, bytes).map(withTwoFields);
	const text = Buffer.from(bytes).toString("latin1");
	return mapLines(text).map(([line, key, word]): Reading => {
		const found = {
			program,
			where: `${file} line ${line}`,
			domain: domainOf(key),
			problem: null,
		};
		if (name === "selector_map") return { ...found, selector: word, keyPath: null };
		const keyPath = pathOf(word);
		return { ...found, selector: keyPath === null ? fallback : null, keyPath };
	});
}

const OUTSIDE: ReadonlySet<string> = new Set([
	"use_redis",
	"use_vault",
	"use_http",
	"use_http_headers",
	"sign_condition",
]);

const FILES: ReadonlySet<string> = new Set(["selector_map", "path_map", "key_table"]);

/** rspamd also takes `domain:/path`, with the selector that its configuration has for all. */
function withTwoFields(reading: Reading): Reading {
	const { selector } = reading;
	return selector?.startsWith("/") === true
		? { ...reading, selector: null, keyPath: pathOf(selector) }
		: reading;
}

/** A line for each domain: `example.com 202611`. */
function mapLines(text: string): readonly (readonly [line: number, name: string, value: string])[] {
	return text.split("\n").flatMap((line, index) => {
		const [name = "", value = ""] = (/^[^#]*/.exec(line)?.[0] ?? "").trim().split(/[ \t]+/);
		return value === "" ? [] : [[index + 1, name, value] as const];
	});
}

/** A domain whose key lies at rspamd's own place is signed for without being named anywhere. */
async function builtIn(
	disk: Disk,
	{ program, selector, directory }: SigningModule,
): Promise<readonly Reading[]> {
	const ending = `.${selector}.key`;
	const names = ((await disk.list(directory)) ?? []).filter((name) => name.endsWith(ending));
	return names.map((name) => {
		const where = `${directory}/${name}`;
		const domain = domainOf(name.slice(0, -ending.length));
		return { program, where, domain, selector, keyPath: where, problem: null };
	});
}
