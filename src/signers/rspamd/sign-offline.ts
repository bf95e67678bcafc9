/** Has rspamd's own program sign one message per staged key, since rspamd cannot sign with a configuration that is not live. */

import { KeyturnError } from "../../errors.ts";
import type { SignExpectation, SignerReading } from "../../ports/signer.ts";
import { writeOwned } from "../owned-file.ts";
import { probeText } from "../probe-message.ts";
import { type NamedKey, readLive, type RspamdOptions } from "./live-configuration.ts";
import { senderOf } from "./probing.ts";
import { keyInUse } from "./signing-section.ts";

const NEVER = new AbortController().signal;
const SIGN_MS = 60_000;

/** The signed messages, in the order of the expectations; fails with `signer.config` or `signer.probe`. */
export async function signOffline(
	options: RspamdOptions,
	staged: ReadonlyMap<string, string>,
	expectations: readonly SignExpectation[],
	reading: SignerReading,
): Promise<readonly string[]> {
	const { file, keys: named } = await readLive(options, staged);
	// Tables may call one key by several names.
	const keys = [
		...new Map(named.map((key) => [[key.domain, key.selector, key.path].join(" "), key])).values(),
	];
	const path = `${staged.get(file.path) ?? file.path}.eml`;
	const messages: string[] = [];
	for (const { domain, selector } of expectations)
		messages.push(await signOne(options, reading.owner, path, keyInUse({ keys }, domain, selector)));
	return messages;
}

async function signOne(
	{ disk, programs, settings }: RspamdOptions,
	owner: SignerReading["owner"],
	path: string,
	key: NamedKey,
): Promise<string> {
	await writeOwned(disk, path, owner, Buffer.from(probeText(senderOf(key.domain)), "utf8"));
	try {
		const argv = [
			"mime",
			"sign",
			"-d",
			key.domain,
			"-s",
			key.selector,
			"-k",
			key.path,
			"-o",
			"message",
			path,
		];
		const result = await programs.run(
			{ argv: [settings.program, ...argv], timeoutMs: SIGN_MS, owner },
			NEVER,
		);
		if (result.status === 0 && /^DKIM-Signature:/i.test(result.stdout))
			return result.stdout.replace(/\r?\n/g, "\r\n");
		throw new KeyturnError(
			"signer.probe",
			`rspamadm did not sign with ${key.path}: exit status ${result.status}, saying: ${result.stderr.trim().slice(0, 300)}`,
			{ hint: "Mode, owner or directory of the key file are the usual reason." },
		);
	} finally {
		await disk.unlink(path);
	}
}
