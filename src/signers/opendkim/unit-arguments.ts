/** Reads which options the service's unit gives OpenDKIM on its command line, where they override opendkim.conf. */

import type { Disk } from "../../ports/disk.ts";

export interface UnitArguments {
	/** `-x` */
	readonly config: string | null;
	/** `-p` */
	readonly socket: string | null;
	/** `-u` */
	readonly user: string | null;
	/** `User=`: who starts it; null for root. */
	readonly startedAs: string | null;
}

/** Of the unit and its drop-ins, an instance's template included, as systemd reads them (systemd.unit(5)). */
export async function readUnitArguments(disk: Disk, service: string): Promise<UnitArguments> {
	const name = service.replace(/\.service$/, "");
	const instance = /^([^@]+)@(.*)$/.exec(name);
	const names = instance === null ? [name] : [name, `${instance[1] ?? ""}@`];
	const texts = await readUnit(disk, names);
	const environment = await readEnvironment(disk, texts);
	let command = "";
	for (const text of texts) for (const value of assignments(text, "ExecStart")) command = value;
	const words = splitWords(command.replaceAll("%i", instance?.[2] ?? "")).flatMap((word) =>
		expand(word, environment),
	);
	const startedAs = texts.flatMap((text) => assignments(text, "User")).at(-1) ?? "";
	return {
		config: wordAfter(words, "-x"),
		socket: wordAfter(words, "-p"),
		user: wordAfter(words, "-u"),
		startedAs: startedAs === "" ? null : startedAs,
	};
}

const LIMIT_BYTES = 64 * 1024;
/** A unit in an earlier one hides that of the same name in a later one. */
const DIRECTORIES = [
	"/etc/systemd/system",
	"/run/systemd/system",
	"/usr/local/lib/systemd/system",
	"/lib/systemd/system",
	"/usr/lib/systemd/system",
];

/** The unit's own text first, then its drop-ins by name. */
async function readUnit(disk: Disk, names: readonly string[]): Promise<readonly string[]> {
	const unit = await firstOf(
		disk,
		names.flatMap((name) => DIRECTORIES.map((at) => `${at}/${name}.service`)),
	);
	const dropIns = new Map<string, string>();
	for (const at of names.flatMap((name) => DIRECTORIES.map((directory) => `${directory}/${name}.service.d`)))
		for (const file of (await disk.list(at)) ?? [])
			if (file.endsWith(".conf") && !dropIns.has(file)) dropIns.set(file, `${at}/${file}`);
	const texts = unit === null ? [] : [unit];
	for (const [, path] of [...dropIns].toSorted(([one], [other]) => (one < other ? -1 : 1)))
		texts.push((await readText(disk, path)) ?? "");
	return texts;
}

async function firstOf(disk: Disk, paths: readonly string[]): Promise<string | null> {
	for (const path of paths) {
		const text = await readText(disk, path);
		if (text !== null) return text;
	}
	return null;
}

async function readText(disk: Disk, path: string): Promise<string | null> {
	const bytes = await disk.read(path, LIMIT_BYTES);
	return bytes === null ? null : Buffer.from(bytes).toString("utf8");
}

function assignments(text: string, key: string): readonly string[] {
	const lines = text.replaceAll("\\\n", " ").split("\n");
	return lines.flatMap((line) => {
		const at = line.indexOf("=");
		return at > 0 && line.slice(0, at).trim() === key ? [line.slice(at + 1).trim()] : [];
	});
}

/** What is in a file comes before what is in the unit. */
async function readEnvironment(disk: Disk, texts: readonly string[]): Promise<ReadonlyMap<string, string>> {
	const values = new Map<string, string>();
	for (const text of texts)
		for (const line of assignments(text, "Environment"))
			for (const word of splitWords(line)) assign(values, word);
	for (const text of texts)
		for (const value of assignments(text, "EnvironmentFile")) {
			const file = (await readText(disk, value.replace(/^-/, ""))) ?? "";
			for (const line of file.split("\n")) if (!/^\s*[#;]/.test(line)) assign(values, unquoted(line));
		}
	return values;
}

function assign(values: Map<string, string>, text: string): void {
	const at = text.indexOf("=");
	if (at > 0) values.set(text.slice(0, at).trim(), text.slice(at + 1).trim());
}

function unquoted(line: string): string {
	const at = line.indexOf("=") + 1;
	return line.slice(0, at) + splitWords(line.slice(at)).join(" ");
}

/** `$NAME` alone is split into words, `${NAME}` is not (systemd.service(5)). */
function expand(word: string, environment: ReadonlyMap<string, string>): readonly string[] {
	const alone = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(word)?.[1];
	if (alone !== undefined) return splitWords(environment.get(alone) ?? "");
	return [word.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => environment.get(name) ?? "")];
}

function splitWords(text: string): readonly string[] {
	const words = text.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
	return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}

/** The value may stand in the same word. */
function wordAfter(words: readonly string[], option: string): string | null {
	const at = words.findLastIndex((word) => word.startsWith(option));
	if (at === -1) return null;
	const word = words[at] ?? "";
	return word === option ? (words[at + 1] ?? null) : word.slice(option.length);
}
