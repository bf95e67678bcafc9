/** Signers beside OpenDKIM and rspamd on a guide host: dkimpy-milter, Exim behind Postfix, and one that keyturn does not know. */

import { UNPACKED } from "../../run/suites.ts";
import { type GuideHost, SELECTOR } from "./guide-host.ts";

const EXIM = `${UNPACKED}/usr/sbin/exim4`;

/** `signers` of keyturn.yaml, by the names that the set-ups here are told. */
export const OTHER_SIGNERS = `  py: { type: dkimpy, keys: /etc/dkimpy-milter/keys, swap: restart, services: { stop: [postfix, dkimpy-milter], start: [dkimpy-milter, postfix] } }
  mta: { type: exim, table: /etc/exim4/dkim.table, keys: /etc/exim4/dkim, program: ${EXIM}, swap: reload, services: { stop: [exim-out], start: [exim-out] } }
  own: { type: command, table: /etc/dkimkeys/in-use, keys: /etc/dkimkeys, apply: [/bin/sh, -c, 'name=apply-keys; exec "/usr/local/sbin/\${name}"'], prove: [/usr/local/sbin/prove-keys], swap: reload, services: { stop: [postfix, opendkim2], start: [opendkim2, postfix] } }`;

export const DKIMPY_TABLE = "/etc/dkimpy-milter/keytable";
export const EXIM_TABLE = "/etc/exim4/dkim.table";
export const OWN_TABLE = "/etc/dkimkeys/in-use";

/** An address of the host that is not loopback for what filters addresses, and has a name. */
export const DKIMPY_HOST = { name: "signer.internal", address: "10.99.0.1" };

/** A milter on port 8892 of an address of its own, named in its configuration. */
export async function setUpDkimpy(host: GuideHost, domain: string): Promise<void> {
	await host.write(
		"/etc/dkimpy-milter/dkimpy-milter.conf",
		`Syslog yes
Socket inet:8892@${DKIMPY_HOST.name}
UserID dkimpy-milter
KeyTable file:${DKIMPY_TABLE}
SigningTable refile:/etc/dkimpy-milter/signingtable
Mode s
`,
	);
	await host.write(DKIMPY_TABLE, `shop ${domain}:${SELECTOR}:/etc/dkimpy-milter/shop.key\n`);
	await host.write("/etc/dkimpy-milter/signingtable", `*@${domain} shop\n`);
	await host.script(`
		mv /etc/opendkim/keys/${host.entryOf(domain)}.private /etc/dkimpy-milter/shop.key
		chown dkimpy-milter: /etc/dkimpy-milter/shop.key
		install -d -o dkimpy-milter -m 700 /etc/dkimpy-milter/keys
		install -d -o dkimpy-milter /run/dkimpy-milter
		ip address add ${DKIMPY_HOST.address}/32 dev lo
		echo '${DKIMPY_HOST.address} ${DKIMPY_HOST.name}' >> /etc/hosts
		systemctl start dkimpy-milter
	`);
}

/** Not named exim4: Debian's postfix.service conflicts with that. Takes the domain's mail from Postfix, signs it at delivery, and hands it to the sink; the three macros are the manual's. */
export async function setUpExim(host: GuideHost, domain: string): Promise<void> {
	await host.write("/etc/exim4/exim4.conf", EXIM_CONF);
	await host.write(
		"/etc/systemd/system/exim-out.service",
		`[Service]\nType=simple\nExecStart=${EXIM} -bdf -q5s -oX 127.0.0.1.2527\n`,
	);
	await host.write(EXIM_TABLE, `${domain}: selector=${SELECTOR} key=/etc/exim4/dkim/shop.key\n`);
	await host.script(`
		install -d -o Debian-exim -g Debian-exim -m 750 /var/spool/exim4 /var/log/exim4
		install -d -o Debian-exim -m 700 /etc/exim4/dkim
		mv /etc/opendkim/keys/${host.entryOf(domain)}.private /etc/exim4/dkim/shop.key
		chown Debian-exim: /etc/exim4/dkim/shop.key ${EXIM_TABLE}
		postconf -e 'sender_dependent_relayhost_maps=inline:{ {@${domain}=[127.0.0.1]:2527} }'
		systemctl daemon-reload; systemctl start exim-out
		for try in $(seq 50); do
			ss -ltn | grep -q 127.0.0.1:2527 && exit 0
			sleep 0.2
		done
		systemctl status -l exim-out; cat /var/log/exim4/*; exit 1
	`);
}

/** Whether Exim has delivered all that it took. */
export async function hasEximDelivered(host: GuideHost): Promise<boolean> {
	return (await host.must([EXIM, "-bpc"])).trim() === "0";
}

