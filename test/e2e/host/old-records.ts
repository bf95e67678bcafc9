/** The end of a turn on a test host: which key signs, and that the record of the one before is gone. */

import { type AgentHost, CONFIG_FILE } from "./agent-host.ts";
import { endUses } from "./documents.ts";
import { PRIMARY, SECONDARY } from "./name-servers.ts";

/** The guide's OpenDKIM signs no more: its keys are others' now, and a table that names them would hold their records. */
export async function clearOpenDkim(host: AgentHost): Promise<void> {
	await host.script(
		"systemctl disable -q --now opendkim 2>/dev/null; rm -rf /etc/opendkim/*; : >/etc/opendkim.conf",
	);
}

/** Gives each domain its signer in keyturn.yaml, in place of the one for all; old records need not outlast a long time to live. */
export async function assignSigners(
	host: AgentHost,
	signers: string,
	byDomain: Readonly<Record<string, string>>,
): Promise<void> {
	const text = (await host.read(CONFIG_FILE))
		.replace(/^signer: .*$/m, () => `signers:\n${signers}`)
		.replace("ttl: 5m", "ttl: 1s");
	const assigned = Object.entries(byDomain).reduce(
		(before, [domain, signer]) => before.replace(`name: ${domain},`, `name: ${domain}, signer: ${signer},`),
		text,
	);
	await host.write(CONFIG_FILE, assigned);
}

/** The selector in use of each domain. */
export async function activeSelectors(host: AgentHost): Promise<Readonly<Record<string, string>>> {
	const { domains } = JSON.parse((await host.keyturn("status --json")).stdout) as {
		domains: { domain: string; active: { selector: string } }[];
	};
	return Object.fromEntries(domains.map(({ domain, active: { selector } }) => [domain, selector]));
}

/** With the shortest grace, adopted keys too; waits until no server has a record under the selector at any of the domains. */
export async function retireAll(
	host: AgentHost,
	domains: readonly string[],
	selector: string,
): Promise<void> {
	// Grace is never shorter than mail may wait in the queue.
	await host.script(`
		echo 'retire: { grace: 1s, adopted: true }' >>${CONFIG_FILE}
		postconf -e maximal_queue_lifetime=1s; postfix reload 2>/dev/null
	`);
	for (const domain of domains) await endUses(host, domain);
	await host.eventually("the old records are gone", async () => {
		await host.keyturn("rotate");
		const found = await Promise.all(
			domains.flatMap((domain) =>
				[PRIMARY, SECONDARY].map(async (server) => host.txt(server, `${selector}._domainkey.${domain}`)),
			),
		);
		return found.every((values) => values.length === 0);
	});
}
