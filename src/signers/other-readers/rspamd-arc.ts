/** Which keys rspamd seals ARC with: `arc.conf`, written in UCL, and the maps and tables that it names. */

import type { Disk } from "../../ports/disk.ts";
import { keyTableReadings } from "./milter-options.ts";
import { readTable } from "./read-file.ts";
import { domainOf, lineCounter, pathOf, type Reading, unclear } from "./reading.ts";

const PROGRAM = "rspamd (ARC)";
/** A comment or a text that is not closed goes to the end, so that nothing is searched twice. */
const TOKEN = /#[^\n]*|\/\*[^]*?(?:\*\/|$)|"((?:[^"\\]|\\[^]?)*)(?:"|$)|[{}[\];,=]|[^\s{}[\];,="#]+/g;

interface Scope {
	readonly domain: string | null;
	readonly line: number;
	selector: string | null;
	path: string | null;
}

interface Setting {
	readonly name: string;
	readonly value: string;
	readonly line: number;
}

/** Fails as the disk does, and where a map is not there. */
export async function arcReadings(
	disk: Disk,
	{ path, text }: { readonly path: string; readonly text: string },
): Promise<readonly Reading[]> {
	const { scopes, settings } = parse(text);
	const readings = scopes.map(
		({ domain, line, ...scope }): Reading => ({
			program: PROGRAM,
			where: `${path} line ${line}`,
			domain,
			selector: scope.selector === null || scope.selector.includes("$") ? null : scope.selector,
			keyPath: scope.path === null ? null : pathOf(scope.path),
			problem: null,
		}),
	);
	for (const setting of settings) readings.push(...(await elsewhere(disk, path, setting)));
	return readings;
}

/** Settings that stand in other files, or in what cannot be looked into. */
async function elsewhere(
	disk: Disk,
	path: string,
	{ name, value, line }: Setting,
): Promise<readonly Reading[]> {
	const where = `${path} line ${line}`;
	if (name === "use_redis" || name === "use_vault")
		return /^(?:true|yes|on|1)$/i.test(value)
			? [unclear(PROGRAM, where, `its keys are not in files (${name})`)]
			: [];
	const file = /^(?:file:\/\/)?(\/.*)$/.exec(value)?.[1];
	if (file === undefined) return [unclear(PROGRAM, where, `${name} is not a file`)];
	const bytes = await readTable(disk, file);
	if (name === "key_table") return keyTableReadings(PROGRAM, file, bytes);
	return mapReadings(Buffer.from(bytes).toString("latin1"), file, name === "selector_map");
}

/** A line for each domain: `example.com 202611`. */
function mapReadings(text: string, path: string, isOfSelectors: boolean): readonly Reading[] {
	return text.split("\n").flatMap((line, index): readonly Reading[] => {
		const [name = "", value = ""] = (/^[^#]*/.exec(line)?.[0] ?? "").trim().split(/[ \t]+/);
		if (value === "") return [];
		const found = {
			program: PROGRAM,
			where: `${path} line ${index + 1}`,
			domain: domainOf(name),
			problem: null,
		};
		return isOfSelectors
			? [{ ...found, selector: value, keyPath: null }]
			: [{ ...found, selector: null, keyPath: pathOf(value) }];
	});
}

const ELSEWHERE: ReadonlySet<string> = new Set([
	"use_redis",
	"use_vault",
	"selector_map",
	"path_map",
	"key_table",
]);

/** Blocks with a selector or a path, and the settings that lead elsewhere. Order and inheritance are not followed. */
function parse(text: string): { readonly scopes: readonly Scope[]; readonly settings: readonly Setting[] } {
	const settings: Setting[] = [];
	const top: Scope = { domain: null, line: 1, selector: null, path: null };
	const all = [top];
	const open = [top];
	let name: string | null = null;
	let named: string | null = null;
	for (const { token, isText, line } of tokensOf(text)) {
		const scope = open.at(-1) ?? top;
		if (!isText && (token === "{" || token === "[")) {
			const block: Scope = {
				domain: domainOf(name ?? named ?? "") ?? scope.domain,
				line,
				selector: null,
				path: null,
			};
			all.push(block);
			open.push(block);
			name = null;
		} else if (!isText && (token === "}" || token === "]")) {
			if (open.length > 1) open.pop();
			name = null;
		} else if (!isText && (token === ";" || token === ",")) name = null;
		else if (!isText && token === "=") continue;
		else if (name === null) name = isText ? token : token.replace(/:$/, "");
		else {
			if (name === "selector") scope.selector = token;
			if (name === "path") scope.path = token;
			if (ELSEWHERE.has(name)) settings.push({ name, value: token, line });
			named = token;
			name = null;
			continue;
		}
		named = null;
	}
	return { scopes: all.filter(({ selector, path }) => selector !== null || path !== null), settings };
}

function* tokensOf(
	text: string,
): Generator<{ readonly token: string; readonly isText: boolean; readonly line: number }> {
	const lineAt = lineCounter(text);
	for (const match of text.matchAll(TOKEN)) {
		const [token, quoted] = match;
		if (token.startsWith("#") || token.startsWith("/*")) continue;
		yield {
			token: quoted?.replace(/\\([^])/g, "$1") ?? token,
			isText: quoted !== undefined,
			line: lineAt(match.index),
		};
	}
}
