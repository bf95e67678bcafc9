/** What systemd, which watches over the daemon, is told and asks for: sd_notify(3), sd_watchdog_enabled(3). */

import type { Watchdog } from "../cli/workbench.ts";
import { directoryOf } from "../durable.ts";
import { asKeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";
import { isBooted } from "../system/transient-unit.ts";
import type { Machine } from "./machine.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const NOTIFY_MS = 5000;
const NEVER = new AbortController().signal;

/** Its own end is no sign that the agent gets on. */
export async function notify(machine: Machine, env: Environment, words: readonly string[]): Promise<void> {
	const { NOTIFY_SOCKET } = env;
	if (NOTIFY_SOCKET === undefined) return;
	const argv: readonly [string, ...string[]] = ["/usr/bin/systemd-notify", ...words];
	await (await machine.unwatchedPrograms())
		.run({ argv, timeoutMs: NOTIFY_MS, env: { NOTIFY_SOCKET } }, NEVER)
		.catch(async (thrown: unknown) =>
			(await machine.log()).debug("not notified", { error: asKeyturnError(thrown) }),
		);
}

/** What starts the daemon on this host: a command, and whose work it is where that is not systemd's. */
export async function daemonStart(disk: Pick<Disk, "stat">): Promise<string> {
	return (await isBooted(disk))
		? "systemctl start keyturn"
		: "keyturn run, as root under this host's supervisor";
}

/** The unit leaves a file when its watchdog has ended the daemon. */
export function watchdogOf({ disk, pulse }: Machine, env: Environment, pid: number): Watchdog {
	const { WATCHDOG_USEC, WATCHDOG_PID, STATE_DIRECTORY } = env;
	const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(pid);
	const patienceMs = isOurs ? Number(WATCHDOG_USEC ?? 0) / 1000 : 0;
	const left = STATE_DIRECTORY === undefined ? null : `${STATE_DIRECTORY}/hung`;
	return {
		patienceMs: patienceMs > 0 ? patienceMs : null,
		silentMs: () => pulse.silentMs(),
		endedAt: async () => (left === null ? null : ((await disk.lstat(left))?.modifiedAt ?? null)),
		async forget() {
			if (left === null) return;
			await disk.unlink(left);
			await disk.syncDirectory(directoryOf(left));
		},
	};
}
