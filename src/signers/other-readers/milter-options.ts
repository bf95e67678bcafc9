/** Which keys a milter reads whose configuration has OpenDKIM's form: another OpenDKIM, OpenARC, or dkimpy-milter. */

import type { Disk } from "../../ports/disk.ts";
import { optionLines, parseDataset, valuesOf } from "../opendkim/configuration.ts";
import { parseKeyTable } from "../opendkim/key-table.ts";
import { domainOf, lineCounter, pathOf, type Reading, unclear } from "./reading.ts";
import { readTable } from "./read-file.ts";

/** How the options that name keys end, in lower case: dkimpy-milter signs the same mail with two. */
export const BOTH_ALGORITHMS = ["", "ed25519"] as const;

/** By its key table, or by Domain, Selector and KeyFile. Fails as the disk does. */
export async function milterReadings(
	disk: Disk,
	program: string,
	{ path, text }: { readonly path: string; readonly text: string },
	endings: readonly string[] = [""],
): Promise<readonly Reading[]> {
	const options = valuesOf(optionLines(text));
	const readings = options.has("include") ? [unclear(program, path, "Include is not followed")] : [];
	for (const ending of endings) {
		const table = options.get(`keytable${ending}`);
		const found = table === undefined ? null : await tableKeys(disk, program, table);
		readings.push(...(found ?? singleKey(program, path, options, ending)));
	}
	return readings;
}

function singleKey(
	program: string,
	where: string,
	options: ReadonlyMap<string, string>,
	ending: string,
): readonly Reading[] {
	const selector = options.get(`selector${ending}`) ?? null;
	const keyFile = options.get(`keyfile${ending}`) ?? null;
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
