/**
 * rspamd takes its options from `local.d` and from `override.d`: what the second says counts, and of a section `domain { }` in
 * both that of the second alone, whole (modules.d/dkim_signing.conf, ucl_parser_process_object_element).
 */

import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import { readSection, type SigningSection } from "./signing-section.ts";

export interface BothFiles {
	/** That of the one file, with the options of both. */
	readonly section: SigningSection;
	/** The other file; null where there is none. */
	readonly other: string | null;
}

const FILE_LIMIT_BYTES = 4 * 1024 * 1024;
const DIRECTORY = /\/(local|override)\.d\/(?=[^/]+$)/;

/** Fails with `signer.config` where the other file's domains count, or would count no more once this one names any. */
export async function withOtherFile(disk: Disk, path: string, section: SigningSection): Promise<BothFiles> {
	const isLocal = DIRECTORY.exec(path)?.[1] === "local";
	const other = path.replace(DIRECTORY, isLocal ? "/override.d/" : "/local.d/");
	const bytes = other === path ? null : await disk.read(other, FILE_LIMIT_BYTES);
	if (bytes === null) return { section, other: null };
	const beside = readSection(Buffer.from(bytes).toString("latin1"), other);
	if (beside.closesAt !== null && (isLocal || section.closesAt === null))
		throw new KeyturnError(
			"signer.config",
			`${other} has a section domain { }${isLocal ? `, which rspamd takes in place of what ${path} has` : `, and a key in ${path} would take the place of all in it`}`,
			{ hint: `Let \`config\` of this signer be ${other}, or have one of the two files name the domains.` },
		);
	const options = isLocal
		? new Map([...section.options, ...beside.options])
		: new Map([...beside.options, ...section.options]);
	return { section: { ...section, options }, other };
}
