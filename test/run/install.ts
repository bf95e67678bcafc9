/** Installs the Debian packages that the suites need, where that was asked for: starts none of them, removes nothing. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const POLICY = "/usr/sbin/policy-rc.d";
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
		console.log(`Installing for the tests, by apt-get, started by nothing: ${packages.join(", ")}`);
		const done = withoutStarting(() => aptGet(["-y", "--no-install-recommends", "install", ...packages]));
		if (done.status !== 0) console.log(`apt-get failed:\n${done.output}`);
	}
}

/** Puts the files of packages that cannot stand beside installed ones where only tests look for them. */
export function unpackPackages(packages: readonly string[], into: string): void {
	if (packages.length === 0 || process.getuid?.() !== 0) return;
	console.log(`Unpacking for the tests, into ${into}: ${packages.join(", ")}`);
	const directory = mkdtempSync(join(tmpdir(), "keyturn-unpack-"));
	try {
		mkdirSync(into, { recursive: true, mode: 0o755 });
		const got = aptGet(["download", ...packages], directory);
		if (got.status !== 0) console.log(`apt-get download failed:\n${got.output}`);
		for (const name of readdirSync(directory).filter((name) => name.endsWith(".deb")))
			spawnSync("dpkg", ["-x", join(directory, name), into], { stdio: "inherit" });
		// Tests run them as root, or as their own user: nobody else is to be root by them.
		spawnSync("chmod", ["-R", "u-s,g-s", into], { stdio: "inherit" });
	} finally {
		rmSync(directory, { recursive: true, force: true });
	}
}

/** Without a shell, a password and a home, as a package would. */
export function makeUsers(users: readonly string[]): void {
	if (process.getuid?.() !== 0) return;
	for (const user of users)
		spawnSync("useradd", ["--system", "--user-group", "--shell", "/usr/sbin/nologin", user], {
			stdio: "inherit",
		});
}

/** What a rehearsal of apt-get says it would take away. */
export function packagesRemoved(rehearsal: string): string[] {
	return [...rehearsal.matchAll(/^(?:Remv|Purg) (\S+)/gm)].map((match) => match[1] ?? "");
}

/** Package scripts ask policy-rc.d before they start a service; the machine's own comes back afterwards. */
function withoutStarting<Result>(install: () => Result): Result {
	const isKept = existsSync(POLICY);
	const goOn = (): void => undefined;
	process.on("SIGINT", goOn).on("SIGTERM", goOn);
	if (isKept) renameSync(POLICY, POLICY_ASIDE);
	writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
	try {
		return install();
	} finally {
		rmSync(POLICY, { force: true });
		if (isKept) renameSync(POLICY_ASIDE, POLICY);
		process.off("SIGINT", goOn).off("SIGTERM", goOn);
	}
}

function aptGet(argv: readonly string[], cwd = "/"): { readonly status: number; readonly output: string } {
	const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
	const done = spawnSync("apt-get", ["-o", "DPkg::Lock::Timeout=120", ...argv], {
		env,
		cwd,
		encoding: "utf8",
	});
	return { status: done.status ?? 1, output: `${done.stdout}${done.stderr}` };
}
