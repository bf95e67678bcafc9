/** The processes that a turn left behind: found by the directory of their host, which each of them was given. */

import { readdir, readFile } from "node:fs/promises";
import type { CliHost } from "../../servers/cli/cli-host.ts";
import { waitUntil } from "../../servers/program.ts";

const DEAD_MAN = "const [ms, againMs, tries, program, ...args]";

/**
 * Waits until nothing of the turn runs any more: a door goes on when its agent dies. The watcher that a dead door leaves is
 * ended, since it would only act a minute and a half later, as `recover` is about to.
 */
export async function settled(host: CliHost): Promise<void> {
	await waitUntil(
		"what a turn left running to end",
		async () => {
			const found = await processesNaming(host.directory);
			for (const { pid, line } of found) if (line.includes(DEAD_MAN)) kill(pid);
			return found.length === 0;
		},
		60_000,
	);
}

/** Ends all of a turn at once, as a power loss does. */
export async function killAll(directory: string): Promise<void> {
	await waitUntil("the processes of a turn to be gone", async () => {
		const found = await processesNaming(directory);
		for (const { pid } of found) kill(pid);
		return found.length === 0;
	});
}

export async function processesNaming(
	directory: string,
): Promise<readonly { readonly pid: number; readonly line: string }[]> {
	const found: { pid: number; line: string }[] = [];
	for (const name of await readdir("/proc")) {
		if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
		const line = (await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ");
		if (line.includes(directory)) found.push({ pid: Number(name), line });
	}
	return found;
}

function kill(pid: number): void {
	try {
		process.kill(pid, "SIGKILL");
	} catch {
		// It has ended.
	}
}
