/** Reads which keys an rspamd signs with, and what lies at their paths. */

import { type PublicHalf, publicHalf } from "../../dkim/key-material.ts";
import { hashOf } from "../../durable.ts";
import type { SignerReading, SigningLine } from "../../ports/signer.ts";
import { type KeyFile, readKeyFile } from "../key-file.ts";
import { includedFiles } from "./included-files.ts";
import { isNo, type NamedKey, readLive, type RspamdOptions, signsNoProbe } from "./live-configuration.ts";
import { milterSocket } from "./milter-socket.ts";
import { neverAsked } from "./never-asked.ts";
import type { RspamdSettings } from "./settings.ts";
import type { SigningSection } from "./signing-section.ts";

/** Fails with `signer.config` on what cannot be followed. */
export async function readRspamd(options: RspamdOptions): Promise<SignerReading> {
	const { disk, settings } = options;
	const { file, section, other, layout, keys: named, account } = await readLive(options);
	const keys: ReadKey[] = [];
	for (const key of named) {
		const { pem, ...unread } = key.problem === null ? await readKeyFile(disk, key.path) : { pem: null };
		keys.push({ key, half: pem === null ? null : publicHalf(pem), ...unread });
	}
	const whyNever = neverAsked(
		section.options,
		named.map(({ domain }) => domain),
	);
	const files = layout?.files ?? [file];
	// What a reload cannot read leaves rspamd at work with what it had.
	const takenUp = options.swap === "restart" ? await includedFiles(disk, settings.main) : [];
	return {
		lines: keys.map((one) => describeKey(one, ordinaryOf(keys, one), whyNever(one.key.domain))),
		files,
		tableHash: layout === null ? file.hash : hashOf(Buffer.from(JSON.stringify([file.hash, layout]))),
		owner: { uid: account.uid, gid: account.gid, user: account.user },
		configuration: [settings.config, ...(other === null ? [] : [other])],
		takenUp,
		notes: notesOn(section),
		alsoAsked: alsoAsked(section, settings),
		socket: await milterSocket(disk, settings.main),
	};
}

/** A map of paths is read and never changed. */
function alsoAsked({ options }: SigningSection, { redis }: RspamdSettings): readonly string[] {
	const paths = options.has("selector_map") ? options.get("path_map") : undefined;
	return [...(paths === undefined ? [] : [paths]), ...(redis === null ? [] : [`Redis at ${redis.socket}`])];
}

interface ReadKey extends Pick<KeyFile, "unread"> {
	readonly key: NamedKey;
	/** Null if its file cannot be read as a key. */
	readonly half: PublicHalf | null;
}

/** Of several keys of one algorithm the first is turned. */
function ordinaryOf(keys: readonly ReadKey[], { key, half }: ReadKey): NamedKey | null {
	const alike = keys.filter(
		(one) =>
			one.key.domain === key.domain &&
			one.key.problem === null &&
			one.key.signs &&
			one.half?.algorithm === half?.algorithm,
	);
	return alike[0]?.key ?? null;
}

function isSameKey(one: NamedKey, other: NamedKey): boolean {
	return one.domain === other.domain && one.selector === other.selector && one.path === other.path;
}

function describeKey(
	{ key, half, ...unread }: ReadKey,
	ordinary: NamedKey | null,
	whyNever: string | null,
): SigningLine {
	const { domain, selector, path, problem, entry, signs } = key;
	const foreign =
		ordinary === null || isSameKey(key, ordinary)
			? null
			: `beside ${ordinary.selector}, the key of its kind that keyturn turns, this one is left alone`;
	return {
		domain,
		selector,
		entry,
		keyPath: path,
		publicKey: half?.publicKey ?? null,
		...unread,
		problem: problem ?? whyNever ?? foreign,
		signs,
	};
}

function notesOn({ options, keys }: SigningSection): readonly string[] {
	const notes: string[] = [];
	if (isNo(options.get("enabled"))) notes.push("enabled = false: rspamd signs nothing.");
	if (signsNoProbe(options))
		notes.push(
			"sign_local and sign_authenticated are off: a probe through the running rspamd proves nothing.",
		);
	const below = keys.find(({ domain }) => domain.split(".").length > 2);
	if (below !== undefined && !isNo(options.get("use_esld")))
		notes.push(
			`use_esld is on: if ${below.domain} is below a registered domain, rspamd looks for the block of that, and never uses this one.`,
		);
	return notes;
}
