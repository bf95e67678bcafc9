/** Runs a program in our place: with our own input and outputs, as root also where root was given up for a while. */

import { spawn } from "node:child_process";

/**
 * Resolves to its exit status when it has ended, null if a signal ended it. It has a process group of its own, so that what
 * is typed at the terminal (Ctrl-C) reaches us alone. Fails as `spawn` does.
 */
export function runAttached([program, ...args]: readonly [string, ...string[]]): Promise<number | null> {
	const isDropped = process.geteuid?.() !== 0;
	const child = spawn(program, args, {
		cwd: "/",
		detached: true,
		env: { PATH: process.env["PATH"], LANG: "C.UTF-8" },
		stdio: "inherit",
		...(isDropped ? { uid: 0, gid: 0 } : {}),
	});
	return new Promise((resolve, reject) => {
		child.once("error", reject);
		child.once("exit", (status) => resolve(status));
	});
}
