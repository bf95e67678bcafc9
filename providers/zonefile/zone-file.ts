/** A zone's file on the disk: read with all that it includes, and edited so that it means what was wanted and nothing else. */

import { FILE_LIMIT_BYTES, hashOf } from "../../src/durable.ts";
import { asKeyturnError, KeyturnError } from "../../src/errors.ts";
import type { Disk } from "../../src/ports/disk.ts";
import type { ApiZone } from "../../src/publishing/api/zones.ts";
import { edited, type FileEdit, meaning } from "./edit.ts";
import { mustBeEditable } from "./editable.ts";
import { type FileRecord, recordsOf } from "./records.ts";
import { about } from "./settings.ts";
import { BY_UPDATES, NotUnderstood } from "./tokens.ts";

export interface ZoneFile {
	/** Links resolved. */
	readonly path: string;
	/** Latin-1: one character an octet. */
	readonly text: string;
	readonly hash: string;
	readonly records: readonly FileRecord[];
}

/** Members fail with `provider.refused`, which names the file. */
export interface ZoneFiles {
	load(zone: ApiZone): Promise<ZoneFile>;
	/** The content to come. */
	edit(zone: ApiZone, file: ZoneFile, edit: FileEdit, now: Date): Promise<Uint8Array>;
	/** Has work on the disk fail as the members do. */
	at<Result>(path: string, work: () => Promise<Result>): Promise<Result>;
}

/** `directory`: where relative paths of `$INCLUDE` begin. */
export function createZoneFiles(name: string, disk: Disk, directory: string): ZoneFiles {
	async function read(path: string): Promise<Buffer> {
		const bytes = await disk.read(path, FILE_LIMIT_BYTES);
		if (bytes === null) throw new NotUnderstood(`${path}: expected a file, found nothing`);
		return Buffer.from(bytes);
	}

	async function parse(text: string, zone: string): Promise<readonly FileRecord[]> {
		return recordsOf(text, zone, async (path) =>
			(await read(path.startsWith("/") ? path : `${directory}/${path}`)).toString("latin1"),
		);
	}

	async function at<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
		try {
			return await work();
		} catch (thrown) {
			if (thrown instanceof NotUnderstood) throw refused(name, path, thrown.message, thrown.hint);
			const { code, message } = asKeyturnError(thrown);
			throw code === "disk.failed" ? refused(name, path, message, about.permission) : thrown;
		}
	}

	return {
		at,
		load: async (zone) =>
			at(zone.id, async () => {
				const path = (await disk.realpath(zone.id)) ?? zone.id;
				const bytes = await read(path);
				await mustBeEditable(disk, path, bytes);
				const text = bytes.toString("latin1");
				const records = await parse(text, zone.name);
				if (records.some(({ type }) => type === "RRSIG"))
					throw new NotUnderstood("it is signed in the file itself, and an edit would not be", BY_UPDATES);
				return { path, text, hash: hashOf(bytes), records };
			}),
		edit: async (zone, { path, text, records }, edit, now) =>
			at(path, async () => {
				for (const { name: owner } of edit.come) mustNotBeAlias(owner, records);
				const after = edited(text, records, edit, now);
				mustMeanWhatIsWanted(records, edit, await parse(after, zone.name));
				return Buffer.from(after, "latin1");
			}),
	};
}

/** The strings of a TXT record as the file has them, all in quotes. */
export function formOf({ data }: FileRecord): string {
	const quoted = data.map(({ raw }) => (raw.startsWith('"') ? raw : `"${raw}"`));
	return Buffer.from(quoted.join(" "), "latin1").toString("utf8");
}

/** The joined text of a TXT record. */
function textOf({ data }: FileRecord): string {
	return Buffer.from(data.map(({ text }) => text).join(""), "latin1").toString("utf8");
}

function mustNotBeAlias(at: string, records: readonly FileRecord[]): void {
	if (records.some(({ owner, type }) => owner === at && type === "CNAME"))
		throw new NotUnderstood(`a CNAME stands at ${at}, and no record can stand beside it`);
}

/** TTLs and owners are taken over from line to line: an edit is believed when the new file, read anew, says so. */
function mustMeanWhatIsWanted(
	before: readonly FileRecord[],
	{ gone, come }: FileEdit,
	after: readonly FileRecord[],
): void {
	const kept = before.filter((record) => !gone.includes(record));
	const left = after.slice(0, kept.length);
	const added = after.slice(kept.length).map((record) => `${record.owner} ${textOf(record)}`);
	const wanted = come.map(({ name, value }) => `${name} ${value}`);
	if (meaning(left).join("\n") !== meaning(kept).join("\n") || added.join("\n") !== wanted.join("\n"))
		throw new NotUnderstood(
			"taking the record's line out would change the owner or TTL of other lines",
			"give the lines after it an owner and a TTL of their own, or set $TTL above them",
		);
}

function refused(name: string, path: string, why: string, hint: string | null): KeyturnError {
	return new KeyturnError("provider.refused", `${name}: ${path}: ${why}`, hint === null ? {} : { hint });
}
