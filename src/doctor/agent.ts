/** Whether the agent is at work, and what it has to complain of itself. */

import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

const DAY_MS = 86_400_000;

export function checkAgent(facts: Facts): readonly Finding[] {
	return [...daemon(facts), ...troubles(facts), ...alerts(facts), ...states(facts)];
}

/** Who runs `keyturn rotate` from a timer of his own needs no daemon; one that was just started has not ticked yet. */
function daemon(facts: Facts): readonly Finding[] {
	const { isDaemonAlive, lastTickAt } = facts.agent;
	if (lastTickAt !== null && facts.now.getTime() - lastTickAt.getTime() <= DAY_MS) return [];
	const last = lastTickAt === null ? null : `the last look was on ${lastTickAt.toISOString().slice(0, 10)}`;
	if (!isDaemonAlive) return stopped(last ?? "nothing has run yet", facts);
	return last === null ? [] : stuck(last, facts);
}

function stopped(last: string, { recovery }: Facts): readonly Finding[] {
	return [
		finding("daemon.stopped", "keyturn", {
			summary: `the daemon does not run, and ${last}: no key will be turned`,
			...(recovery === "absent"
				? {
						advice:
							"install keyturn's units; or, on a host without systemd, have its supervisor run this as root",
						command: "keyturn run",
					}
				: { command: "systemctl enable --now keyturn-apply.socket keyturn.service" }),
		}),
	];
}

/** What keeps its ticks from going through, a full disk say, mostly keeps it from remembering a trouble too. */
function stuck(last: string, { recovery, settings }: Facts): readonly Finding[] {
	return [
		finding("daemon.stuck", "keyturn", {
			summary: `the daemon runs, but gets on with nothing, and ${last}: no key will be turned`,
			advice: `its log says why; can ${settings.state} be written, or does another keyturn hold the lock?`,
			...(recovery === "absent" ? {} : { command: "journalctl -u keyturn.service" }),
		}),
	];
}

function troubles({ agent }: Facts): readonly Finding[] {
	return agent.troubles.map(({ event, severity, summary, hint, domains }) =>
		finding("trouble.standing", domains.length === 1 ? (domains[0] ?? "keyturn") : "keyturn", {
			summary: `${event}: ${summary}`,
			...(hint === null ? { command: "keyturn status" } : { advice: hint }),
			severity: severity === "info" ? "warning" : severity,
		}),
	);
}

function alerts({ agent }: Facts): readonly Finding[] {
	if (agent.undelivered === 0) return [];
	const many = agent.undelivered === 1 ? "an alert" : `${agent.undelivered} alerts`;
	return [
		finding("alert.undelivered", "alerts", {
			summary: `${many} could not be delivered yet: nobody may know what stands above`,
			command: "keyturn alert test",
		}),
	];
}

function states({ domains, settings }: Facts): readonly Finding[] {
	const files = `${settings.state}/domains`;
	return domains.flatMap(({ policy: { domain }, damaged, isLeft, remedy }) => {
		if (damaged === null) return [];
		const file = `${files}/${domain}.json`;
		if (isLeft === true)
			return [
				finding("state.damaged", domain, {
					summary: `what is remembered of its keys cannot be read, and nothing is done with it: ${damaged}`,
					advice:
						remedy === undefined
							? `run the keyturn that wrote it, or restore ${file} from a backup; removed, it has keyturn begin anew from what signs`
							: (remedy ?? `the next tick reads ${file} again`),
				}),
			];
		return [
			finding("state.damaged", domain, {
				summary: `what is remembered of its keys cannot be read: ${damaged}`,
				advice: `the next tick keeps the damaged file aside in ${files}, and begins anew from what signs`,
				command: `keyturn rotate ${domain}`,
			}),
		];
	});
}
