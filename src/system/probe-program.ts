/** Runs the probe where it reaches the signer's sockets: the door has no network, and a new member of the signer's group breaks its safe-key rule. */

import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";
import type { Programs } from "../ports/programs.ts";

export interface ProbeProgramOptions {
	readonly programs: Programs;
	readonly disk: Disk;
	/** `node probe.js`, absolute. */
	readonly argv: readonly [string, string];
}

export interface ProbeRun {
	/** JSON, as `probe.ts` reads it. */
	readonly request: string;
	readonly owner: { readonly uid: number; readonly gid: number };
	/** Killed after this many milliseconds. */
	readonly timeoutMs: number;
}

const NEVER = new AbortController().signal;

/** Resolves to the answer as JSON; fails with `signer.probe`. */
export function createProbeProgram({ programs, disk, argv }: ProbeProgramOptions) {
	return async ({ request, owner, timeoutMs }: ProbeRun): Promise<string> => {
		const run = (await isSystemd(disk))
			? { argv: asUnit(argv, owner), input: request, timeoutMs }
			: { argv, input: request, timeoutMs, owner };
		const result = await programs.run({ ...run, outputLimitBytes: 16 * 1024 * 1024 }, NEVER);
		if (result.status === 0) return result.stdout;
		throw new KeyturnError(
			"signer.probe",
			`the probe did not run: ${result.stderr.trim().slice(0, 300) || (result.signal ?? `status ${result.status}`)}`,
			{ retry: true },
		);
	};
}

/** Whether services and other users are reached through systemd here. */
export async function isSystemd(disk: Disk): Promise<boolean> {
	return process.getuid?.() === 0 && (await disk.stat("/run/systemd/system")) !== null;
}

/** Only loopback can be reached from it, and nothing can be gained in it. */
function asUnit(argv: readonly [string, string], owner: ProbeRun["owner"]): readonly [string, ...string[]] {
	const rules = [
		"IPAddressDeny=any",
		"IPAddressAllow=localhost",
		"NoNewPrivileges=yes",
		"ProtectSystem=strict",
	];
	return [
		"/usr/bin/systemd-run",
		"--wait",
		"--pipe",
		"--collect",
		"--quiet",
		"--description=keyturn's probe",
		`--uid=${owner.uid}`,
		`--gid=${owner.gid}`,
		...rules.flatMap((rule) => ["-p", rule]),
		"--",
		...argv,
	];
}
