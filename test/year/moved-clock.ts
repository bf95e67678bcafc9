/**
 * The clock of the host of a year, moved by libfaketime: every unit reads it, but the world around the host (secondary,
 * sink) and Postfix, which clears its environment. For the daemon all its clocks move together, as they do for a host that
 * lived through that time; it wakes by itself.
 */

import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentHost } from "../e2e/host/agent-host.ts";
import { OUTSIDE } from "../e2e/host/mail-host.ts";

export interface MovedClock {
	now(): Date;
	/** Waits for nobody. */
	moveTo(at: Date): Promise<void>;
	/** Moves between two ticks, and waits until the daemon has ended one that it began after that. */
	tickAt(at: Date): Promise<void>;
	/** The same a few minutes from now: the daemon sleeps no longer than five. */
	tickSoon(): Promise<void>;
	/** Does what makes the daemon start, and waits until its first tick has ended. */
	firstTickAfter(start: () => Promise<void>): Promise<void>;
}

const FAKETIME = "/usr/$LIB/faketime/libfaketime.so.1";
/** BIND's own allocator asks for the time before libfaketime can answer; this one does not. */
const ALLOCATOR = "libtcmalloc_minimal.so.4";
/** For whatever shall live in the moved time, to the second. */
export const CLOCK_ENVIRONMENT: Readonly<Record<string, string>> = {
	LD_PRELOAD: FAKETIME,
	FAKETIME_TIMESTAMP_FILE: `${OUTSIDE}/clock`,
	FAKETIME_NO_CACHE: "1",
	FAKETIME_DISABLE_SHM: "1",
	FAKETIME_DONT_FAKE_MONOTONIC: "1",
	NO_FAKE_STAT: "1",
};
/** Where the clock moves while the daemon waits for the lock, that wait is over, and it sleeps for five minutes, its longest. */
const TICK_SECONDS = 420;
const SOON_MS = 6 * 60_000;

/** For whatever asks often and can be a second behind. */
export const LAZY_ENVIRONMENT: Readonly<Record<string, string>> = {
	...CLOCK_ENVIRONMENT,
	FAKETIME_NO_CACHE: "0",
	FAKETIME_CACHE_DURATION: "1",
};
const LAZY = "Environment=FAKETIME_NO_CACHE=0 FAKETIME_CACHE_DURATION=1";

const NEEDED = `ldconfig -p | grep -q ${ALLOCATOR} || { echo "not installed: libtcmalloc-minimal4" >&2; exit 1; }
	ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null || { echo "not installed: faketime" >&2; exit 1; }`;

/** Takes effect when the host boots the next time. */
export async function setUpMovedClock(host: AgentHost, at: Date): Promise<MovedClock> {
	await host.script(NEEDED);
	const clock = clockOf(host);
	await clock.moveTo(at);
	const variables = Object.entries(CLOCK_ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
	await host.write(
		"/etc/systemd/system.conf.d/clock.conf",
		`[Manager]\nDefaultEnvironment=${variables.join(" ")}\n`,
	);
	for (const [unit, lines] of Object.entries(OWN_CLOCKS))
		await host.write(`/etc/systemd/system/${unit}.service.d/clock.conf`, `[Service]\n${lines}\n`);
	return clock;
}

/** Without /proc/uptime node asks for CLOCK_BOOTTIME, which moves along. */
const OWN_CLOCKS: Readonly<Record<string, string>> = {
	keyturn: "Environment=FAKETIME_DONT_FAKE_MONOTONIC=0\nBindReadOnlyPaths=/dev/null:/proc/uptime",
	"dns-primary": `Environment="LD_PRELOAD=${ALLOCATOR} ${FAKETIME}"`,
	"dns-secondary": "Environment=LD_PRELOAD=",
	"dns-lag": "Environment=LD_PRELOAD=",
	"dns-resolver": LAZY,
	opendkim: LAZY,
	sink: "Environment=LD_PRELOAD=",
	"systemd-journald": "Environment=LD_PRELOAD=",
	"systemd-logind": "Environment=LD_PRELOAD=",
};

function clockOf(host: AgentHost): MovedClock {
	let offsetSeconds = 0;
	const now = (): Date => new Date(Date.now() + offsetSeconds * 1000);
	const file = join(host.outside, "clock");
	const prepare = async (at: Date): Promise<void> => {
		offsetSeconds = Math.round((at.getTime() - Date.now()) / 1000);
		await writeFile(`${file}.new`, `${offsetSeconds < 0 ? "" : "+"}${offsetSeconds}\n`);
	};
	const tickAt = async (at: Date): Promise<void> => {
		await prepare(at);
		await waitForTick(host, now(), `flock lock mv ${OUTSIDE}/clock.new ${OUTSIDE}/clock`);
	};
	return {
		now,
		moveTo: async (at) => {
			await prepare(at);
			// At no moment may a reader find it empty.
			await rename(`${file}.new`, file);
		},
		tickAt,
		tickSoon: async () => tickAt(new Date(now().getTime() + SOON_MS)),
		firstTickAfter: async (start) => {
			const begun = now();
			await start();
			await waitForTick(host, begun, "");
		},
	};
}

/**
 * The state's epoch is never behind the clock of the tick that raised it. While the tick asks DNS it has no lock, but
 * sockets; it is over when the daemon has neither for a while.
 */
async function waitForTick(host: AgentHost, begun: Date, first: string): Promise<void> {
	const script = `cd /var/lib/keyturn; ${first}
		until read -r epoch 2>/dev/null <epoch && [ "$epoch" -ge ${begun.getTime() - 1000} ]; do sleep 0.1; done
		daemon=$(systemctl show --value -p MainPID keyturn)
		rests() { flock lock true; ! ss -Huap | grep -q "pid=$daemon,"; }
		until rests && sleep 0.1 && rests && sleep 0.1 && rests; do sleep 0.05; done`;
	const ended = await host.in(["bash", "--norc", "-c", script], { timeoutSeconds: TICK_SECONDS });
	if (ended.code === 0) return;
	const seen = await host.in(["bash", "-c", WHAT_IT_DOES]);
	throw new Error(`no tick of the daemon at ${begun.toISOString()}: ${ended.stderr}${seen.stdout}`);
}

/** For whoever has to find out why it does not tick. */
const WHAT_IT_DOES = `cat /proc/loadavg /var/lib/keyturn/epoch; date
	ps -eo pid,etimes,stat,wchan:20,args | grep -E "keyturn|systemctl|flock|postfix/master" | grep -v grep
	systemctl list-units --all --no-pager --plain "keyturn*"; systemctl list-jobs --no-pager
	ss -xap | grep keyturn; ss -Huap; journalctl -o short-precise -n 60 -u "keyturn*" --no-pager`;
