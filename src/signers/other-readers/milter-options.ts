/** Which keys a milter of the OpenDKIM family reads: another OpenDKIM, or OpenARC, whose configuration has the same form. */

import type { Disk } from "../../ports/disk.ts";
import { optionLines, parseDataset, valuesOf } from "../opendkim/configuration.ts";
import { parseKeyTable } from "../opendkim/key-table.ts";
import { domainOf, lineCounter, pathOf, type Reading, unclear } from "./reading.ts";
import { readTable } from "./read-file.ts";

/** By its key table, or by Domain, Selector and KeyFile. Fails as the disk does. */
export async function milterReadings(
	disk: Disk,
	program: string,
	{ path, text }: { readonly path: string; readonly text: string },
): Promise<readonly Reading[]> {
	const options = valuesOf(optionLines(text));
	const table = options.get("keytable");
	const single = singleKey(program, path, options);
	const included = options.has("include") ? [unclear(program, path, "Include is not followed")] : [];
	return [...included, ...(table === undefined ? single : await tableKeys(disk, program, table))];
}

function singleKey(program: string, where: string, options: ReadonlyMap<string, string>): readonly Reading[] {
	const selector = options.get("selector") ?? null;
	const keyFile = options.get("keyfile") ?? null;
	if (selector === null && keyFile === null) return [];
	const domains = (options.get("domain") ?? "*").split(",").map((name) => domainOf(name.trim()));
	const keyPath = keyFile === null ? null : pathOf(keyFile);
	return domains.map((domain) => ({ program, where, domain, selector, keyPath, problem: null }));
}

async function tableKeys(disk: Disk, program: string, value: string): Promise<readonly Reading[]> {
	const { kind, path } = parseDataset(value);
	if (kind !== "file" && kind !== "refile")
		return [unclear(program, `KeyTable ${value}`, "it is not a table in a file")];
	return keyTableReadings(program, path, await readTable(disk, path));
}

/** Every line of a key table, also those that only its owner understands. */
export function keyTableReadings(program: string, path: string, bytes: Uint8Array): readonly Reading[] {
	const lineAt = lineCounter(Buffer.from(bytes).toString("latin1"));
	return parseKeyTable(bytes).map(({ domain, selector, path: keyPath, record }) => ({
		program,
		where: `${path} line ${lineAt(record.line.start)}`,
		domain: domainOf(domain),
		selector: selector === "" ? null : selector,
		keyPath: pathOf(keyPath),
		problem: null,
	}));
}
