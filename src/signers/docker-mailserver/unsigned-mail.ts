/**
 * Whether the container's Postfix lets mail out while nothing signs it. With rspamd that is more than the moment of a stop: the
 * container restarts it as soon as any file below `rspamd` on the volume is new or another (check-for-changes.sh, from 15.0.1 on), so
 * that a key that is only placed there would have mail leave unsigned.
 */

import type { Disk } from "../../ports/disk.ts";
import { type Inside, leavesRspamd, postfixSays } from "./inside.ts";
import type { DockerMailserverSettings } from "./settings.ts";

/** What an administrator is told of the moment of a stop. */
export const UNSIGNED =
	"its Postfix lets mail out unsigned that comes while its signer is being stopped: put `milter_default_action = tempfail` into postfix-main.cf on the volume";

/** Why nothing is put onto a volume that rspamd is read from. */
const HELD =
	"its container restarts rspamd as soon as a key comes to lie on the volume, and its Postfix lets mail out unsigned meanwhile: put `milter_default_action = tempfail` into postfix-main.cf on the volume, and have the container made anew";
const NOT_YET =
	"postfix-main.cf on the volume says `milter_default_action = tempfail`, and its running Postfix does not, which would let mail out unsigned while rspamd is restarted: make the container anew once";

export function isHeld(problem: string): boolean {
	return problem === HELD || problem === NOT_YET;
}

/** Null where nothing could leave unsigned, or nothing is restarted by itself; what does not run lets nothing out. */
export async function whyHeld(of: Inside & { readonly disk: Disk }): Promise<string | null> {
	const { settings, disk } = of;
	if (settings.signs !== "rspamd") return null;
	const said = await postfixSays(of, "milter_default_action");
	if (said === "tempfail" || (await leavesRspamd(of))) return null;
	if (!(await defersUnsigned(disk, settings))) return HELD;
	return said === null ? null : NOT_YET;
}

/** Its image says accept; what postfix-main.cf says last counts (`postconf -e` of each line, when it is made). */
export async function defersUnsigned(disk: Disk, { volume }: DockerMailserverSettings): Promise<boolean> {
	const bytes = await disk.read(`${volume}/postfix-main.cf`, LIMIT_BYTES);
	const text = Buffer.from(bytes ?? new Uint8Array()).toString("latin1");
	return [...text.matchAll(ACTION)].at(-1)?.[1] === "tempfail";
}

const LIMIT_BYTES = 16 * 1024 * 1024;
const ACTION = /^\s*milter_default_action\s*=\s*(\w+)/gm;
