/** `keyturn alert test`: tells a trouble that is none, and its end, through every alert that is configured; runs no hook. */

import { asKeyturnError } from "../errors.ts";
import type { AlertSink, KeyturnEvent } from "../ports/alert-sink.ts";
import { wrap } from "../report/words.ts";
import { type CommandContext, EXIT, type Workbench } from "./workbench.ts";

const DEADLINE_MS = 15_000;

interface Tried {
	readonly name: string;
	/** Null if it was taken for everybody. */
	readonly fault: string | null;
	readonly hint: string | null;
}

export async function alertTest(
	context: CommandContext,
	options: { readonly json: boolean },
): Promise<number> {
	const { terminal, signal } = context;
	const bench = await context.open();
	// A hook is nobody to be told: it puts keys in place elsewhere, and only a switch runs it.
	const sinks = (await bench.sinks()).filter(({ hook }) => hook === undefined);
	const tried: Tried[] = [];
	for (const sink of sinks) tried.push(await tryOne(bench, sink, signal));
	if (options.json) terminal.result(JSON.stringify({ schema: 1, alerts: tried }, null, 2));
	else if (tried.length === 0)
		terminal.result(`no alerts are configured in ${bench.settings.path}: a failure could stay unnoticed`);
	else for (const one of tried) terminal.result(wrap(describe(one), 79, "", "  "));
	return tried.some(({ fault }) => fault !== null) ? EXIT.failed : EXIT.done;
}

function describe({ name, fault, hint }: Tried): string {
	if (fault === null) return `${name}: taken`;
	return `${name}: not delivered: ${fault}${hint === null ? "" : `; ${hint}`}`;
}

async function tryOne(bench: Workbench, sink: AlertSink, signal: AbortSignal): Promise<Tried> {
	const within = bench.clock.deadline(DEADLINE_MS, signal);
	try {
		let shortfall: string | undefined;
		if (sink.beat !== undefined) await sink.beat({ phase: "success", text: "a test" }, within);
		else for (const event of testEvents(bench)) shortfall = await sink.deliver(event, within);
		return { name: sink.name, fault: shortfall ?? null, hint: null };
	} catch (thrown) {
		signal.throwIfAborted();
		const { message, hint } = asKeyturnError(thrown);
		return { name: sink.name, fault: message, hint };
	}
}

/** A start and an end, so that a receiver that opens incidents closes this one. */
function testEvents({ clock, random, settings }: Workbench): readonly [KeyturnEvent, KeyturnEvent] {
	const at = clock.now().toISOString();
	const start: KeyturnEvent = {
		schema: 1,
		id: random.id(),
		at,
		host: settings.host,
		event: "alert_undelivered",
		severity: "critical",
		trouble: "test",
		phase: "start",
		domains: [],
		selector: null,
		summary: "a test of keyturn's alerts; nothing is wrong",
		detail: "This is how a trouble is told.",
		hint: "nothing; its end follows at once",
		since: at,
		count: 1,
	};
	return [
		start,
		{
			...start,
			id: random.id(),
			severity: "info",
			phase: "end",
			summary: `over: ${start.summary}`,
			detail: "This is how its end is told.",
			hint: null,
		},
	];
}
