/** The built program under strace: which system calls of it, and of all that it starts, were made. */

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { CliHost, Outcome } from "./cli-host.ts";

const PROGRAM = join(import.meta.dirname, "../../../dist/src/main.js");
/** Where systemd runs, the door would be a unit of its own, and out of sight. */
const UNSEEN = "[ ! -d /run/systemd/system ] || mount -t tmpfs tmpfs /run/systemd";

export interface Traced extends Outcome {
	/** A line each, in the order in which they began, with the paths of file descriptors. */
	readonly calls: readonly string[];
}

/** A signer that is started anew would be traced for ever: only with `swap: reload`. */
export async function traced(
	host: CliHost,
	calls: string,
	args: readonly string[],
	env: Readonly<Record<string, string>> = {},
): Promise<Traced> {
	const trace = join(host.directory, "trace");
	const how = ["-f", "-y", "-v", "-s", "1000000", "-e", `trace=${calls}`, "-e", "signal=none", "-o", trace];
	const argv = ["strace", ...how, process.execPath, PROGRAM, "--config", host.configPath, ...args];
	const all = { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", TZ: "UTC", ...env };
	const outcome = await promisify(execFile)(
		"unshare",
		["-m", "sh", "-euc", `${UNSEEN}; exec "$@"`, "sh", ...argv],
		{ env: all, maxBuffer: 64 * 1024 * 1024 },
	).then(
		({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
		(failed: { code: number; stdout: string; stderr: string }) => failed,
	);
	const lines = (await readFile(trace, "latin1")).split("\n");
	return {
		code: outcome.code,
		signal: null,
		stdout: outcome.stdout,
		stderr: outcome.stderr,
		calls: lines.filter((line) => line !== "" && !line.includes(" resumed>")),
	};
}
