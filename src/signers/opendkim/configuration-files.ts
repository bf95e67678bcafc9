/** Reads opendkim.conf with all that it includes, each option with the file that it stands in. */

import { hashOf } from "../../durable.ts";
import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { SignerFile } from "../../ports/signer.ts";
import { type OptionLine, optionLines } from "./configuration.ts";

export interface PlacedOption extends OptionLine {
	/** Of the real file. */
	readonly path: string;
}

export interface ConfigurationFiles {
	/** All options in the order in which OpenDKIM takes them: an included file stands where its Include does. */
	readonly options: readonly PlacedOption[];
	/** The whole as one text, without Include. */
	readonly text: string;
	/** The files, the first is opendkim.conf itself. */
	readonly files: readonly SignerFile[];
}

/** What is read in place of a live file: where its staged bytes lie. */
export type Staged = ReadonlyMap<string, string>;

export const NOTHING_STAGED: Staged = new Map();

/** Fails with `signer.config` where a file is absent or not to be followed. */
export async function readConfigurationFiles(
	disk: Disk,
	path: string,
	staged: Staged,
): Promise<ConfigurationFiles> {
	return readFrom({ disk, staged, limitBytes: LIMIT_BYTES }, "opendkim.conf", path, 0);
}

export interface Reading {
	readonly disk: Disk;
	readonly staged: Staged;
	readonly limitBytes: number;
}

/** A file that OpenDKIM reads, links followed, with its staged bytes where it has some; `what` names it in an error. */
export async function readSignerFile(
	{ disk, staged, limitBytes }: Reading,
	what: string,
	path: string,
): Promise<SignerFile> {
	if (!path.startsWith("/"))
		throw new KeyturnError("signer.config", `${what} ${path}: expected an absolute path`);
	const real = (await disk.realpath(path)) ?? path;
	const bytes = await disk.read(staged.get(real) ?? real, limitBytes);
	if (bytes === null) throw new KeyturnError("signer.config", `${what} ${path} is absent`);
	if (bytes.includes(0))
		throw new KeyturnError("signer.config", `${what} ${path}: there is a NUL byte in it`);
	return { path: real, bytes, hash: hashOf(bytes) };
}

const LIMIT_BYTES = 1024 * 1024;
/** OpenDKIM gives up at a few; a file that includes itself has no end. */
const DEEPEST = 5;

async function readFrom(
	reading: Reading,
	what: string,
	path: string,
	depth: number,
): Promise<ConfigurationFiles> {
	if (depth > DEEPEST)
		throw new KeyturnError("signer.config", `${path}: files are included more than ${DEEPEST} deep`);
	const file = await readSignerFile(reading, what, path);
	const text = Buffer.from(file.bytes).toString("latin1");
	const options: PlacedOption[] = [];
	const files = [file];
	const pieces: string[] = [];
	let copied = 0;
	for (const option of optionLines(text)) {
		if (option.key !== "include") {
			options.push({ ...option, path: file.path });
			continue;
		}
		const included = await readFrom(reading, "Include", option.value, depth + 1);
		const lineEnd = text.indexOf("\n", option.valueAt);
		pieces.push(text.slice(copied, text.lastIndexOf("\n", option.valueAt) + 1), included.text, "\n");
		copied = lineEnd === -1 ? text.length : lineEnd + 1;
		options.push(...included.options);
		files.push(...included.files);
	}
	return { options, text: [...pieces, text.slice(copied)].join(""), files };
}
