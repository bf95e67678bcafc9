/** The hosts of the documents' readers, one after the other on one booted host: what each has before the first block is typed. */

import { type GuideHost, SELECTOR } from "./guide-host.ts";
import { clearAway, setUpDirectories, setUpOneKey } from "./guides.ts";
import { PRIMARY, SECONDARY, TSIG_KEY_FILE } from "./name-servers.ts";

const NAMED_CONF = "/etc/bind/named.conf";

/** A name server that nobody may update yet, and the first guide's tables kept for the next reader. */
export async function withoutUpdates(host: GuideHost): Promise<void> {
	await host.script(`
		cp -a /etc/opendkim /root/short-names; cp /etc/opendkim.conf /root/short-names.conf
		cp /etc/postfix/main.cf /root/main.cf
		sed -i '/^include/d; s/allow-update { key keyturn; };//' ${NAMED_CONF}
		rm ${TSIG_KEY_FILE}
		install -d -o bind /var/lib/bind
		systemctl restart dns-primary
	`);
}

/** What README.md has for named.conf: a line for the file, and a zone's statement with one line more. */
export async function allowUpdates(host: GuideHost, shown: string): Promise<void> {
	const [include = "", ...zone] = shown.split("\n");
	const policy = zone.find((line) => line.includes("update-policy"))?.trim();
	if (policy === undefined) throw new Error(`no line of a policy in ${shown}`);
	await editNamed(host, (text) => `${include}\n${text.replace("type primary;", `type primary; ${policy}`)}`);
}

/** A further line of the same policy. */
export async function grant(host: GuideHost, line: string): Promise<void> {
	await editNamed(host, (text) => text.replace("update-policy {", `update-policy { ${line}`));
}

export async function addZone(host: GuideHost, statement: string): Promise<void> {
	await editNamed(host, (text) => `${text}\n${statement}\n`);
}

/** At the parent's provider, which has other ways in than keyturn's key. */
export async function delegate(host: GuideHost, line: string): Promise<void> {
	await editNamed(host, (text) =>
		text.replace(/update-policy \{.*?\};(?= file)/, "allow-update { key keyturn; };"),
	);
	await host.must(["nsupdate", "-k", TSIG_KEY_FILE], {
		input: `server ${PRIMARY}\nzone example.com\nupdate add ${line.replace(" IN ", " ")}\nsend\n`,
	});
	await inStep(host);
}

async function editNamed(host: GuideHost, edit: (text: string) => string): Promise<void> {
	await host.write(NAMED_CONF, edit(await host.read(NAMED_CONF)));
	await host.script("named-checkconf /etc/bind/named.conf; systemctl restart dns-primary");
	await inStep(host);
}

/** keyturn is installed, and nothing of it is configured or remembered; no record of it stands. */
export async function startAfresh(host: GuideHost): Promise<void> {
	await host.script(`
		systemctl disable -q --now keyturn.service keyturn-apply.socket keyturn-recover.service
		systemctl disable -q --now opendkim-ed25519 2>/dev/null || true
		rm -rf /etc/keyturn/* /etc/systemd/system/keyturn-*.d /var/lib/keyturn-door /usr/local/dkimproxy \\
			/etc/opendkim-ed25519.conf /etc/systemd/system/opendkim-ed25519.service
		find /var/lib/keyturn -mindepth 1 -delete
		systemctl daemon-reload
		dig @${PRIMARY} example.com AXFR | awk '$4 == "TXT" { print $1 }' | grep -F _domainkey | sort -u |
			{ grep -v ^google || true; } |
			sed 's/.*/update delete & TXT/; 1i server ${PRIMARY}\\nzone example.com' | { cat; echo send; } |
			nsupdate -k ${TSIG_KEY_FILE}
	`);
	await inStep(host);
	await host.script("systemctl restart dns-resolver");
}

