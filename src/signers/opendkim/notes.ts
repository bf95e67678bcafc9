/** Says what an administrator should know about an OpenDKIM configuration that works, but bears surprises. */

import type { LiveConfiguration } from "./live-configuration.ts";
import { parseTable } from "./table-lines.ts";
import { isNamed, senderFor } from "./signing-table.ts";

/** One sentence each. */
export function noteworthy(live: LiveConfiguration, configPath: string): readonly string[] {
	return [...unitNotes(live, configPath), ...optionNotes(live), ...signingNotes(live), ...entryNotes(live)];
}

const LIMIT = 20;

function unitNotes(live: LiveConfiguration, configPath: string): readonly string[] {
	const { unit, options } = live;
	const notes: string[] = [];
	if (unit.config !== null && unit.config !== configPath)
		notes.push(`The unit starts OpenDKIM with -x ${unit.config}, but keyturn reads ${configPath}.`);
	if (unit.socket !== null && unit.socket !== options.get("socket"))
		notes.push(`The unit starts OpenDKIM with -p ${unit.socket}, which overrides Socket.`);
	if (unit.user !== null && unit.user !== options.get("userid"))
		notes.push(`The unit starts OpenDKIM with -u ${unit.user}, which overrides UserID.`);
	return notes;
}

function optionNotes(live: LiveConfiguration): readonly string[] {
	const { options, unit } = live;
	const mode = options.get("mode") ?? "sv";
	const notes: string[] = [];
	if (options.get("userid") === undefined && unit.user === null && unit.startedAs === null)
		notes.push("There is no UserID: OpenDKIM runs as root.");
	if (!mode.includes("s")) notes.push(`Mode ${mode} signs nothing.`);
	if (options.get("signaturealgorithm")?.toLowerCase() === "rsa-sha1")
		notes.push(
			"SignatureAlgorithm rsa-sha1: receivers refuse such signatures (RFC 8301); let it be rsa-sha256.",
		);
	if (!live.requireSafe) notes.push("RequireSafeKeys is off: key files that others can read are used.");
	if (!live.signsLoopback)
		notes.push("127.0.0.1 is not among InternalHosts: a probe through the running signer proves nothing.");
	for (const name of ["keyfile", "selector", "domain"])
		if (live.oneKey === null && options.has(name))
			notes.push(`${name} in opendkim.conf has no effect beside KeyTable.`);
	return notes;
}

function signingNotes(live: LiveConfiguration): readonly string[] {
	const names = new Set(live.entries.map((entry) => entry.name));
	const missing = live.signing.rules.filter((rule) => rule.entry !== "%" && !names.has(rule.entry));
	const [, signingFile] = live.files;
	const passedOver =
		live.signing.kind === "file" || signingFile === undefined ? [] : indentedPatterns(signingFile.bytes);
	const unclear = live.signing.rules.filter((rule) => !rule.isUnderstood);
	return [
		...missing
			.slice(0, LIMIT)
			.map(
				({ pattern, entry }) =>
					`SigningTable: ${pattern} names ${entry === "" ? "nothing" : entry}, which KeyTable lacks: its mail is deferred.`,
			),
		...passedOver
			.slice(0, LIMIT)
			.map(
				(pattern) => `SigningTable: a blank stands before ${pattern}, so that OpenDKIM passes over the line.`,
			),
		...unclear
			.slice(0, LIMIT)
			.map(
				({ pattern }) =>
					`SigningTable: ${pattern} is a regular expression, which keyturn does not follow: no address behind it is sure.`,
			),
	];
}

function indentedPatterns(bytes: Uint8Array): readonly string[] {
	const records = parseTable(Buffer.from(bytes).toString("latin1"));
	return records.filter((record) => record.isIndented).map((record) => record.key);
}

function entryNotes(live: LiveConfiguration): readonly string[] {
	const caught = live.entries.filter(
		(entry) =>
			entry.problem === null &&
			isNamed(live.signing, entry.name) &&
			senderFor(live.signing, entry.name, entry.domain, entry.isOfSender) === null,
	);
	return caught
		.slice(0, LIMIT)
		.map(
			({ name, domain }) =>
				`KeyTable: ${name} for ${domain} seems never used: an earlier line of SigningTable catches its mail.`,
		);
}
