/**
 * What a struck turn left, as far as it decides what comes next: files with their owners and modes, records, services. Times
 * and numbers that only count are not part of it. Two strikes that left the same are recovered once.
 */

import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { CrashHost } from "./host.ts";

export async function remainsOf(host: CrashHost): Promise<string> {
	const parts = [
		...(await filesOf(host.root)),
		JSON.stringify([...(await host.records())]),
		`signer runs: ${host.runs("signer")}`,
		(await host.cli.asked()).join(", "),
	];
	return createHash("sha256")
		.update(parts.join("\n").replaceAll(/\b[0-9a-f]{32}\b/g, "an id"))
		.digest("hex");
}

/** A line for each entry below a directory. */
export async function filesOf(root: string): Promise<readonly string[]> {
	const names = (await readdir(root, { recursive: true, encoding: "utf8" })).toSorted();
	return Promise.all(
		names
			.filter((name) => name !== "opendkim.pid")
			.map(async (name) => {
				const path = join(root, name);
				const { mode, uid, gid, nlink } = await lstat(path);
				const isFile = (mode & 0o170_000) === 0o100_000;
				const isLink = (mode & 0o170_000) === 0o120_000;
				const content = isFile
					? steady(name, await readFile(path, "latin1"))
					: isLink
						? await readlink(path)
						: "";
				return `${name} ${mode.toString(8)} ${uid} ${gid} ${isFile ? nlink : 0} ${content}`;
			}),
	);
}

function steady(name: string, content: string): string {
	if (name.endsWith("/epoch")) return content === "" ? "" : "an epoch";
	if (name.endsWith("history.jsonl")) return content.endsWith("\n") ? "" : "cut short";
	return content
		.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "a time")
		.replaceAll(/"checksum": "[0-9a-f]+"/g, "")
		.replaceAll(/"pauseMs": \d+/g, "")
		.replaceAll(/"(?:backoffMs|uptimeMs)": \d+/g, "");
}
