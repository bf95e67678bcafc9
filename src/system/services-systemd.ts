/**
 * Stops, starts and looks at services through systemctl. Its exit status is never believed (Debian's postfix.service is a
 * dummy that is stopped in 30 ms with its master alive): the unit's state and its control group are looked at instead.
 */

import { KeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { Log } from "../ports/log.ts";
import type { Programs } from "../ports/programs.ts";
import type { Services } from "../ports/services.ts";
import { isControlGroupEmpty } from "./control-group.ts";
import type { DeadMan } from "./dead-man.ts";
import { packageWork } from "./dpkg-lock.ts";
import { createOutsidePrograms } from "./outside-programs.ts";
import { preflightOf, whyNotStopped } from "./preflight.ts";
import {
	instancesOf,
	parseHostPhase,
	parseUnits,
	standsForOthers,
	UNIT_PROPERTIES,
	type UnitReading,
} from "./unit-state.ts";

export interface SystemdServicesOptions {
	readonly programs: Programs;
	readonly disk: Disk;
	readonly clock: Clock;
	readonly log: Log;
	readonly deadMan: DeadMan;
	/** Whether a started mail server answers; true for what has no such check. */
	readonly answers: (service: string) => Promise<boolean>;
}

const SYSTEMCTL = "/usr/bin/systemctl";
const READ_MS = 20_000;
/** Longer than systemd's own 90 s for a start or a stop. */
const JOB_MS = 120_000;
/** After the job has ended: an automatic restart, the last process of a control group. */
const SETTLE_MS = 15_000;
const POLL_MS = 50;
const NEVER = new AbortController().signal;

export function createSystemdServices(options: SystemdServicesOptions): Services {
	const { programs, disk, clock, deadMan } = options;
	const units = createUnits(options);
	return {
		async look(service) {
			const found = await units.ofService(service);
			return { service, instances: found.map((unit) => unit.instance) };
		},
		async stop(service, names) {
			if (names.length === 0) return;
			const before = await units.show(names);
			const said = await units.act("stop", names);
			const groups = new Set(before.flatMap((unit) => unit.controlGroup ?? []));
			const isStopped = async () => {
				const now = await units.show(names);
				for (const unit of now) if (unit.controlGroup !== null) groups.add(unit.controlGroup);
				return now.every((unit) => unit.isDown) && (await areEmpty(disk, groups));
			};
			if (!(await becomes(clock, isStopped)))
				throw failed(service, names, "stopped, with no process left", said);
		},
		async start(service, names) {
			if (names.length === 0) return;
			await units.act("reset-failed", names);
			const said = await units.act("start", names);
			let now: readonly UnitReading[] = [];
			const isSettled = async () => {
				now = await units.show(names);
				return now.every((unit) => unit.isActive) || now.some((unit) => unit.isDown);
			};
			await becomes(clock, isSettled);
			if (now.length > 0 && now.every((unit) => unit.isActive)) return;
			throw failed(service, names, "active", `${describe(now)}; ${said}`);
		},
		async reload(service, names) {
			if (names.length === 0) return;
			const fixed = (await units.show(names)).find((unit) => !unit.canReload);
			if (fixed !== undefined) throw failed(service, [fixed.unit], "able to reload", "it has no ExecReload");
			const { status, stderr } = await units.run("reload", names);
			if (status !== 0) throw failed(service, names, "reloaded", stderr.trim());
		},
		async preflight(service) {
			const found = await units.ofService(service);
			const masked = found.find((unit) => unit.isMasked && unit.isActive);
			if (masked !== undefined) {
				return `${masked.unit} runs but is masked: once stopped it could not be started; unmask or stop it`;
			}
			const asked = { service, programs: createOutsidePrograms({ programs, disk, clock }), disk };
			const isDown = found.every((unit) => unit.isDown);
			return (await preflightOf(asked)) ?? (isDown ? whyNotStopped(asked) : null);
		},
		packageWork: () => packageWork(disk),
		answers: (service) => options.answers(service),
		async hostPhase() {
			const { stdout, stderr } = await units.run("is-system-running", []);
			const phase = parseHostPhase(stdout);
			if (phase !== null) return phase;
			throw new KeyturnError(
				"service.failed",
				`systemctl is-system-running: expected a running systemd, got ${(stdout.trim() || stderr.trim()).slice(0, 200)}`,
				{ hint: "without systemd use `services: { manager: command }`" },
			);
		},
		armDeadMan: (afterMs) => deadMan.arm(afterMs),
		disarmDeadMan: () => deadMan.disarm(),
	};
}

function createUnits({ programs, log }: SystemdServicesOptions) {
	// It tells times where it stands, and learned to tell them otherwise (--timestamp) in systemd 247 only.
	const env = { TZ: "UTC" };
	const systemctl = (args: readonly string[], timeoutMs: number) =>
		programs.run({ argv: [SYSTEMCTL, "--no-pager", "--no-ask-password", ...args], env, timeoutMs }, NEVER);
	const show = async (names: readonly string[]): Promise<readonly UnitReading[]> => {
		const properties = `--property=${UNIT_PROPERTIES.join(",")}`;
		const { status, stdout, stderr } = await systemctl(["show", properties, "--", ...names], READ_MS);
		const found = parseUnits(stdout);
		// One that was cut off in the middle has the instances missing that run.
		if (status !== 0 || found.length === 0) throw failed("systemd", names, "described", stderr.trim());
		return found;
	};
	/** Debian's postfix.service is one: it is active, though its instances may all be stopped and forgotten. */
	const isPlaceholder = async (unit: string): Promise<boolean> =>
		standsForOthers((await systemctl(["show", "--property=ExecStart", "--", unit], READ_MS)).stdout);
	const run = (verb: string, names: readonly string[]) => {
		log.debug("systemctl", { verb, units: names });
		return systemctl(names.length === 0 ? [verb] : [verb, "--", ...names], JOB_MS);
	};
	return {
		show,
		run,
		async ofService(service: string): Promise<readonly UnitReading[]> {
			const found = instancesOf(await show(namesOf(service)));
			for (const { unit, isWithoutProcess } of found)
				if (isWithoutProcess && !(await isPlaceholder(unit))) throw unseen(unit);
			if (found.length > 0) return found;
			throw new KeyturnError(
				"service.failed",
				`${service}: expected a unit of this name, systemd knows none`,
				{
					hint: "name the service as systemd does under `services` in keyturn.yaml",
				},
			);
		},
		/** What systemctl said, for people; whether it did what was asked is looked at by the caller. */
		async act(verb: string, names: readonly string[]): Promise<string> {
			try {
				const { stderr } = await run(verb, names);
				return stderr.trim().split("\n")[0] ?? "";
			} catch (error) {
				if (error instanceof KeyturnError && error.code === "program.timeout") return error.message;
				throw error;
			}
		},
	};
}

/** The unit and, unless one instance is meant, every instance of its template. */
function namesOf(service: string): readonly string[] {
	const unit = service.endsWith(".service") ? service : `${service}.service`;
	return unit.includes("@") ? [unit] : [unit, unit.replace(/\.service$/, "@*.service")];
}

async function areEmpty(disk: Disk, groups: ReadonlySet<string>): Promise<boolean> {
	for (const group of groups) if (!(await isControlGroupEmpty(disk, group))) return false;
	return true;
}

async function becomes(clock: Clock, isTrue: () => Promise<boolean>): Promise<boolean> {
	const until = clock.uptimeMs() + SETTLE_MS;
	while (!(await isTrue())) {
		if (clock.uptimeMs() >= until) return false;
		await clock.sleep(POLL_MS, NEVER);
	}
	return true;
}

function describe(units: readonly UnitReading[]): string {
	const down = units.filter((unit) => !unit.isActive);
	return down.map((unit) => `${unit.unit} is ${unit.instance.state} (${unit.result})`).join(", ");
}

/** What it started somewhere else may run or not: a switch must not go past a mail server that it took for stopped. */
function unseen(unit: string): KeyturnError {
	return new KeyturnError(
		"service.failed",
		`${unit}: expected a unit with processes, got one that is active without any: whether what it started runs cannot be told`,
		{
			hint: "under `services` in keyturn.yaml name what runs it instead, or give it commands of its own: `manager: command`",
		},
	);
}

function failed(service: string, names: readonly string[], expected: string, got: string): KeyturnError {
	return new KeyturnError(
		"service.failed",
		`${service}: expected ${names.join(" ")} to be ${expected}, got: ${got || "nothing from systemctl"}`,
		{ hint: `see journalctl -u ${names[0] ?? service}`, retry: true },
	);
}