/** Until both servers have the same zone. */
async function inStep(host: GuideHost): Promise<void> {
	await host.script(`
		serial() { dig +short +tries=10 +time=1 @$1 example.com SOA | cut -d' ' -f3; }
		until [ -n "$(serial ${PRIMARY})" ] && [ "$(serial ${PRIMARY})" = "$(serial ${SECONDARY})" ]; do sleep 0.1; done
	`);
}

export async function shortNames(host: GuideHost): Promise<void> {
	await startAfresh(host);
	await publishFrom(host, SELECTOR, "/root/short-names/keys/example.txt");
	await host.script(`
		systemctl stop postfix opendkim
		rm -rf /etc/opendkim; cp -a /root/short-names /etc/opendkim; cp /root/short-names.conf /etc/opendkim.conf
		cp /root/main.cf /etc/postfix/main.cf
		systemctl start opendkim postfix
	`);
}

export async function oneKey(host: GuideHost): Promise<void> {
	await startAfresh(host);
	await setUpOneKey(host);
}

export async function directories(host: GuideHost): Promise<void> {
	await startAfresh(host);
	await setUpDirectories(host);
}

/** What a container of docker-mailserver is to keyturn, without Docker: a unit that copies the volume's tables once and greets, and a client. */
export async function dockerMailserver(host: GuideHost): Promise<void> {
	await startAfresh(host);
	await clearAway(host);
	const volume = "/srv/dms/docker-data/dms/config";
	// A machine's own Docker is hidden on the throwaway host, wherever it comes in PATH.
	for (const path of ["/usr/bin/docker", "/usr/local/bin/docker"])
		await host.write(path, DOCKER, { mode: "0755" });
	await host.write("/srv/double/etc/opendkim.conf", CONTAINERS_OPENDKIM);
	await host.write("/etc/systemd/system/mailserver-double.service", CONTAINER);
	await host.script(`
		cp /etc/passwd /etc/group /etc/nsswitch.conf /srv/double/etc
		mkdir -p ${volume}/opendkim/keys/example.com; cd ${volume}/opendkim
		opendkim-genkey -b 2048 -d example.com -s mail -D keys/example.com
		echo 'mail._domainkey.example.com example.com:mail:/etc/opendkim/keys/example.com/mail.private' > KeyTable
		echo '*@example.com mail._domainkey.example.com' > SigningTable
		printf '127.0.0.1\\nlocalhost\\n' > TrustedHosts
		systemctl daemon-reload; docker compose up
	`);
	await publishFrom(host, "mail", `${volume}/opendkim/keys/example.com/mail.txt`);
}

const DOCKER = `#!/bin/sh
act=$1; shift
case "$act" in
	start | stop) exec systemctl "$act" mailserver-double.service ;;
	container) echo '[{ "Config": { "Image": "dms", "Labels": { "com.docker.compose.project": "dms", "com.docker.compose.service": "mailserver" } } }]' ;;
	image) echo sha256:3f0c ;;
	compose)
		case " $* " in *" config "*) exec echo '{ "name": "dms", "services": { "mailserver": { "image": "dms" } } }' ;; esac
		systemd-run -q --wait rm -rf /srv/double/etc/opendkim /srv/double/CONTAINER_START
		exec systemctl restart mailserver-double.service ;;
	ps) systemctl -q is-active mailserver-double.service && echo 3f0c; exit 0 ;;
	exec)
		[ "$1" != -i ] || shift
		shift
		exec systemd-run -q --wait --pipe -p BindPaths=/srv/double/etc:/etc -- "$@" ;;
esac
`;

const CONTAINERS_OPENDKIM = `Mode                sv
KeyTable            refile:/etc/opendkim/KeyTable
SigningTable        refile:/etc/opendkim/SigningTable
ExternalIgnoreList  refile:/etc/opendkim/TrustedHosts
InternalHosts       refile:/etc/opendkim/TrustedHosts
SignatureAlgorithm  rsa-sha256
Socket              inet:8891@localhost
UserID              opendkim:opendkim
`;

