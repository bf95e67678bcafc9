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
	/** Further files that it names, which stand there while it signs. */
	readonly beside: readonly { readonly path: string; readonly text: string }[];
}

/** One signed message per sender; fails with `signer.probe`, naming the sender. */
export async function signOffline(
	signing: OfflineSigning,
	senders: readonly string[],
): Promise<readonly string[]> {
	const files = [signing, ...signing.beside];
	try {
		for (const file of files) await writeForSigner(signing, file);
		const messages: string[] = [];
		for (const sender of senders) messages.push(await signOne(signing, sender));
		return messages;
	} finally {
		for (const { path } of files) await signing.disk.unlink(path);
	}
}

const NEVER = new AbortController().signal;
const SIGN_MS = 30_000;

/** For the signer's user's eyes only, as the original may hold passwords. */
async function writeForSigner(
	{ disk, owner }: OfflineSigning,
	{ path, text }: OfflineSigning["beside"][number],
): Promise<void> {
	if (/[\s#]/.test(path))
		throw new KeyturnError("signer.config", `${path}: OpenDKIM reads no path with a blank or # in it`);
	await writeOwned(disk, path, owner, Buffer.from(text, "latin1"));
}

async function signOne(signing: OfflineSigning, sender: string): Promise<string> {
	const message = probeText(sender);
	const result = await signing.programs.run(
		{
			argv: [signing.program, "-b", "s", "-x", signing.path, "-t", "-"],
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
