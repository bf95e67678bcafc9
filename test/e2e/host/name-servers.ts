/** The DNS of a test host: BIND as primary on 127.0.0.1, a secondary that may lag on 127.0.0.2, unbound on 127.0.0.53. */

import { INSIDE } from "../../build.ts";
import { CHECKOUT, type MailHost, NODE } from "./mail-host.ts";

export const PRIMARY = "127.0.0.1";
export const SECONDARY = "127.0.0.2";
export const RESOLVER = "127.0.0.53";
export const TSIG_KEY_FILE = "/etc/bind/keyturn.key";
export const LAG_FILE = "/etc/dns-lag";

export interface Zone {
	readonly name: string;
	/** Lines of the zone file beside SOA, NS and what every mail domain has. */
	readonly records: string;
}

export async function setUpNameServers(
	host: MailHost,
	zones: readonly Zone[],
	options: { readonly lagSeconds: number; readonly negativeTtlSeconds: number },
): Promise<void> {
	await host.script("rm -rf /etc/bind /etc/bind2; mkdir -p /etc/bind/zones /etc/bind2/zones");
	await host.write(LAG_FILE, `${options.lagSeconds}\n`);
	for (const zone of zones)
		await host.write(`/etc/bind/zones/${zone.name}`, zoneText(zone, options.negativeTtlSeconds));
	const names = zones.map((zone) => zone.name);
	await host.write("/etc/bind/named.conf", primaryConfiguration(names));
	await host.write("/etc/bind2/named.conf", secondaryConfiguration(names));
	await host.write("/etc/unbound/keyturn.conf", resolverConfiguration(names));
	for (const [unit, text] of Object.entries(units(names)))
		await host.write(`/etc/systemd/system/${unit}.service`, text);
	await host.script(`
		tsig-keygen -a hmac-sha256 keyturn > ${TSIG_KEY_FILE}
		chown -R bind:bind /etc/bind /etc/bind2; chmod 640 ${TSIG_KEY_FILE}
		rm -f /etc/resolv.conf; echo 'nameserver ${RESOLVER}' > /etc/resolv.conf
		systemctl daemon-reload
		systemctl enable -q loopback dns-primary dns-secondary dns-resolver dns-lag
		systemctl start loopback dns-primary dns-secondary dns-resolver dns-lag
	`);
}

function zoneText(zone: Zone, negativeTtlSeconds: number): string {
	return `$TTL 300
@ IN SOA ns1.${zone.name}. hostmaster.${zone.name}. 1 86400 600 864000 ${negativeTtlSeconds}
@ IN NS ns1
@ IN NS ns2
@ IN MX 10 mail
@ IN TXT "v=spf1 mx -all"
_dmarc IN TXT "v=DMARC1;p=quarantine;sp=quarantine;adkim=r;aspf=r"
ns1 IN A ${PRIMARY}
ns2 IN A ${SECONDARY}
mail IN A 127.0.0.1
${zone.records}
`;
}

function options(directory: string, address: string): string {
	return `options {
	directory "${directory}"; pid-file none; session-keyfile "${directory}/session.key"; managed-keys-directory "${directory}";
	listen-on { ${address}; }; listen-on-v6 { none; }; query-source address ${address}; transfer-source ${address};
	recursion no; dnssec-validation no; notify no; allow-transfer { 127.0.0.0/8; };
};
controls { };
`;
}

function primaryConfiguration(zones: readonly string[]): string {
	const parts = zones.map(
		(zone) =>
			`zone "${zone}" { type primary; file "/etc/bind/zones/${zone}"; allow-update { key keyturn; }; };\n`,
	);
	return `include "${TSIG_KEY_FILE}";\n${options("/etc/bind", PRIMARY)}${parts.join("")}`;
}

function secondaryConfiguration(zones: readonly string[]): string {
	const parts = zones.map(
		(zone) =>
			`zone "${zone}" { type secondary; file "/etc/bind2/zones/${zone}"; primaries { ${PRIMARY}; }; };\n`,
	);
	return `${options("/etc/bind2", SECONDARY)}${parts.join("")}`;
}

function resolverConfiguration(zones: readonly string[]): string {
	const stubs = zones.map(
		(zone) => `stub-zone:\n  name: ${zone}\n  stub-addr: ${PRIMARY}\n  stub-addr: ${SECONDARY}\n`,
	);
	return `server:
  interface: ${RESOLVER}
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-ip6: no
  module-config: "iterator"
  username: ""
  chroot: ""
  directory: "/etc/unbound"
${stubs.join("")}`;
}

function units(zones: readonly string[]): Record<string, string> {
	const lag = `${inside("lag")} ${PRIMARY} ${SECONDARY} ${LAG_FILE} ${zones.join(" ")}`;
	return {
		loopback: `[Unit]
Before=dns-primary.service dns-secondary.service dns-resolver.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=-/bin/ip addr add ${SECONDARY}/8 dev lo
ExecStart=-/bin/ip addr add ${RESOLVER}/8 dev lo
[Install]
WantedBy=multi-user.target
`,
		"dns-primary": daemonUnit("/usr/sbin/named -f -u bind -c /etc/bind/named.conf"),
		"dns-secondary": daemonUnit("/usr/sbin/named -f -u bind -c /etc/bind2/named.conf"),
		"dns-resolver": daemonUnit("/usr/sbin/unbound -d -c /etc/unbound/keyturn.conf"),
		"dns-lag": daemonUnit(lag),
	};
}

/** The command line that runs one of `test/e2e/inside/` in the host. */
export function inside(program: string): string {
	return `${NODE} ${CHECKOUT}/${INSIDE}/${program}.mjs`;
}

export function daemonUnit(command: string): string {
	return `[Service]
WorkingDirectory=${CHECKOUT}
ExecStart=${command}
Restart=on-failure
[Install]
WantedBy=multi-user.target
`;
}
