/** Runs programs outside the door's walls: it has no network and may write hardly anywhere, and a program of the administrator's may need both. */

import { KeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { ProgramRequest, ProgramResult, Programs } from "../ports/programs.ts";
import { tooSlow } from "./programs.ts";
import { inTransientUnit, isSystemd, limitSeconds } from "./transient-unit.ts";

/** Where systemd runs, each program is a transient unit of its own; elsewhere there are no walls. */
export function createOutsidePrograms(options: {
	readonly programs: Programs;
	readonly disk: Disk;
	readonly clock: Pick<Clock, "uptimeMs">;
}): Programs {
	const { programs, disk, clock } = options;
	return {
		async run(request, signal) {
			if (!(await isSystemd(disk))) return programs.run(request, signal);
			const startedMs = clock.uptimeMs();
			const result = await programs.run(asUnit(request), signal);
			if (result.status !== 0 && NO_BUS.test(result.stderr.trim())) throw notAsked(request.argv[0], result);
			// Of a unit that its limit has ended systemd-run says no more than that it failed.
			const isTooSlow = clock.uptimeMs() - startedMs >= limitSeconds(request.timeoutMs) * 1000;
			if (isTooSlow && result.status !== 0) throw tooSlow(request.argv[0], request.timeoutMs);
			return result;
		},
	};
}

/** Killing the client would leave the unit running: the unit has a limit of its own, a little before. */
const CLIENT_MS = 5_000;
/** For who does not end by SIGTERM: systemd would wait for a minute and a half, and the unit outlive its client. */
const STOP_SECONDS = 2;

/** All that systemd-run says where it could not ask for a unit: whoever waits for one asks by the system bus, root too. */
const NO_BUS = /^Failed to connect to (?:\S+ scope )?bus\b.*$/;

function notAsked(program: string, { stderr }: ProgramResult): KeyturnError {
	return new KeyturnError(
		"program.failed",
		`program ${program} could not be run as a unit: systemd-run: ${stderr.trim()}`,
		{ hint: "is dbus installed, and does it run? `systemctl status dbus`", retry: true },
	);
}

function asUnit({ argv, owner, env, timeoutMs, ...request }: ProgramRequest): ProgramRequest {
	const unit = inTransientUnit(
		{
			description: "a program of keyturn.yaml",
			...(owner === undefined ? {} : { owner }),
			...(env === undefined ? {} : { env }),
			limitMs: timeoutMs,
			properties: [`TimeoutStopSec=${STOP_SECONDS}`],
		},
		argv,
	);
	return { ...request, argv: unit, timeoutMs: timeoutMs + CLIENT_MS };
}
