/**
 * Two docker-mailservers on a guide host, one with OpenDKIM and one with rspamd, without Docker: a container is a unit with a mount
 * name space of its own, in which the volume, the signer's and Postfix's directories stand where the image has them.
 */

import { OPENDKIM_CONF } from "../../fakes/docker-mailserver-files.ts";
import type { AgentHost } from "./agent-host.ts";
import { SELECTOR } from "./guide-host.ts";
import { mainText } from "./rspamd.ts";

interface Container {
	readonly name: string;
	/** Where its mail server listens. */
	readonly port: number;
	readonly volume: string;
	readonly signs: "opendkim" | "rspamd";
}

export const WITH_OPENDKIM: Container = containerOf("mailserver-opendkim", 2625, "opendkim");
export const WITH_RSPAMD: Container = containerOf("mailserver-rspamd", 2626, "rspamd");
export const CONTAINER_TABLE = `${WITH_OPENDKIM.volume}/opendkim/KeyTable`;
export const CONTAINER_BLOCKS = `${WITH_RSPAMD.volume}/rspamd/override.d/dkim_signing.conf`;

/** `signers` of keyturn.yaml. */
export const CONTAINER_SIGNERS = [WITH_OPENDKIM, WITH_RSPAMD].map(signer).join("\n");

function containerOf(name: string, port: number, signs: Container["signs"]): Container {
	return { name, port, signs, volume: `/srv/${name}/config` };
}

function signer({ name, port, signs, volume }: Container): string {
	const commands = `${name}: { stop: [/usr/bin/systemctl, stop, ${name}], start: [/usr/bin/systemctl, start, ${name}], status: [/usr/bin/systemctl, is-active, --quiet, ${name}] }`;
	const services = `{ manager: command, stop: [${name}], start: [${name}], commands: { ${commands} } }`;
	return `  ${name}: { type: docker-mailserver, volume: ${volume}, signs: ${signs}, exec: [/usr/local/sbin/enter, ${name}], smtp: "127.0.0.1:${port}", swap: restart, services: ${services} }`;
}

/** The files that `setup config dkim` leaves on the volume, with this host's key; then the container is started. */
export async function setUpWithOpenDkim(host: AgentHost, domain: string): Promise<void> {
	const { volume } = WITH_OPENDKIM;
	const inside = `/etc/opendkim/keys/${domain}/${SELECTOR}.private`;
	await host.write(CONTAINER_TABLE, `mail._domainkey.${domain} ${domain}:${SELECTOR}:${inside}\n`);
	await host.write(`${volume}/opendkim/SigningTable`, `*@${domain} mail._domainkey.${domain}\n`);
	await host.write(`${volume}/opendkim/TrustedHosts`, "127.0.0.1\nlocalhost\n");
	await host.script(`
		install -D -m 600 /etc/opendkim/keys/${host.entryOf(domain)}.private ${volume}/opendkim/keys/${domain}/${SELECTOR}.private
	`);
	await host.write(`/srv/${WITH_OPENDKIM.name}/etc/opendkim.conf`, OPENDKIM_CONF);
	await startContainer(host, WITH_OPENDKIM, 8891, "/etc/opendkim");
}

/** The same for rspamd, whose override.d is the volume's. */
export async function setUpWithRspamd(host: AgentHost, domain: string): Promise<void> {
	const { name, volume } = WITH_RSPAMD;
	const etc = `/srv/${name}/etc/rspamd`;
	const path = "/etc/rspamd/override.d/dkim_signing.conf";
	await host.write(CONTAINER_BLOCKS, BLOCKS.replaceAll("example.com", domain));
	await host.write(
		`${etc}/rspamd.conf`,
		mainText({
			name: "rspamd",
			http: 11333,
			milter: 11332,
			signing: { path, text: "" },
			more: 'worker "controller" { bind_socket = "127.0.0.1:11334"; count = 1; secure_ip = "127.0.0.1"; }',
		}),
	);
	await host.write(`/srv/${name}/lib/tld`, "com\norg\nnet\nedu\n");
	await host.script(`
		ln -s /tmp/docker-mailserver/rspamd/override.d ${etc}/override.d
		install -d -o _rspamd -m 700 ${volume}/rspamd/dkim
		install -o _rspamd -m 600 /etc/opendkim/keys/${host.entryOf(domain)}.private ${volume}/rspamd/dkim/mail.private
		mkdir -p /srv/${name}/lib/rspamd; chown -R _rspamd: /srv/${name}/lib
	`);
	await startContainer(host, WITH_RSPAMD, 11332, "/run/rspamd");
}

