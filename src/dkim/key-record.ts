/** Key records (RFC 6376 section 3.6.1): read as a verifier reads them, written without blanks. */

import { excerpt } from "./foreign-text.ts";

export interface KeyRecordTags {
	/** `h=`: the hashes allowed; absent allows all. */
	readonly hash?: readonly string[];
	/** `s=`: the services; absent is `*`. */
	readonly service?: readonly string[];
	/** `t=`: the flags. */
	readonly flags?: readonly string[];
	/** `n=` */
	readonly notes?: string;
}

export interface KeyRecord extends KeyRecordTags {
	/** `k=`, "rsa" if absent. */
	readonly algorithm: string;
	/** `p=` without white space; empty means revoked. */
	readonly publicKey: string;
}

export type ParsedKeyRecord =
	| { readonly kind: "record"; readonly record: KeyRecord }
	/** No key record at all, or one that a verifier has to ignore; `why` is for people. */
	| { readonly kind: "unreadable"; readonly why: string };

/** Reads a record's joined text; tags that are not known are passed over (RFC 6376 section 3.2). */
export function parseKeyRecord(value: string): ParsedKeyRecord {
	const tags = new Map<string, string>();
	const parts = value.split(";");
	if (parts.length > 64 || value.length > 65_535) return unreadable("too many tags");
	// RFC 6376 section 3.2; a no-break space in `p=`, say, passes at some verifiers and fails at others.
	const odd = /[^\t\n\r\x20-\x7e]/u.exec(value)?.[0];
	if (odd !== undefined) return unreadable(`it has a character that is not plain ASCII: ${codePoint(odd)}`);
	for (const [index, part] of parts.entries()) {
		if (part.trim() === "" && index === parts.length - 1) continue;
		const match = /^\s*([A-Za-z][A-Za-z0-9_]*)\s*=([^]*)/.exec(part);
		if (match === null) return unreadable(`"${excerpt(part.trim(), 40)}" is no tag=value`);
		const [, name = "", text = ""] = match;
		if (tags.has(name)) return unreadable(`the tag ${excerpt(name, 40)}= stands twice`);
		if (name === "v" && tags.size > 0) return unreadable("v= is not the first tag");
		tags.set(name, text.trim());
	}
	const version = tags.get("v");
	if (version !== undefined && version !== "DKIM1")
		return unreadable(`v=${excerpt(version, 40)} is not DKIM1`);
	const publicKey = tags.get("p");
	if (publicKey === undefined) return unreadable("it has no p=");
	const hash = tags.get("h");
	const service = tags.get("s");
	const flags = tags.get("t");
	const notes = tags.get("n");
	return {
		kind: "record",
		record: {
			algorithm: tags.get("k") ?? "rsa",
			publicKey: publicKey.replace(/\s/g, ""),
			...(hash === undefined ? {} : { hash: words(hash) }),
			...(service === undefined ? {} : { service: words(service) }),
			...(flags === undefined ? {} : { flags: words(flags) }),
			...(notes === undefined ? {} : { notes }),
		},
	};
}

/** The record without blanks: some APIs split a value at a blank (PROVIDERS.md). */
export function formatKeyRecord(record: KeyRecord): string {
	const tags = ["v=DKIM1"];
	if (record.hash !== undefined && record.hash.length > 0) tags.push(`h=${record.hash.join(":")}`);
	tags.push(`k=${record.algorithm}`);
	if (record.service !== undefined && record.service.length > 0) tags.push(`s=${record.service.join(":")}`);
	if (record.flags !== undefined && record.flags.length > 0) tags.push(`t=${record.flags.join(":")}`);
	if (record.notes !== undefined && record.notes !== "") tags.push(`n=${record.notes}`);
	tags.push(`p=${record.publicKey}`);
	return tags.join(";");
}

/** The record with an empty `p=`, which says that its key is revoked (RFC 6376 section 3.6.1). */
export function revokedRecord(value: string): string {
	const parsed = parseKeyRecord(value);
	return formatKeyRecord({
		algorithm: parsed.kind === "record" ? parsed.record.algorithm : "rsa",
		publicKey: "",
	});
}

/** Whether the record says that its key is revoked. */
export function isRevokedRecord(value: string): boolean {
	const parsed = parseKeyRecord(value);
	return parsed.kind === "record" && parsed.record.publicKey === "";
}

/** What of a record in use its successor carries on: `h=`, `s=`, `t=s`, `n=`; testing (`t=y`) never. */
export function carriedTags(record: KeyRecordTags): KeyRecordTags {
	const hash = record.hash?.map((name) => name.replace(/^rsa-/, "")).filter((name) => name !== "sha1");
	const flags = record.flags?.filter((flag) => flag !== "y");
	return {
		...(hash !== undefined && hash.length > 0 ? { hash } : {}),
		...(record.service !== undefined ? { service: record.service } : {}),
		...(flags !== undefined && flags.length > 0 ? { flags } : {}),
		...(record.notes !== undefined ? { notes: record.notes } : {}),
	};
}

/** Why a verifier of mail signed with this key and SHA-256 would refuse the record's tags; null if it would not. */
export function refusedTags(record: KeyRecord, algorithm: "rsa" | "ed25519"): string | null {
	if (record.algorithm !== algorithm) return `k=${excerpt(record.algorithm, 40)}, expected k=${algorithm}`;
	if (record.hash !== undefined && !record.hash.includes("sha256"))
		return `h=${excerpt(record.hash.join(":"), 40)} does not allow sha256`;
	if (
		record.service !== undefined &&
		!record.service.some((service) => service === "*" || service === "email")
	)
		return `s=${excerpt(record.service.join(":"), 40)} does not allow email`;
	return null;
}

function codePoint(character: string): string {
	return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function words(text: string): readonly string[] {
	return text.split(":").map((word) => word.trim());
}

function unreadable(why: string): ParsedKeyRecord {
	return { kind: "unreadable", why };
}
