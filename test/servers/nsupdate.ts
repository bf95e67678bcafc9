/** Writes a record as an administrator would, without the code under test. */

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TsigKey } from "./bind.ts";
import type { StartedServer } from "./program.ts";

export async function nsupdate(
	server: StartedServer,
	zone: string,
	key: TsigKey,
	commands: readonly string[],
): Promise<void> {
	const file = join(server.directory, "commands");
	const lines = [
		`server ${server.address} ${server.port}`,
		`zone ${zone}`,
		`key ${key.algorithm}:${key.name} ${key.secret}`,
		...commands,
		"send",
	];
	await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o600 });
	await promisify(execFile)("/usr/bin/nsupdate", ["-v", file]);
}
