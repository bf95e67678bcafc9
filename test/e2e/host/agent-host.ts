/** A guide host with keyturn installed and configured as its administrator would. */

import type { KeyturnEvent } from "../../../src/ports/alert-sink.ts";
import { eventually } from "./eventually.ts";
import { type GuideHost, type GuideOptions, upGuideHost } from "./guide-host.ts";
import { CHECKOUT, NODE, type Outcome, type RunOptions } from "./mail-host.ts";
import { TSIG_KEY_FILE } from "./name-servers.ts";

export interface Configuration {
	readonly swap: "reload" | "restart";
	/** A duration; no time if left out. */
	readonly soak?: string;
	/** Of `verify`; an hour if left out. */
	readonly timeout?: string;
	/** Further lines of keyturn.yaml. */
	readonly more?: string;
}

export interface AgentHost extends GuideHost {
	/** Runs a command of keyturn as root, whatever its exit status. */
	keyturn(command: string, options?: RunOptions): Promise<Outcome>;
	configure(configuration: Configuration): Promise<void>;
	/** All that the alert sink was told, in order. */
	events(): Promise<readonly KeyturnEvent[]>;
	/** The selector that the key table gives each domain. */
	selectors(): Promise<Readonly<Record<string, string>>>;
	/** Waits for a state of the host, and fails with what keyturn and the services say of it. */
	eventually(what: string, isTrue: () => Promise<boolean>, seconds?: number): Promise<void>;
}

export const CONFIG_FILE = "/etc/keyturn/keyturn.yaml";
export const KEY_TABLE = "/etc/opendkim/key.table";
/** The agent's own directory is all that its unit may write to. */
const TOLD = "/var/lib/keyturn/told";
const PAGER = "/usr/local/bin/page";

/** With the units installed and not started: the command line does all by itself until a test starts them. */
export async function upAgentHost(
	configuration: Configuration,
	options: GuideOptions = {},
	install: (guide: GuideHost) => Promise<unknown> = fromCheckout,
): Promise<AgentHost> {
	const guide = await upGuideHost(options);
	try {
		await install(guide);
		await guide.script(`install -m 640 -g keyturn ${TSIG_KEY_FILE} /etc/keyturn/tsig.key`);
		await guide.write(PAGER, `#!/bin/sh\n{ cat; echo; } >>${TOLD}\n`, { mode: "0755" });
		const host = agentOf(guide);
		await host.configure(configuration);
		return host;
	} catch (thrown) {
		await guide.down();
		throw thrown;
	}
}

/** Has the door's own unit answer, which may write to these as well; a door of the command line's has all the rights of root. */
export async function behindWalls(host: AgentHost, paths: readonly string[] = []): Promise<void> {
	const settings = paths.map((path) => `ReadWritePaths=${path}\n`).join("");
	await host.script("mkdir -p /etc/systemd/system/keyturn-apply@.service.d");
	await host.write("/etc/systemd/system/keyturn-apply@.service.d/paths.conf", `[Service]\n${settings}`);
	await host.script("systemctl daemon-reload; systemctl enable -q --now keyturn-apply.socket");
}

async function fromCheckout(guide: GuideHost): Promise<void> {
	await guide.script(`NODE=${NODE} ${CHECKOUT}/systemd/install >/dev/null`);
}

function agentOf(guide: GuideHost): AgentHost {
	const keyturn: AgentHost["keyturn"] = async (command, options = {}) =>
		guide.in(["keyturn", ...command.split(" ")], { timeoutSeconds: 180, ...options });
	const explain = async (): Promise<string> => {
		const { stdout, stderr } = await keyturn("status");
		const journal = await guide.in(["journalctl", "-o", "cat", "-n", "40", "-u", "keyturn*", "--no-pager"]);
		const table = await guide.in(["cat", KEY_TABLE]);
		return `${stdout}${stderr}${table.stdout}${journal.stdout}`;
	};
	return Object.assign(guide, {
		keyturn,
		configure: async (configuration: Configuration) =>
			guide.write(CONFIG_FILE, configurationText(configuration, guide.domains)),
		events: async () => {
			const { stdout } = await guide.in(["cat", TOLD]);
			const lines = stdout.split("\n").filter((line) => line !== "");
			return lines.map((line) => JSON.parse(line) as KeyturnEvent);
		},
		selectors: async () => {
			const table = await guide.read(KEY_TABLE);
			const found = table.matchAll(/^\S+\s+([^:\s]+):([^:\s]+):/gm);
			return Object.fromEntries([...found].map(([, domain, selector]) => [domain, selector]));
		},
		eventually: async (what: string, isTrue: () => Promise<boolean>, seconds = 60) =>
			eventually(what, isTrue, { seconds, explain }),
	});
}

/** Short waits, and nothing spread: the tests wait for real time. */
function configurationText(configuration: Configuration, domains: readonly string[]): string {
	const { swap, soak = "0s", timeout = "1h", more = "" } = configuration;
	// Ten days away at least: no key is made ahead of its date meanwhile.
	const day = (new Date().getUTCDate() % 17) + 10;
	return `schedule: "0 3 ${day} * *"
timezone: UTC
jitter: 0s
record: { ttl: 5m }
verify: { soak: ${soak}, interval: 1s, timeout: ${timeout} }
signer: { type: opendkim, config: /etc/opendkim.conf, keys: /etc/opendkim/keys, swap: ${swap} }
providers:
  home: { type: rfc2136, server: "127.0.0.1:53", keyfile: /etc/keyturn/tsig.key }
domains:
${domains.map((domain) => `  - { name: ${domain}, provider: home }\n`).join("")}alerts:
  - { type: command, run: [${PAGER}] }
${more}`;
}
