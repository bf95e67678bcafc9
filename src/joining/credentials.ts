/** Gets a process to the credentials that the configuration names: those of its own unit, or, by running again in a unit, those of the agent's. */

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
 * Why there are no credentials, where some are needed. Where the command can be run again in a unit that has them it is,
 * and the process ends as that did.
 */
export async function outsideTheUnit(
	machine: Machine,
	settings: Settings,
	command: RunningCommand,
): Promise<OutsideTheUnit | null> {
	const names = credentialsIn(settings);
	if (names.length === 0 || command.env["CREDENTIALS_DIRECTORY"] !== undefined) return null;
	const { planAgain, runAgain } = await import("../system/run-again.ts");
	const { runAttached } = await import("../system/attached-program.ts");
	const { disk, random, clock } = machine;
	const ports = { programs: await machine.programs(), disk, random, clock, start: runAttached };
	const again = await planAgain(ports, command, names);
	if (again.kind === "stays") return again;
	await command.flush();
	return command.end(await runAgain(ports, again, command));
}
