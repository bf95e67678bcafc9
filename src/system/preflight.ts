/** What has to be true of a service before it is stopped: a fault left there weeks ago would become our outage. */

import type { Programs } from "../ports/programs.ts";

export interface PreflightOptions {
	readonly service: string;
	readonly programs: Programs;
	/** Stands before a check's own arguments: what takes it out of our sandbox. */
	readonly outside: readonly string[];
}

/** Absent where the service of this name is a container's. */
export const POSTFIX = "/usr/sbin/postfix";
const DEADLINE_MS = 60_000;

/** Null if all is well. */
export async function preflightOf({ service, programs, outside }: PreflightOptions): Promise<string | null> {
	return /^postfix(?:@|\.service$|$)/.test(service) ? checkPostfix(programs, outside) : null;
}

/** Without a terminal postfix tells its faults to the mail log only. */
async function checkPostfix(programs: Programs, outside: readonly string[]): Promise<string | null> {
	const [program, ...rest] = [...outside, POSTFIX, "check"];
	const request = { argv: [program, ...rest] as const, timeoutMs: DEADLINE_MS };
	const { status, stderr } = await programs.run(request, new AbortController().signal);
	if (status === 0) return null;
	const said = stderr.trim().split("\n")[0];
	return `postfix check failed: ${said === undefined || said === "" ? "the mail log says why" : said}`;
}
