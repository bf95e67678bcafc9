/** The mail host of a year: the guide's, with keyturn as a service, configured as for monthly turns, and a clock that moves. */

import { mkdir, chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type AgentHost, CONFIG_FILE, upAgentHost } from "../e2e/host/agent-host.ts";
import { OUTSIDE } from "../e2e/host/mail-host.ts";
import { inside } from "../e2e/host/name-servers.ts";
import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";
import { TIMEZONE } from "./calendar.ts";
import { type MovedClock, setUpMovedClock } from "./moved-clock.ts";

export interface YearHost {
	readonly host: AgentHost;
	readonly clock: MovedClock;
}

export const MAIL_DIRECTORY = `${OUTSIDE}/mail`;
/** Enough for a year's log and queue, and soon filled. */
const DISK_MEGABYTES = 768;

/** The daemon runs, on the moved clock. */
export async function upYearHost(startAt: Date): Promise<YearHost> {
	const host = await upAgentHost(
		{ swap: "restart" },
		{ negativeTtlSeconds: 3600, milterDefaultAction: "tempfail", diskMegabytes: DISK_MEGABYTES },
	);
	try {
		await configure(host, "restart");
		const told = join(host.outside, "told");
		await mkdir(told);
		await chmod(told, 0o777);
		await host.write("/usr/local/bin/page", `#!/bin/sh\n{ cat; echo; } >>${OUTSIDE}/told/events\n`, {
			mode: "0755",
		});
		const sink = `${inside("sink")} 127.0.0.1 2526 ${MAIL_DIRECTORY}`;
		await host.write(
			"/etc/systemd/system/sink.service.d/outside.conf",
			`[Service]\nExecStart=\nExecStart=${sink}\n`,
		);
		// A minute, the unit's own, is a month here.
		await host.write(
			"/etc/systemd/system/keyturn.service.d/year.conf",
			`[Service]\nReadWritePaths=${OUTSIDE}/told\nRestartSec=1\n`,
		);
		const clock = await setUpMovedClock(host, startAt);
		await host.script(
			"systemctl enable -q keyturn-recover.service keyturn-apply.socket keyturn.service 2>/dev/null",
		);
		await host.cut();
		await clock.firstTickAfter(async () => host.boot());
		return { host, clock };
	} catch (thrown) {
		await host.down();
		throw thrown;
	}
}

export async function configure(host: AgentHost, swap: "reload" | "restart"): Promise<void> {
	await host.write(CONFIG_FILE, configurationText(host.domains, swap));
}

/** In the order in which they were told; an event told twice counts once. */
export async function eventsOf(host: AgentHost): Promise<readonly KeyturnEvent[]> {
	const text = await readFile(join(host.outside, "told", "events"), "utf8");
	const lines = text.split("\n").filter((line) => line !== "");
	const events = lines.map((line) => JSON.parse(line) as KeyturnEvent);
	return [...new Map(events.map((event) => [event.id, event])).values()];
}

function configurationText(domains: readonly string[], swap: "reload" | "restart"): string {
	return `schedule: "0 3 1 * *"
publish_ahead: 3d
window: "02:00-06:00"
timezone: ${TIMEZONE}
verify: { timeout: 24h }
retire: { grace: 14d }
signer: { type: opendkim, config: /etc/opendkim.conf, keys: /etc/opendkim/keys, swap: ${swap} }
providers:
  home: { type: rfc2136, server: "127.0.0.1:53", keyfile: /etc/keyturn/tsig.key }
domains:
${domains.map((domain) => `  - { name: ${domain}, provider: home }\n`).join("")}alerts:
  - { type: command, run: [/usr/local/bin/page] }
`;
}
