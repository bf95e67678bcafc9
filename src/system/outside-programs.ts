/** Runs programs outside the door's walls: it has no network and may write hardly anywhere, and a program of the administrator's may need both. */

import type { Disk } from "../ports/disk.ts";
import type { ProgramRequest, Programs } from "../ports/programs.ts";
import { inTransientUnit, isSystemd } from "./transient-unit.ts";

/** Where systemd runs, each program is a transient unit of its own; elsewhere there are no walls. */
export function createOutsidePrograms(options: {
	readonly programs: Programs;
	readonly disk: Disk;
}): Programs {
	const { programs, disk } = options;
	return {
		run: async (request, signal) => programs.run((await isSystemd(disk)) ? asUnit(request) : request, signal),
	};
}

/** Killing the client would leave the unit running: the unit has a limit of its own, a little before. */
const CLIENT_MS = 5_000;

function asUnit({ argv, owner, env, timeoutMs, ...request }: ProgramRequest): ProgramRequest {
	const unit = inTransientUnit(
		{
			description: "a program of keyturn.yaml",
			...(owner === undefined ? {} : { owner }),
			...(env === undefined ? {} : { env }),
			properties: [`RuntimeMaxSec=${Math.ceil(timeoutMs / 1000)}`],
		},
		argv,
	);
	return { ...request, argv: unit, timeoutMs: timeoutMs + CLIENT_MS };
}
