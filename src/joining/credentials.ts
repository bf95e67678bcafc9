/** Gets a process to the credentials that the configuration names: those of its own unit, or, by running again in a unit, those of the agent's. */

import type { Disk } from "../ports/disk.ts";
import { credentialsIn } from "../settings/named-secrets.ts";
import type { Settings } from "../settings/settings.ts";
import type { Command, Stopping } from "../system/run-again.ts";
import type { OutsideTheUnit, SecretsOptions } from "../system/secrets.ts";
import type { Machine } from "./machine.ts";

export interface RunningCommand extends Command, Stopping {
	/** Resolves when all that was written is on its way. */
	flush(): Promise<void>;
	/** Ends the process. */
	end(status: number): never;
}

/** Of the unit that root runs the command in, before root is given up: whoever it goes on as may not read them. */
export async function heldCredentials(
	{ disk }: Machine,
	settings: Settings,
	{ env, isRoot }: Pick<SecretsOptions, "env"> & { readonly isRoot: boolean },
): Promise<SecretsOptions["held"]> {
	const names = credentialsIn(settings);
	if (names.length === 0 || !isRoot) return new Map();
	const { holdCredentials } = await import("../system/secrets.ts");
	return holdCredentials({ disk, env }, names);
}

/**
 * Why there are no credentials, where some are needed and none are `held`. Where the command can be run again in a unit that
 * has them it is, and the process ends as that did.
 */
export async function outsideTheUnit(
	machine: Machine,
	settings: Settings,
	command: RunningCommand,
	held: SecretsOptions["held"],
): Promise<OutsideTheUnit | null> {
	const names = credentialsIn(settings);
	if (names.length === 0 || held.size > 0 || (await isInUnit(machine.disk, command, names))) return null;
	const { planAgain, runAgain } = await import("../system/run-again.ts");
	const { runAttached } = await import("../system/attached-program.ts");
	const { disk, random, clock } = machine;
	const ports = { programs: await machine.programs(), disk, random, clock, start: runAttached };
	const again = await planAgain(ports, command, names);
	if (again.kind === "stays") return again;
	await command.flush();
	return command.end(await runAgain(ports, again, command));
}

/**
 * Up to systemd 256 who logs in at a console is handed on the directory of its getty (systemd/systemd#33996): what stands
 * outside of a unit of keyturn's is believed to be in one with its credentials only where one of `names` is there.
 */
async function isInUnit(
	disk: Pick<Disk, "stat">,
	{ env, isDaemon }: RunningCommand,
	names: readonly string[],
): Promise<boolean> {
	const { CREDENTIALS_DIRECTORY } = env;
	if (CREDENTIALS_DIRECTORY === undefined) return false;
	const { MARK } = await import("../system/secrets.ts");
	if (isDaemon || env[MARK] !== undefined) return true;
	for (const name of names) {
		const stat = await disk.stat(`${CREDENTIALS_DIRECTORY}/${name}`).catch(() => null);
		if (stat !== null) return true;
	}
	return false;
}
