/** Asks whether a time source sets the clock: systemd-timesyncd leaves a file, and the kernel knows of every other. */

import type { Disk } from "../ports/disk.ts";
import type { Programs } from "../ports/programs.ts";
import type { TimeSource } from "../ports/time-source.ts";

/** systemd-timesyncd.service(8) */
const SYNCHRONISED = "/run/systemd/timesync/synchronized";
const TIMEDATECTL = "/usr/bin/timedatectl";
const DEADLINE_MS = 10_000;
const NEVER = new AbortController().signal;

export function createTimeSource({
	disk,
	programs,
}: {
	readonly disk: Pick<Disk, "stat">;
	readonly programs: Programs;
}): TimeSource {
	return async () => {
		if ((await disk.stat(SYNCHRONISED).catch(() => null)) !== null) return "synchronised";
		if ((await disk.stat(TIMEDATECTL).catch(() => null)) === null) return "unknown";
		const argv = [TIMEDATECTL, "show", "--property=NTPSynchronized", "--value"] as const;
		const said = await programs.run({ argv, timeoutMs: DEADLINE_MS }, NEVER).catch(() => null);
		const word = said?.status === 0 ? said.stdout.trim() : "";
		if (word === "yes") return "synchronised";
		return word === "no" ? "unsynchronised" : "unknown";
	};
}
