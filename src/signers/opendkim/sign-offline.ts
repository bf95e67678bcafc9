/** Has OpenDKIM itself sign with what is staged, as the user it runs as, before anything live changes. */

import { KeyturnError } from "../../errors.ts";
import type { Disk, Owner } from "../../ports/disk.ts";
import type { Programs } from "../../ports/programs.ts";
import { writeOwned } from "../owned-file.ts";
import { probeText } from "../probe-message.ts";

export interface OfflineSigning {
	readonly disk: Disk;
	readonly programs: Programs;
	/** Absolute path of opendkim. */
	readonly program: string;
	/** Who it runs as. */
	readonly owner: Owner;
	/** Where its configuration is written: beside what it names, which its user can reach. */
	readonly path: string;
	readonly text: string;
	/** A further file that it names, which stands there while it signs. */
	readonly beside?: { readonly path: string; readonly text: string } | null;
	/** The paths that are named in it. */
	readonly names: readonly string[];
}

/** One signed message per sender; fails with `signer.probe`, naming the sender. */
export async function signOffline(
	signing: OfflineSigning,
	senders: readonly string[],
): Promise<readonly string[]> {
	const path = await writeConfiguration(signing);
	const { beside = null } = signing;
	try {
		if (beside !== null) await writeConfiguration({ ...signing, ...beside });
		const messages: string[] = [];
		for (const sender of senders) messages.push(await signOne(signing, path, sender));
		return messages;
	} finally {
		await signing.disk.unlink(path);
		if (beside !== null) await signing.disk.unlink(beside.path);
	}
}

const NEVER = new AbortController().signal;
const SIGN_MS = 30_000;

/** For the signer's user's eyes only, as the original may hold passwords. */
async function writeConfiguration(signing: OfflineSigning): Promise<string> {
	const { disk, owner, path, text, names } = signing;
	for (const named of [path, ...names])
		if (/[\s#]/.test(named))
			throw new KeyturnError("signer.config", `${named}: OpenDKIM reads no path with a blank or # in it`);
	await writeOwned(disk, path, owner, Buffer.from(text, "latin1"));
	return path;
}

async function signOne(signing: OfflineSigning, configuration: string, sender: string): Promise<string> {
	const message = probeText(sender);
	const result = await signing.programs.run(
		{
			argv: [signing.program, "-b", "s", "-x", configuration, "-t", "-"],
			input: message,
			timeoutMs: SIGN_MS,
			owner: signing.owner,
		},
		NEVER,
	);
	const signatures = signaturesIn(result.stdout);
	if (result.status !== 0 || signatures === "")
		throw new KeyturnError(
			"signer.probe",
			`opendkim did not sign a message from ${sender} with what is staged: exit status ${result.status}, ${said(result.stderr)}`,
			{ hint: "Mode, owner or directory of the key file are the usual reason." },
		);
	return `${signatures}${message}`;
}

/** opendkim prints the header fields that it would add, after a line of its own. */
function signaturesIn(output: string): string {
	const fields = output.match(/^DKIM-Signature:.*(?:\r?\n[ \t].*)*/gm) ?? [];
	return fields.map((field) => `${field.replace(/\r?\n|\r$/g, "\r\n").trimEnd()}\r\n`).join("");
}

function said(stderr: string): string {
	const text = stderr.trim().slice(0, 500);
	return text === "" ? "without a word" : `saying: ${text}`;
}
