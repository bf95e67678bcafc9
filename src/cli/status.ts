/** `keyturn status`: is it well, what happens next, and when. */

import Table from "cli-table3";
import { asKeyturnError } from "../errors.ts";
import { parseHostState } from "../agent/host-state.ts";
import { buildStatus, type DomainStatus, type Status } from "../report/status.ts";
import { parseDomainState } from "../rotation/domain-state.ts";
import { moment, plain, relative, wrap } from "./words.ts";
import { type CommandContext, EXIT, type Workbench } from "./workbench.ts";

export async function status(context: CommandContext, options: { readonly json: boolean }): Promise<number> {
	const bench = await context.open();
	const built = await gather(bench);
	context.terminal.result(options.json ? JSON.stringify(built, null, 2) : render(built, bench));
	return EXIT.done;
}

/** Reads the state alone, so that it is quick and needs no privilege but that of reading it. */
export async function gather(bench: Workbench): Promise<Status> {
	const host = await bench.store.load("host");
	const hostState = host === null ? null : parseHostState(host.state);
	const domains = await Promise.all(
		bench.settings.policies.map(async (policy) => {
			try {
				const stored = await bench.store.load(`domains/${policy.domain}`);
				return { policy, state: stored === null ? null : parseDomainState(stored.state), damaged: null };
			} catch (thrown) {
				return { policy, state: null, damaged: asKeyturnError(thrown).message };
			}
		}),
	);
	return buildStatus({
		host: bench.settings.host,
		now: bench.clock.now(),
		daemon: await bench.daemonAlive(),
		domains,
		troubles: hostState?.troubles ?? [],
		undelivered: hostState?.outbox.filter((entry) => entry.tries > 0).length ?? 0,
	});
}

function render(built: Status, bench: Workbench): string {
	const now = new Date(built.at);
	const table = new Table({
		head: ["domain", "signs with", "since", "next turn", "state"],
		style: { head: [], border: [], compact: true },
		colWidths: [20, 14, 11, 11, 18],
		wordWrap: true,
		wrapOnWordBoundary: false,
	});
	for (const domain of built.domains) table.push(row(domain, now));
	const lines = [table.toString()];
	for (const domain of built.domains) lines.push(...waits(domain, now, bench));
	for (const trouble of built.troubles)
		lines.push(
			"",
			wrap(
				`${trouble.severity}: ${trouble.event} ${relative(new Date(trouble.since), now)}: ${trouble.summary}`,
				79,
			),
			...(trouble.detail === null ? [] : [wrap(trouble.detail, 79, "  ")]),
			...(trouble.hint === null ? [] : [wrap(`what to do: ${trouble.hint}`, 79, "  ")]),
		);
	if (built.undelivered > 0) lines.push("", `${built.undelivered} alerts are not delivered yet`);
	lines.push(
		"",
		built.daemon
			? "the daemon is running"
			: "the daemon is not running: start it with systemctl start keyturn",
	);
	return lines.join("\n");
}

function row(domain: DomainStatus, now: Date): string[] {
	if (domain.damaged !== null) return [domain.domain, "?", "?", "?", "state damaged"];
	return [
		plain(domain.domain),
		domain.active?.selector ?? "not known",
		domain.active === null ? "" : relative(new Date(domain.active.since), now),
		domain.nextDueAt === null ? "" : relative(new Date(domain.nextDueAt), now),
		domain.next === null
			? domain.active === null
				? "not seen yet"
				: "well"
			: `${domain.next.selector} ${domain.next.state}`,
	];
}

function waits(domain: DomainStatus, now: Date, bench: Workbench): readonly string[] {
	const timezone = bench.settings.policies.find((one) => one.domain === domain.domain)?.timezone ?? "UTC";
	if (domain.damaged !== null) return [wrap(`${domain.domain}: ${domain.damaged}`, 79)];
	if (domain.step !== null) return [wrap(`${domain.domain}: due now: ${domain.step}`, 79)];
	return domain.waits.map((wait) => {
		const subject = wait.selector === null ? domain.domain : `${domain.domain} ${wait.selector}`;
		const until = wait.until === null ? "" : ` (${moment(new Date(wait.until), now, timezone)})`;
		return wrap(`${subject}: ${wait.reason}${until}`, 79);
	});
}
