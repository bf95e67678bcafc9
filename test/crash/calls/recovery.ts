/** After a strike: what an administrator, or the next tick, would do; and what must hold at each point of it. */

import type { Outcome } from "../../servers/cli/cli-host.ts";
import type { CrashHost } from "./host.ts";
import { brokenPromises } from "./promises.ts";
import { remainsOf } from "./remains.ts";

/** Remainders from which all went well once: from the same it would again. */
export type Known = Set<string>;

/** `recover`, a tick, and one more turn from the beginning. */
export async function brokenAfterCrash(host: CrashHost, known: Known): Promise<readonly string[]> {
	const recovered = await host.turn.command(["recover"]);
	if (recovered.code !== 0) return [wrong("recover", recovered)];
	const afterRecovery = await brokenPromises(host, "recovery");
	if (afterRecovery.length > 0) return afterRecovery.map((one) => `after recover: ${one}`);
	return brokenAfterTick(host, known);
}

/** Where nothing died, a tick alone has to go on. */
export async function brokenAfterTick(host: CrashHost, known: Known): Promise<readonly string[]> {
	const ticked = await host.turn.command(["rotate"]);
	// That a switch was interrupted, and undone, is a failure that the next tick tells.
	if (ticked.code !== 0 && !(ticked.code === 1 && /the switch to \w+ was undone/.test(ticked.stdout)))
		return [wrong("the tick", ticked)];
	const afterTick = await brokenPromises(host, "tick");
	if (afterTick.length > 0) return afterTick.map((one) => `after the tick: ${one}`);
	const remains = `after a tick ${await remainsOf(host)}`;
	if (known.has(remains)) return [];
	const turned = await host.turn.command(["rotate", "--now", "--wait-max", "30s"], true);
	if (turned.code !== 0) return [wrong("the next turn", turned)];
	const afterTurn = await brokenPromises(host, "turn");
	if (afterTurn.length === 0) known.add(remains);
	return afterTurn.map((one) => `after the next turn: ${one}`);
}

function wrong(what: string, { code, stdout, stderr }: Outcome): string {
	return `${what} ended with ${code}: ${stdout}${stderr}`;
}
