/** What was done, one JSON line each: for people, never read to decide, so a damaged line is passed over. */

import type { Disk } from "../ports/disk.ts";

export interface History {
	record(entry: object): Promise<void>;
	newest(limit: number): Promise<readonly unknown[]>;
}

/** Then it is put aside as `history.jsonl.1` and a new one begun: years of a large host. */
const ROTATE_AT_BYTES = 16 * 1024 * 1024;
const READ_LIMIT_BYTES = 2 * ROTATE_AT_BYTES;
const LINE_END = 0x0a;

export function createHistory(disk: Disk, directory: string): History {
	const path = `${directory}/history.jsonl`;
	const before = `${path}.1`;
	/** The size at which the file is known to end with a whole line. */
	let wholeAt = 0;
	return {
		async record(entry) {
			if (((await disk.stat(path))?.sizeBytes ?? 0) > ROTATE_AT_BYTES) await disk.rename(path, before);
			const size = (await disk.stat(path))?.sizeBytes ?? 0;
			const start = size === wholeAt || (await endsWhole(disk, path)) ? "" : "\n";
			const line = new TextEncoder().encode(`${start}${JSON.stringify(entry)}\n`);
			const file = await disk.append(path, 0o600);
			try {
				await file.write(line);
				await file.sync();
				wholeAt = size + line.length;
			} finally {
				await file.close();
			}
		},
		async newest(limit) {
			const now = await readLines(disk, path);
			const lines = now.length >= limit ? now : [...(await readLines(disk, before)), ...now];
			return limit <= 0 ? [] : lines.slice(-limit);
		},
	};
}

/** A crash may have cut the last line short; joined to it the next would be lost too. */
async function endsWhole(disk: Disk, path: string): Promise<boolean> {
	const bytes = await disk.read(path, READ_LIMIT_BYTES);
	return bytes === null || bytes.length === 0 || bytes.at(-1) === LINE_END;
}

async function readLines(disk: Disk, path: string): Promise<readonly unknown[]> {
	const bytes = await disk.read(path, READ_LIMIT_BYTES);
	const lines = bytes === null ? [] : new TextDecoder().decode(bytes).split("\n");
	return lines.flatMap((line) => {
		try {
			return line === "" ? [] : [JSON.parse(line) as unknown];
		} catch {
			return [];
		}
	});
}
