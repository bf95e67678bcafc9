/** Reads which keys an OpenDKIM signs with: the lines of its tables, and what lies at the paths that they name. */

import { createHash } from "node:crypto";
import { publicHalf } from "../../dkim/key-material.ts";
import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { SignerFile, SignerReading, SigningLine } from "../../ports/signer.ts";
import type { SocketTarget } from "../../ports/sockets.ts";
import { findAccount, readAccounts } from "../accounts.ts";
import { readKeyFile } from "../key-file.ts";
import { findForeign, lineName } from "./foreign-lines.ts";
import type { KeyTableEntry } from "./key-table.ts";
import { type LiveConfiguration, readLive, socketOf } from "./live-configuration.ts";
import { noteworthy } from "./notes.ts";
import { ONE_KEY_ENTRY } from "./one-key.ts";
import type { OpenDkimOptions } from "./options.ts";
import { toInside } from "./root-directory.ts";
import { isNamed } from "./signing-table.ts";

/** Fails with `signer.config` on what cannot be followed. */
export async function readOpenDkim(options: OpenDkimOptions): Promise<SignerReading> {
	const { disk, settings, service } = options;
	const live = await readLive({ disk, config: settings.config, service });
	refuseUnreachable(options, live);
	const { user, uid, gid } = findAccount(await readAccounts(disk), live.user);
	const lines: SigningLine[] = [];
	const foreign = findForeign(live);
	for (const entry of live.entries) {
		const line = await describeEntry(disk, live, entry);
		lines.push({
			...line,
			problem: line.problem ?? (line.signs ? (foreign.get(lineName(entry)) ?? null) : null),
		});
	}
	return {
		lines: withSharedProblems(lines),
		files: live.files,
		tableHash: hashOver(live.files),
		owner: { uid, gid, user },
		configuration: live.paths,
		notes: [...noteworthy(live, settings.config), ...(await notesOnRoot(disk, live))],
		socket: knownSocket(live),
	};
}

/** RequireSafeKeys asks who else is in a key's group, of the files that OpenDKIM sees. */
async function notesOnRoot(disk: Disk, { root, requireSafe }: LiveConfiguration): Promise<readonly string[]> {
	if (root === null || !requireSafe || (await disk.stat(`${root}/etc/passwd`)) !== null) return [];
	return [
		`${root}/etc/passwd is absent: with RequireSafeKeys OpenDKIM then refuses every key, and defers the mail.`,
	];
}

/** With another root a new key may lie out of its sight, and a reload would look for opendkim.conf and the tables below it. */
function refuseUnreachable({ settings, swap }: OpenDkimOptions, { root, oneKey }: LiveConfiguration): void {
	if (root === null) return;
	if (oneKey === null) toInside(root, `${settings.keys}/x`);
	if (swap === "reload")
		throw new KeyturnError(
			"signer.config",
			`ChangeRootDirectory ${root}: expected swap: restart, got reload`,
			{
				hint: "After the change of its root OpenDKIM does not find its configuration again; let `swap` be restart.",
			},
		);
}

/** Keys can be read and changed where no probe reaches the signer. */
function knownSocket(live: LiveConfiguration): SocketTarget | null {
	try {
		return socketOf(live);
	} catch {
		return null;
	}
}

/** A line that signs for several domains cannot be changed for all but one of them. */
function withSharedProblems(lines: readonly SigningLine[]): readonly SigningLine[] {
	const problems = new Map(
		lines.flatMap(({ entry, domain, problem, signs }) =>
			problem === null || !signs ? [] : [[entry, { domain, problem }] as const],
		),
	);
	return lines.map((line) => {
		const found = line.signs && line.problem === null ? problems.get(line.entry) : undefined;
		return found === undefined
			? line
			: { ...line, problem: `its line signs for ${found.domain}, too, and there ${found.problem}` };
	});
}

async function describeEntry(
	disk: Disk,
	live: LiveConfiguration,
	entry: KeyTableEntry,
): Promise<SigningLine> {
	const { pem, ...unread } = entry.problem === null ? await readKeyFile(disk, entry.path) : { pem: null };
	return {
		domain: entry.domain,
		selector: entry.selector,
		entry: live.oneKey === null ? entry.name : ONE_KEY_ENTRY,
		keyPath: entry.path,
		publicKey: pem === null ? null : (publicHalf(pem)?.publicKey ?? null),
		...unread,
		problem: entry.problem,
		signs: entry.isUsed && isNamed(live.signing, entry.name),
	};
}

function hashOver(files: readonly SignerFile[]): string {
	const hash = createHash("sha256");
	for (const file of files) hash.update(`${file.hash} ${file.path}\0`);
	return hash.digest("hex");
}
