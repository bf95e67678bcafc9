/** `keyturn history`: what was done, when, and why. */

import { parseEvent } from "../agent/host-state.ts";
import type { KeyturnEvent } from "../ports/alert-sink.ts";
import { localMinute, wrap } from "./words.ts";
import { type CommandContext, EXIT } from "./workbench.ts";

export async function history(
	context: CommandContext,
	domain: string | null,
	options: { readonly json: boolean; readonly limit: number },
): Promise<number> {
	const bench = await context.open();
	const events = (await bench.store.history(options.limit))
		.flatMap(readable)
		.filter((event) => domain === null || event.domains.includes(domain.toLowerCase()));
	context.terminal.result(
		options.json
			? JSON.stringify({ schema: 1, events }, null, 2)
			: events.map((event) => describe(event, bench.settings.timezone)).join("\n") || "nothing was done yet",
	);
	return EXIT.done;
}

/** The history is derived: a line that cannot be read is left out. */
function readable(entry: unknown): readonly KeyturnEvent[] {
	try {
		return [parseEvent(entry, "event")];
	} catch {
		return [];
	}
}

function describe(event: KeyturnEvent, timezone: string): string {
	const phase = event.phase === null ? "" : ` ${event.phase}`;
	return wrap(`${localMinute(new Date(event.at), timezone)}  ${event.event}${phase}: ${event.summary}`, 79);
}
