/** OpenDKIM set up as readers of guides have it: Debian's own file, then each guide's lines and commands in its own order. */

import type { GuideHost } from "./guide-host.ts";
import { PRIMARY, SECONDARY } from "./name-servers.ts";

export interface SetUp {
	readonly selector: string;
	/** Directory for new keys. */
	readonly keys: string;
	/** The file that a turn rewrites, */
	readonly rewritten: string;
	/** and the two places in it: the path of the key, and what stands before its selector. */
	readonly keyPath: string;
	readonly beforeSelector: string;
}

/** What is left of one guide goes before the next is followed: tables, keys, and all that keyturn remembers. */
export async function clearAway(host: GuideHost): Promise<void> {
	await host.script(`
		systemctl stop postfix opendkim
		rm -rf /etc/opendkim /etc/dkimkeys/* /etc/postfix/dkim.key /root/*.private /root/*.txt
		find /var/lib/keyturn -mindepth 1 -delete; rm -rf /var/lib/keyturn-door
	`);
	await host.write("/etc/opendkim.conf", DEBIAN_CONF);
}

/** Short names and one file a key, all domains; the guide's host is made like this already. */
export const SHORT_NAMES: SetUp = {
	selector: "202610",
	keys: "/etc/opendkim/keys",
	rewritten: "/etc/opendkim/key.table",
	keyPath: "/etc/opendkim/keys/example.private",
	beforeSelector: "example.com:",
};

/** One key in opendkim.conf, tested by `t=y` as long as nobody takes it out of the record, on a TCP socket. */
export async function setUpOneKey(host: GuideHost): Promise<SetUp> {
	await clearAway(host);
	await host.script(`
		cat >> /etc/opendkim.conf <<'END'
Domain                  example.com
KeyFile                 /etc/postfix/dkim.key
Selector                mail
SOCKET                  inet:8891@localhost
END
		echo 'SOCKET="inet:8891@localhost"' >> /etc/default/opendkim
		cd /root; opendkim-genkey -t -s mail -d example.com
		cp mail.private /etc/postfix/dkim.key
		${POSTFIX_BY_TCP}
	`);
	await publish(host, "/root/mail.txt", "mail");
	await start(host);
	return {
		selector: "mail",
		keys: "/etc/dkimkeys",
		rewritten: "/etc/opendkim.conf",
		keyPath: "/etc/postfix/dkim.key",
		beforeSelector: "Selector                ",
	};
}

/** Both tables as `refile:`, names that are those of the records, a directory for each domain. */
export async function setUpDirectories(host: GuideHost): Promise<SetUp> {
	await clearAway(host);
	await host.script(`
		gpasswd -a postfix opendkim
		cat >> /etc/opendkim.conf <<'END'
Canonicalization    relaxed/simple
Mode                sv
AutoRestart         yes
AutoRestartRate     5/1H
SignatureAlgorithm  rsa-sha256
UserID              opendkim

# Maps domains to the keys used to sign emails
KeyTable            refile:/etc/opendkim/key.table
SigningTable        refile:/etc/opendkim/signing.table

# Ignore these hosts when verifying incoming signatures
ExternalIgnoreList  /etc/opendkim/trusted.hosts

# Internal hosts to enable outgoing mail signing for
InternalHosts       /etc/opendkim/trusted.hosts
Socket      inet:8891@localhost
END
		mkdir /etc/opendkim
		mkdir /etc/opendkim/keys
		chown -R opendkim:opendkim /etc/opendkim
		chmod go-rw /etc/opendkim/keys
		printf '127.0.0.1\\n::1\\nlocalhost\\nexample.com\\n' > /etc/opendkim/trusted.hosts
		echo '*@example.com       default._domainkey.example.com' > /etc/opendkim/signing.table
		echo 'default._domainkey.example.com     example.com:default:/etc/opendkim/keys/example.com/default.private' > /etc/opendkim/key.table
		mkdir /etc/opendkim/keys/example.com # which the guide forgets
		opendkim-genkey -d example.com -D /etc/opendkim/keys/example.com -s default -v
		chown opendkim:opendkim /etc/opendkim/keys/example.com /etc/opendkim/keys/example.com/default.private
		chmod 600 /etc/opendkim/keys/example.com/default.private
		${POSTFIX_BY_TCP}
	`);
	await publish(host, "/etc/opendkim/keys/example.com/default.txt", "default");
	await start(host);
	return {
		selector: "default",
		keys: "/etc/opendkim/keys",
		rewritten: "/etc/opendkim/key.table",
		keyPath: "/etc/opendkim/keys/example.com/default.private",
		beforeSelector: "example.com:",
	};
}

const POSTFIX_BY_TCP = `postconf -e milter_protocol=2 milter_default_action=accept \\
			smtpd_milters=inet:localhost:8891 non_smtpd_milters=inet:localhost:8891`;

/** What Debian's file sets, of which guides say "edit it". */
const DEBIAN_CONF = `# This is a basic configuration for signing and verifying.
Syslog			yes
SyslogSuccess		yes
#LogWhy			no
Canonicalization	relaxed/simple
#Mode			sv
#SubDomains		no
OversignHeaders		From
# Signing domain, selector, and key (required).
#Domain			example.com
#Selector		2020
#KeyFile		/etc/dkimkeys/example.private
UserID			opendkim
UMask			007
Socket			local:/run/opendkim/opendkim.sock
PidFile			/run/opendkim/opendkim.pid
`;

/** What opendkim-genkey wrote for a zone file, as it stands, at the primary; waits until both servers have it. */
async function publish(host: GuideHost, file: string, selector: string): Promise<void> {
	const text = await host.read(file);
	const value = [...text.matchAll(/"([^"]*)"/g)].map(([, part]) => part).join("");
	const name = `${selector}._domainkey.example.com`;
	await host.publish("example.com", name, value);
	await host.script(
		`for server in ${PRIMARY} ${SECONDARY}; do
			until dig +short @$server ${name} TXT | grep -q DKIM1; do sleep 0.2; done
		done`,
	);
}

async function start(host: GuideHost): Promise<void> {
	await host.script("systemctl start opendkim; systemctl restart postfix");
}