const GREETER = (port: number, words: string): string =>
	`/usr/bin/perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:${port}", Listen => 5, ReuseAddr => 1) or die; while (my $c = $s->accept) { print $c "${words}\\r\\n"; close $c }'`;

const CONTAINER = `[Service]
ExecStartPre=/bin/sh -euc '[ ! -e /srv/double/CONTAINER_START ] || exit 0; cp -a /srv/dms/docker-data/dms/config/opendkim /srv/double/etc/; chown -R opendkim: /srv/double/etc/opendkim; chmod -R 0700 /srv/double/etc/opendkim/keys; touch /srv/double/CONTAINER_START'
ExecStart=${GREETER(25, "220 mail.example.com").replaceAll("$", "$$")}
`;

/** Its files and its key; in place of the program, which is in no current Debian, something that greets. */
export async function dkimproxy(host: GuideHost): Promise<void> {
	await host.script("systemctl stop mailserver-double.service");
	await startAfresh(host);
	await clearAway(host);
	const etc = "/usr/local/dkimproxy/etc";
	await host.write("/usr/local/dkimproxy/bin/dkimproxy.out", "#!/bin/sh\n", { mode: "0755" });
	await host.write(`${etc}/dkimproxy_out.conf`, DKIMPROXY_OUT);
	await host.write(
		"/etc/systemd/system/dkimproxy.service",
		`[Service]\nUser=dkimproxy\nExecStart=${GREETER(10027, "421 Internal error (Next hop is down)").replaceAll("$", "$$")}\n`,
	);
	await host.script(`
		useradd -r dkimproxy
		cd ${etc}; openssl genrsa -out private.key 1024
		echo "( \\"k=rsa; t=s; p=$(openssl rsa -in private.key -pubout -outform DER | base64 -w0)\\" )" > mail.txt
		chown dkimproxy: private.key
		systemctl daemon-reload; systemctl start dkimproxy postfix
	`);
	await publishFrom(host, "mail", `${etc}/mail.txt`);
}

const DKIMPROXY_OUT = `listen     127.0.0.1:10027
relay      127.0.0.1:10028
domain     example.com
signature  dkim(c=relaxed,a=rsa-sha256)
keyfile    /usr/local/dkimproxy/etc/private.key
selector   mail
`;

/** The record as it was written for a zone file; the guide says to mend `h=`. */
async function publishFrom(host: GuideHost, selector: string, file: string): Promise<void> {
	const strings = [...(await host.read(file)).matchAll(/"([^"]*)"/g)].map(([, part]) => part);
	const value = strings.join("").replace("h=rsa-sha256", "h=sha256");
	await host.publish("example.com", `${selector}._domainkey.example.com`, value);
	await inStep(host);
}

/** A PowerDNS with the zone in it; nothing is asked of its server. */
export async function powerdns(host: GuideHost): Promise<void> {
	await host.write(
		"/etc/powerdns/pdns.conf",
		"launch=gsqlite3\ngsqlite3-database=/var/lib/powerdns/pdns.sqlite3\n",
	);
	await host.script(`
		mkdir -p /var/lib/powerdns; rm -f /var/lib/powerdns/pdns.sqlite3
		sqlite3 /var/lib/powerdns/pdns.sqlite3 < /usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql
		pdnsutil create-zone example.com
	`);
}

/** rspamd's keys in Redis, as they are before keyturn. */
export async function redis(host: GuideHost): Promise<void> {
	await host.script(`
		redis-server --daemonize yes --save '' --dir /root >/dev/null
		until redis-cli ping >/dev/null; do sleep 0.1; done
		redis-cli hset DKIM_SELECTORS example.com mail
		openssl genrsa 2048 2>/dev/null | redis-cli -x hset DKIM_KEYS mail.example.com
	`);
}
