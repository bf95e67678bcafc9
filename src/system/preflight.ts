/** What has to be true of a service before it is stopped: a fault left there weeks ago would become our outage. */

import type { Disk } from "../ports/disk.ts";
import type { ProgramResult, Programs } from "../ports/programs.ts";

export interface PreflightOptions {
	readonly service: string;
	/** Outside our sandbox: in the door's unit there is no AF_INET, and `postfix check` fails for that alone. */
	readonly programs: Programs;
	readonly disk: Pick<Disk, "stat">;
}

/** Absent where the service of this name is a container's. */
const POSTFIX = "/usr/sbin/postfix";
const DEADLINE_MS = 60_000;

/** Null if all is well. */
export async function preflightOf(options: PreflightOptions): Promise<string | null> {
	if (!(await isPostfix(options))) return null;
	const { status, stderr } = await askPostfix(options, "check");
	if (status === 0) return null;
	// Without a terminal postfix tells its faults to the mail log only.
	const said = stderr.trim().split("\n")[0];
	return `postfix check failed: ${said === undefined || said === "" ? "the mail log says why" : said}`;
}

/** Of a service whose units do not run: `postfix start` in a shell starts it all the same. Null if that cannot be told. */
export async function whyNotStopped(options: PreflightOptions): Promise<string | null> {
	// Of its instances `postfix status` tells of the first.
	if (/@(?!-)/.test(options.service) || !(await isPostfix(options))) return null;
	if ((await askPostfix(options, "status")).status !== 0) return null;
	return "it runs, but was not started by systemd: it would not be stopped, and let mail out while its signer is down; `postfix stop`, then `systemctl start postfix`";
}

async function isPostfix({ service, disk }: PreflightOptions): Promise<boolean> {
	return /^postfix(?:@|\.service$|$)/.test(service) && (await disk.stat(POSTFIX)) !== null;
}

async function askPostfix({ programs }: PreflightOptions, act: string): Promise<ProgramResult> {
	const request = { argv: [POSTFIX, act] as const, timeoutMs: DEADLINE_MS };
	return programs.run(request, new AbortController().signal);
}
