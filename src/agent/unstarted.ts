/** Tells that what a switch stopped does not start again: an outage, whatever became of the keys, until the door owes nothing. */

import { KeyturnError } from "../errors.ts";
import type { InspectAnswer, SwitchResult } from "../ports/door.ts";
import { CAUSES } from "./causes.ts";
import type { Run } from "./run.ts";

/** Told at once: the next inspection may not come. */
export async function tellUnstarted(run: Run, { owed = [] }: SwitchResult): Promise<void> {
	if (owed.length > 0) await raise(run, owed);
}

/** What a door that was just asked still owes, or that it owes nothing any more. While the host starts it cannot tell. */
export async function tellPending(run: Run, { pending }: InspectAnswer): Promise<void> {
	if (pending === undefined) await run.end(CAUSES.start(), null);
	else if (pending.services.length > 0) await raise(run, pending.services);
}

/** What fails every domain of the host: a tick that leaves a mail server down is none that went well. */
export function pendingFault({ pending }: InspectAnswer): KeyturnError | null {
	if (pending === undefined || pending.services.length === 0) return null;
	return new KeyturnError("service.failed", pending.reason, { hint: pending.hint, retry: true });
}

async function raise(run: Run, services: readonly string[]): Promise<void> {
	const names = services.join(", ");
	await run.raise({
		cause: CAUSES.start(),
		event: "swap_failed",
		severity: "critical",
		domains: [],
		selector: null,
		summary: `${names} does not run: it did not start again after a switch`,
		detail: "until it runs mail waits, or goes out unsigned, and no other switch is made",
		hint: hintFor(run, services),
	});
}

/** A service that keyturn.yaml has commands for is no unit. */
function hintFor({ settings: { signers } }: Run, services: readonly string[]): string {
	const units = services.filter((name) =>
		signers.every(({ services: { commands } }) => !Object.hasOwn(commands, name)),
	);
	const others = services.filter((name) => !units.includes(name));
	return [
		...(units.length === 0 ? [] : [`see systemctl status ${units.join(" ")}`]),
		...(others.length === 0
			? []
			: [`see the log of ${others.join(" and ")}, which keyturn.yaml has commands for`]),
		"keyturn tries again every minute, and at once with: keyturn recover",
		...(units.length === 0 ? [] : ["it leaves a unit alone that is masked"]),
	].join("; ");
}
