/**
 * Services without systemd: one argument list per action from keyturn.yaml. `status` ending with 0 means running, with 1 to 125
 * stopped; anything else is no answer, and a service that runs unseen would go on with the old table.
 */

import { KeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { Log } from "../ports/log.ts";
import type { ProgramResult, Programs } from "../ports/programs.ts";
import type { Services } from "../ports/services.ts";
import type { DeadMan } from "./dead-man.ts";
import { packageWork } from "./dpkg-lock.ts";
import { createOutsidePrograms } from "./outside-programs.ts";
import { preflightOf } from "./preflight.ts";

export type ServiceAction = "stop" | "start" | "reload" | "status";

export interface CommandServicesOptions {
	/** `services.commands`. */
	readonly commands: Readonly<Record<string, Readonly<Record<ServiceAction, readonly string[]>>>>;
	readonly programs: Programs;
	readonly disk: Disk;
	readonly clock: Clock;
	readonly log: Log;
	readonly deadMan: DeadMan;
	/** Whether a started mail server answers; true for what has no such check. */
	readonly answers: (service: string) => Promise<boolean>;
}

const ACTION_MS = 120_000;
const STATUS_MS = 20_000;
const SETTLE_MS = 30_000;
/** Between looks at first; each is a program run. */
const POLL_MS = 100;
const LONGEST_POLL_MS = 2_000;
/** Beyond are the shell's words for what it could not run or what a signal ended, and ssh's for no connection. */
const LAST_STATUS = 125;
const NEVER = new AbortController().signal;

export function createCommandServices(options: CommandServicesOptions): Services {
	const { programs, disk, clock, deadMan } = options;
	const run = createRun(options);
	const says = async (service: string) => {
		const result = await run(service, "status", STATUS_MS);
		if (result.status === null || result.status > LAST_STATUS) throw unanswered(service, result);
		return result.status === 0;
	};
	// A supervisor that is just restarting what died says stopped for a moment.
	const isRunning = async (service: string) => {
		if (await says(service)) return true;
		await clock.sleep(POLL_MS, NEVER);
		return says(service);
	};
	const reach = async (service: string, action: "stop" | "start") => {
		const wanted = action === "start";
		if ((await isRunning(service)) === wanted) return;
		const result = await run(service, action, ACTION_MS);
		const until = clock.uptimeMs() + SETTLE_MS;
		for (
			let pause = POLL_MS;
			(await isRunning(service)) !== wanted;
			pause = Math.min(2 * pause, LONGEST_POLL_MS)
		) {
			if (clock.uptimeMs() >= until) throw failed(service, action, result);
			await clock.sleep(pause, NEVER);
		}
	};
	return {
		async look(service) {
			const state = (await isRunning(service)) ? "running" : "stopped";
			return { service, instances: [{ unit: service, state, startedAt: null }] };
		},
		stop: async (service, units) => {
			if (units.length > 0) await reach(service, "stop");
		},
		start: async (service, units) => {
			if (units.length > 0) await reach(service, "start");
		},
		reload: async (service, units) => {
			if (units.length === 0) return;
			const result = await run(service, "reload", ACTION_MS);
			if (result.status !== 0) throw failed(service, "reload", result);
		},
		preflight: async (service) =>
			preflightOf({ service, programs: createOutsidePrograms({ programs, disk, clock }), disk }),
		packageWork: () => packageWork(disk),
		answers: (service) => options.answers(service),
		hostPhase: async () => "running",
		armDeadMan: (afterMs) => deadMan.arm(afterMs),
		disarmDeadMan: () => deadMan.disarm(),
	};
}

function createRun({ commands, programs, log }: CommandServicesOptions) {
	return (service: string, action: ServiceAction, timeoutMs: number): Promise<ProgramResult> => {
		const [program, ...args] = commands[service]?.[action] ?? [];
		if (program === undefined) {
			throw new KeyturnError(
				"service.failed",
				`${service}: expected a command to ${action} it, none is configured`,
				{
					hint: `add services.commands.${service}.${action} to keyturn.yaml`,
				},
			);
		}
		log.debug("service command", { service, action });
		return programs.run({ argv: [program, ...args], timeoutMs }, NEVER);
	};
}

function unanswered(service: string, result: ProgramResult): KeyturnError {
	const sentence = `expected status to end with 0 (running) or 1 to ${LAST_STATUS} (stopped); it ${ended(result)}`;
	return failure(service, "status", sentence);
}

function failed(service: string, action: ServiceAction, result: ProgramResult): KeyturnError {
	return failure(service, action, `${action} did not have its effect: it ${ended(result)}`);
}

function failure(service: string, action: ServiceAction, sentence: string): KeyturnError {
	return new KeyturnError("service.failed", `${service}: ${sentence}`, {
		hint: `run services.commands.${service}.${action} by hand`,
		retry: true,
	});
}

function ended({ status, signal, stderr }: ProgramResult): string {
	const how = status === null ? `was ended by ${signal ?? "a signal"}` : `ended with ${status}`;
	const said = stderr.trim().split("\n")[0] ?? "";
	return said === "" ? how : `${how}; ${said}`;
}
