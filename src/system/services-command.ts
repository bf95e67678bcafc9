/** Services without systemd: one argument list per action from keyturn.yaml; `status` ending with 0 means running. */

import { KeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { Log } from "../ports/log.ts";
import type { ProgramResult, Programs } from "../ports/programs.ts";
import type { Services } from "../ports/services.ts";
import type { DeadMan } from "./dead-man.ts";
import { packageWork } from "./dpkg-lock.ts";
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
const NEVER = new AbortController().signal;

export function createCommandServices(options: CommandServicesOptions): Services {
	const { programs, disk, clock, deadMan } = options;
	const run = createRun(options);
	const isRunning = async (service: string) => (await run(service, "status", STATUS_MS)).status === 0;
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
		preflight: (service) => preflightOf({ service, programs, outside: [] }),
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

function failed(service: string, action: ServiceAction, result: ProgramResult): KeyturnError {
	const said = result.stderr.trim().split("\n")[0] ?? "";
	const ended =
		result.status === null ? `ended by ${result.signal ?? "a signal"}` : `ended with ${result.status}`;
	return new KeyturnError(
		"service.failed",
		`${service}: ${action} did not have its effect: it ${ended}; ${said}`,
		{
			hint: `run services.commands.${service}.${action} by hand`,
			retry: true,
		},
	);
}
