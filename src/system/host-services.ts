/** The services of this host, by the managers that keyturn.yaml names for them; the host itself is systemd's wherever it runs. */

import type { Random } from "../ports/random.ts";
import type { Services } from "../ports/services.ts";
import { createDetachedDeadMan, createSystemdDeadMan, NO_DEAD_MAN } from "./dead-man.ts";
import { keepDependents } from "./dependent-units.ts";
import { mixServices } from "./mixed-services.ts";
import { type CommandServicesOptions, createCommandServices } from "./services-command.ts";
import { createSystemdServices } from "./services-systemd.ts";
import { isSystemd } from "./transient-unit.ts";

export interface HostServicesOptions extends Omit<CommandServicesOptions, "deadMan"> {
	readonly random: Random;
	/** Services that systemd runs, and those that `commands` do. */
	readonly byUnit: readonly string[];
	readonly byCommand: readonly string[];
	/** What the dead man's switch runs; absolute. */
	readonly recover: readonly [string, ...string[]];
	/** This is what it has run: who runs it does so again where it fails, and another would only come on top. */
	readonly isDeadMan: boolean;
}

/**
 * Only a timer of systemd's outlives the door: a child of the door's is in its control group, and is killed with it, session of
 * its own or not. So commands stand alone only where no systemd runs.
 */
export async function createHostServices(options: HostServicesOptions): Promise<Services> {
	const { byUnit, byCommand, programs, random, recover, isDeadMan, log } = options;
	const hasSystemd = byUnit.length > 0 || (await isSystemd(options.disk));
	const whole = hasSystemd
		? createSystemdDeadMan({ programs, random, argv: recover })
		: createDetachedDeadMan(recover);
	const deadMan = isDeadMan ? { ...NO_DEAD_MAN, disarm: async () => whole.disarm() } : whole;
	if (!hasSystemd) return createCommandServices({ ...options, deadMan });
	return mixServices({
		units: keepDependents(createSystemdServices({ ...options, deadMan }), { programs, log, own: byUnit }),
		commands: createCommandServices({ ...options, deadMan }),
		isByCommand: (service) => byCommand.includes(service),
	});
}
