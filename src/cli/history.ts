/** `keyturn history`: what was done, when, and why. */

import { parseEvent } from "../agent/host-state.ts";
import { parseDomain } from "../dkim/names.ts";
import type { KeyturnEvent } from "../ports/alert-sink.ts";
import { inLocalTime, localMinute, wrap } from "../report/words.ts";
import { type CommandContext, EXIT, type Workbench } from "./workbench.ts";

export async function history(
	context: CommandContext,
	domain: string | null,
	options: { readonly json: boolean; readonly limit: number },
): Promise<number> {
	const bench = await context.open();
	const wanted = domain === null ? null : (parseDomain(domain) ?? domain);
	const events = (await bench.store.history(domain === null ? options.limit : Number.MAX_SAFE_INTEGER))
		.flatMap(readable)
		.filter((event) => wanted === null || event.domains.includes(wanted))
		.slice(-options.limit);
	context.terminal.result(
		options.json
			? JSON.stringify({ schema: 1, events }, null, 2)
			: events.map((event) => describe(event, bench.settings.timezone)).join("\n") || "nothing was done yet",
	);
	return EXIT.done;
}

const EVENTS_SHOWN = 20;

/** What a page shows of it, the newest last. */
export async function recentEvents({ store }: Pick<Workbench, "store">): Promise<readonly KeyturnEvent[]> {
	return (await store.history(EVENTS_SHOWN)).flatMap(readable);
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
	const words = inLocalTime(`${event.event}${phase}: ${event.summary}`, timezone);
	const head = wrap(`${localMinute(new Date(event.at), timezone)}  ${words}`, 79, "", "  ");
	if (event.severity === "info" || event.detail === null) return head;
	return `${head}\n${wrap(inLocalTime(event.detail, timezone), 79, "  ")}`;
}