/** Whether both have delivered all that they took. */
export async function haveDelivered(host: AgentHost): Promise<boolean> {
	const left = await Promise.all(
		[WITH_OPENDKIM, WITH_RSPAMD].map(async ({ name }) =>
			host.must(["enter", name, "sh", "-c", "postqueue -f; postqueue -j"]),
		),
	);
	return left.every((queue) => queue.trim() === "");
}

async function startContainer(
	host: AgentHost,
	{ name, port, volume, signs }: Container,
	milter: number,
	empty: string,
): Promise<void> {
	const own = `/srv/${name}`;
	const binds = {
		"/tmp/docker-mailserver": volume,
		"/etc/postfix": `${own}/etc/postfix`,
		"/var/spool/postfix": `${own}/spool`,
		"/var/lib/postfix": `${own}/postfix`,
		...(signs === "opendkim"
			? { "/etc/opendkim.conf": `${own}/etc/opendkim.conf` }
			: { "/etc/rspamd": `${own}/etc/rspamd`, "/var/lib/rspamd": `${own}/lib` }),
	};
	await host.write("/usr/local/sbin/enter", ENTER, { mode: "0755" });
	await host.write("/usr/local/sbin/mailserver", MAILSERVER, { mode: "0755" });
	await host.write(`${volume}/postfix-main.cf`, "milter_default_action = tempfail\n");
	await host.write(
		`/etc/systemd/system/${name}.service`,
		`[Service]
ExecStart=/usr/local/sbin/mailserver ${signs} ${milter}
TemporaryFileSystem=/tmp ${empty}
${Object.entries(binds)
	.map(([inside, outside]) => `BindPaths=${outside}:${inside}\n`)
	.join("")}`,
	);
	await host.script(`
		cp -a /etc/postfix ${own}/etc/postfix; cp -a /var/spool/postfix ${own}/spool; cp -a /var/lib/postfix ${own}/postfix
		rm -f ${own}/spool/pid/* ${own}/postfix/master.lock
		cp /usr/share/postfix/master.cf.dist ${own}/etc/postfix/master.cf
		postconf -c ${own}/etc/postfix -MX smtp/inet
		postconf -c ${own}/etc/postfix -M 127.0.0.1:${port}/inet='127.0.0.1:${port} inet n - n - - smtpd'
		postconf -c ${own}/etc/postfix -e maillog_file=/var/log/${name}.log milter_default_action=accept \\
			smtpd_milters=inet:127.0.0.1:${milter} non_smtpd_milters=inet:127.0.0.1:${milter}
		systemctl daemon-reload; systemctl start ${name}
	`);
	await host.eventually(`${name} listens`, async () => {
		const { stdout } = await host.in(["ss", "-ltn"]);
		return stdout.includes(`127.0.0.1:${port}`);
	});
}

/** As its guide prints it. */
const BLOCKS = `enabled = true;
sign_authenticated = true;
sign_local = true;
use_domain = "header";
use_redis = false; # don't change unless Redis also provides the DKIM keys
use_esld = true;
domain {
    example.com {
        path = "/tmp/docker-mailserver/rspamd/dkim/mail.private";
        selector = "${SELECTOR}";
    }
}
`;

/**
 * Its start, always that of a container made anew: OpenDKIM gets copies of the volume's tables and keys, Postfix what the volume
 * says of it, last of all. An rspamd that ends is started again, as supervisord does.
 */
const MAILSERVER = `#!/bin/bash
set -eu
case $1 in
opendkim)
	cp -a /tmp/docker-mailserver/opendkim/. /etc/opendkim/
	chown -R opendkim:opendkim /etc/opendkim; chmod -R 0700 /etc/opendkim/keys
	opendkim -f & ;;
rspamd)
	chown _rspamd: /run/rspamd
	while ! rspamd --no-fork --user=_rspamd --group=_rspamd; do sleep 1; done & ;;
esac
while read -r line; do postconf -e "$line"; done </tmp/docker-mailserver/postfix-main.cf
until (: </dev/tcp/127.0.0.1/$2) 2>/dev/null; do sleep 0.1; done
exec postfix start-fg
`;

/** In place of docker exec. */
const ENTER = `#!/bin/sh
name=$1; shift
exec nsenter -t "$(systemctl show -P MainPID "$name")" -m -- "$@"
`;