/** A second OpenDKIM on port 8893, with copies of the keys and tables of its own: all that keyturn knows are two programs. */
export async function setUpOwn(host: GuideHost, domain: string): Promise<void> {
	await host.write(
		"/etc/opendkim2.conf",
		`Syslog yes
UserID opendkim
KeyTable file:/etc/opendkim2/key.table
SigningTable refile:/etc/opendkim2/signing.table
Mode s
Socket inet:8893@127.0.0.1
Background no
Nameservers 127.0.0.53
`,
	);
	await host.write(
		"/etc/systemd/system/opendkim2.service",
		"[Service]\nType=simple\nExecStart=/usr/sbin/opendkim -x /etc/opendkim2.conf\nExecReload=/bin/kill -USR1 $MAINPID\n",
	);
	await host.write("/usr/local/sbin/apply-keys", APPLY, { mode: "0755" });
	await host.write("/usr/local/sbin/prove-keys", PROVE, { mode: "0755" });
	await host.write(OWN_TABLE, `${domain} ${SELECTOR} /etc/dkimkeys/shop.private\n`);
	await host.script(`
		mv /etc/opendkim/keys/${host.entryOf(domain)}.private /etc/dkimkeys/shop.private
		chown root: /etc/dkimkeys/shop.private /etc/dkimkeys
		mkdir -p /etc/opendkim2/keys; chown -R opendkim: /etc/opendkim2; chmod 700 /etc/opendkim2/keys
		install -o opendkim -m 600 /etc/dkimkeys/shop.private /etc/opendkim2/keys/${domain}.${SELECTOR}
		echo '${domain} ${domain}:${SELECTOR}:/etc/opendkim2/keys/${domain}.${SELECTOR}' > /etc/opendkim2/key.table
		echo '*@${domain} ${domain}' > /etc/opendkim2/signing.table
		systemctl daemon-reload; systemctl start opendkim2
	`);
}

const EXIM_CONF = `DKIM_DOMAIN = \${lookup{\${lc:$sender_address_domain}}lsearch{${EXIM_TABLE}}{\${lc:$sender_address_domain}}}
DKIM_SELECTOR = \${extract{selector}{\${lookup{$dkim_domain}lsearch{${EXIM_TABLE}}}}}
DKIM_PRIVATE_KEY = \${extract{key}{\${lookup{$dkim_domain}lsearch{${EXIM_TABLE}}}}}

exim_path = ${EXIM}
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
primary_hostname = mail.example.com
keep_environment =
tls_advertise_hosts =
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
queue_run_max = 20
acl_smtp_rcpt = accept
begin routers
sink:
  driver = manualroute
  route_list = * 127.0.0.1 byname
  self = send
  transport = remote_smtp
begin transports
remote_smtp:
  driver = smtp
  port = 2526
  hosts_try_fastopen =
  dkim_domain = DKIM_DOMAIN
  dkim_selector = DKIM_SELECTOR
  dkim_private_key = DKIM_PRIVATE_KEY
begin retry
* * F,1h,1s
`;

const APPLY = `#!/usr/bin/perl
use strict; use JSON::PP;
my $request = decode_json(do { local $/; <STDIN> });
my ($keys, $signing) = ("", "");
for my $key (@{$request->{keys}}) {
	my $copy = "/etc/opendkim2/keys/$key->{domain}.$key->{selector}";
	system("install", "-o", "opendkim", "-m", "600", $key->{keyFile}, $copy) == 0 or die "no copy\\n";
	$keys .= "$key->{domain} $key->{domain}:$key->{selector}:$copy\\n";
	$signing .= "*\\@$key->{domain} $key->{domain}\\n";
}
for (["key.table", $keys], ["signing.table", $signing]) {
	my ($name, $text) = @$_;
	open(my $out, ">", "/etc/opendkim2/$name.new") or die "$!\\n";
	print $out $text;
	close($out) && rename("/etc/opendkim2/$name.new", "/etc/opendkim2/$name") or die "$!\\n";
}
system("systemctl", "reload", "opendkim2") == 0 or die "it is not reloaded\\n";
`;

const PROVE = `#!/bin/sh
set -eu
message=$(mktemp); trap 'rm "$message"' EXIT
cat > "$message"
setpriv --reuid=opendkim --regid=opendkim --init-groups opendkim -b s -x /etc/opendkim2.conf -t - < "$message" |
	sed -n '/^DKIM-Signature/,$p' | tr -d '\\r' | grep -v '^$' || true
cat "$message"
`;
