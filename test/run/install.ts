/** Installs the Debian packages that the suites need, where that was asked for: starts none of them, removes nothing. */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

const POLICY = "/usr/sbin/policy-rc.d";
const POLICY_TEXT = "#!/bin/sh\n# Made by keyturn's tests while they install packages.\nexit 101\n";
const POLICY_ASIDE = "/usr/sbin/policy-rc.d.keyturn-test";

/** Says what it does, and why if it does nothing; what is missing afterwards leaves its suites out. */
export function installPackages(packages: readonly string[]): void {
	if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
		console.log(`Cannot install ${packages.join(", ")}: that takes root on Debian`);
		return;
	}
	const rehearsal = aptGet(["-s", "install", ...packages]);
	const removed = packagesRemoved(rehearsal.output);
	if (rehearsal.status !== 0)
		console.log(`apt-get cannot install ${packages.join(", ")}:\n${rehearsal.output}`);
	else if (removed.length > 0) console.log(`Not installing: apt-get would remove ${removed.join(", ")}`);
	else {
		console.log(`Installing for the tests, by apt-get, none of it to be started: ${packages.join(", ")}`);
		const done = withoutStarting(() => aptGet(["-y", "--no-install-recommends", "install", ...packages]));
		if (done.status !== 0) console.log(`apt-get failed:\n${done.output}`);
	}
}

/** What a rehearsal of apt-get says it would take away. */
export function packagesRemoved(rehearsal: string): string[] {
	return [...rehearsal.matchAll(/^(?:Remv|Purg) (\S+)/gm)].map((match) => match[1] ?? "");
}

/** Package scripts ask policy-rc.d before they start a service; the machine's own comes back afterwards. */
function withoutStarting<Result>(install: () => Result): Result {
	const goOn = (): void => undefined;
	process.on("SIGINT", goOn).on("SIGTERM", goOn);
	// One of ours that a killed run left is not the machine's own.
	if (existsSync(POLICY) && readFileSync(POLICY, "utf8") !== POLICY_TEXT) renameSync(POLICY, POLICY_ASIDE);
	writeFileSync(POLICY, POLICY_TEXT, { mode: 0o755 });
	try {
		return install();
	} finally {
		rmSync(POLICY, { force: true });
		if (existsSync(POLICY_ASIDE)) renameSync(POLICY_ASIDE, POLICY);
		process.off("SIGINT", goOn).off("SIGTERM", goOn);
	}
}

function aptGet(argv: readonly string[]): { readonly status: number; readonly output: string } {
	const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
	const done = spawnSync("apt-get", ["-o", "DPkg::Lock::Timeout=120", ...argv], { env, encoding: "utf8" });
	return { status: done.status ?? 1, output: `${done.stdout}${done.stderr}` };
}
