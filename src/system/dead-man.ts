/** The dead man's switch: somebody else runs `keyturn recover` when a switch of services is not ended in time. */

import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { KeyturnError } from "../errors.ts";
import type { Programs } from "../ports/programs.ts";
import type { Random } from "../ports/random.ts";
import { DOOR_PROPERTIES } from "./transient-unit.ts";

export interface DeadMan {
	/** Repeatable: the latest time counts. */
	arm(afterMs: number): Promise<void>;
	disarm(): Promise<void>;
}

export const NO_DEAD_MAN: DeadMan = {
	arm: async () => undefined,
	disarm: async () => undefined,
};

/** A recovery that fails, or leaves a service that does not start, is run again this often; then it is left to the next request. */
const TRIES = 100;
const AGAIN_MS = 10_000;
const TIMERS = "keyturn-deadman-*.timer";
const DEADLINE_MS = 20_000;
const NEVER = new AbortController().signal;

export interface SystemdDeadManOptions {
	readonly programs: Programs;
	readonly random: Random;
	/** What is run; absolute. */
	readonly argv: readonly [string, ...string[]];
}

/**
 * A transient timer of systemd, under a fresh name each time: the new one ticks before the old is stopped, and only
 * timers are ever stopped, never a recovery that already runs (which may be ourselves).
 */
export function createSystemdDeadMan({ programs, random, argv }: SystemdDeadManOptions): DeadMan {
	const run = (program: string, args: readonly string[]) =>
		programs.run({ argv: [program, ...args], timeoutMs: DEADLINE_MS }, NEVER);
	/** Whoever armed them: a recovery that fails again and again would leave one each time, and each would become another. */
	const stopOthers = async (unit: string) => {
		const { stdout } = await run("/usr/bin/systemctl", [
			"list-units",
			"--plain",
			"--full",
			"--no-legend",
			"--",
			TIMERS,
		]);
		const names = stdout.split("\n").map((line) => line.trim().split(/\s+/)[0] ?? "");
		const others = names.filter((name) => name.endsWith(".timer") && name !== `${unit}.timer`);
		if (others.length > 0) await run("/usr/bin/systemctl", ["stop", "--", ...others]);
	};
	return {
		async arm(afterMs) {
			const unit = `keyturn-deadman-${random.id().slice(0, 12)}`;
			const { stderr } = await run("/usr/bin/systemd-run", [
				`--on-active=${Math.ceil(afterMs / 1000)}s`,
				"--timer-property=AccuracySec=1s",
				`--unit=${unit}`,
				"--description=keyturn recover, should a switch not end in time",
				// Should the recovery fail or be killed itself, nobody else would start the mail server again.
				"--property=Restart=on-failure",
				`--property=RestartSec=${AGAIN_MS / 1000}s`,
				"--property=StartLimitIntervalSec=1d",
				`--property=StartLimitBurst=${TRIES}`,
				...DOOR_PROPERTIES.map((property) => `--property=${property}`),
				"--collect",
				"--quiet",
				"--",
				...argv,
			]);
			const state = await run("/usr/bin/systemctl", [
				"show",
				"--property=ActiveState",
				"--",
				`${unit}.timer`,
			]);
			if (state.stdout.trim() !== "ActiveState=active") throw notArmed(stderr);
			await stopOthers(unit);
		},
		async disarm() {
			await run("/usr/bin/systemctl", ["stop", "--", TIMERS]);
		},
	};
}

/**
 * Waits and runs the rest of its arguments until they succeed; a process of its own, so that it outlives whoever armed it.
 */
const WATCH = `
const { spawn } = require("node:child_process");
const [ms, againMs, tries, program, ...args] = process.argv.slice(1);
const run = (left) => {
	const again = () => left > 1 && setTimeout(run, Number(againMs), left - 1);
	const child = spawn(program, args, { stdio: "ignore" });
	child.once("error", again);
	child.once("exit", (status) => status === 0 || again());
};
setTimeout(run, Number(ms), Number(tries));
`;

/**
 * A detached child, where no systemd runs; `argv` is run again `againMs` after it failed. One that another process armed for
 * the same is ended, but not the recovery that it may be running.
 */
export function createDetachedDeadMan(
	argv: readonly [string, ...string[]],
	{ againMs = AGAIN_MS, tries = TRIES }: { readonly againMs?: number; readonly tries?: number } = {},
): DeadMan {
	const disarm = async () => {
		for (const pid of await watchersOf(argv)) kill(pid);
	};
	return {
		async arm(afterMs) {
			await disarm();
			const given = [afterMs, againMs, tries].map(String);
			const child = spawn(process.execPath, ["-e", WATCH, "--", ...given, ...argv], {
				cwd: "/",
				detached: true,
				env: { PATH: process.env["PATH"], LANG: "C.UTF-8" },
				stdio: "ignore",
			});
			await new Promise<void>((resolve, reject) => {
				child.once("spawn", resolve);
				child.once("error", (error) => reject(notArmed(error.message)));
			});
			child.unref();
		},
		disarm,
	};
}

async function watchersOf(argv: readonly string[]): Promise<readonly number[]> {
	const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
	const found: number[] = [];
	for (const pid of pids) {
		// It may have ended meanwhile.
		const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0").slice(0, -1);
		const watched = words.slice(-argv.length);
		if (words.includes(WATCH) && watched.every((word, index) => word === argv[index]))
			found.push(Number(pid));
	}
	return found;
}

function kill(pid: number): void {
	try {
		process.kill(pid, "SIGKILL");
	} catch {
		// It has ended meanwhile.
	}
}

function notArmed(said: string): KeyturnError {
	return new KeyturnError(
		"service.failed",
		`the dead man's switch could not be armed: ${said.trim() || "its timer does not run"}`,
		{ hint: "no service was touched; see `systemctl list-timers` and the journal", retry: true },
	);
}
