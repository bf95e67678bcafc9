/** A host set up as the first guide says: OpenDKIM with short entry names and `example.private`, Postfix, selector 202610. */

import { eventually } from "./eventually.ts";
import { type HostOptions, type MailHost, upHost } from "./mail-host.ts";
import {
	daemonUnit,
	LAG_FILE,
	PRIMARY,
	RESOLVER,
	SECONDARY,
	setUpNameServers,
	TSIG_KEY_FILE,
	inside,
	type Zone,
} from "./name-servers.ts";

export interface GuideOptions extends HostOptions {
	readonly domains?: readonly string[];
	/** How long the secondary stays behind the primary. */
	readonly lagSeconds?: number;
	/** For how long an absence may be cached: the SOA's minimum. */
	readonly negativeTtlSeconds?: number;
	/** The guide says accept. */
	readonly milterDefaultAction?: "accept" | "tempfail";
}

export interface GuideHost extends MailHost {
	readonly domains: readonly string[];
	/** The short name that the guide gives a domain: `example` for example.com. */
	entryOf(domain: string): string;
	setLag(seconds: number): Promise<void>;
	/** TXT values at a name, each joined, as one server gives them now. */
	txt(server: string, name: string): Promise<string[]>;
	/** Adds a TXT record at the primary; the value is cut into strings. */
	publish(domain: string, name: string, value: string): Promise<void>;
	unpublish(domain: string, name: string): Promise<void>;
}

export const SELECTOR = "202610";

export async function upGuideHost(options: GuideOptions = {}): Promise<GuideHost> {
	const domains = options.domains ?? ["example.com", "example.org", "example.net"];
	const host = await upHost(options);
	try {
		const records = await makeKeys(host, domains);
		await setUpNameServers(host, records, {
			lagSeconds: options.lagSeconds ?? 0,
			negativeTtlSeconds: options.negativeTtlSeconds ?? 2,
		});
		await setUpOpendkim(host, domains);
		await setUpPostfix(host, options.milterDefaultAction ?? "accept");
		await host.script(
			"systemctl enable -q sink opendkim postfix 2>/dev/null; systemctl start sink opendkim postfix",
		);
		const guide = guideOf(host, domains);
		await isServed(guide);
		return guide;
	} catch (thrown) {
		await host.down();
		throw thrown;
	}
}

export function entryOf(domain: string): string {
	return domain === "example.com" ? "example" : domain.replaceAll(".", "_");
}

/** Step 8 of the guide, for all domains at once; answers each zone with its key record, `h=` mended as the guide says. */
async function makeKeys(host: MailHost, domains: readonly string[]): Promise<Zone[]> {
	const making = domains.map((domain) => {
		const entry = entryOf(domain);
		return `( mkdir -p /root/${entry}; cd /root/${entry}
			opendkim-genkey -b 2048 -h rsa-sha256 -r -s ${SELECTOR} -d ${domain}
			mv ${SELECTOR}.private /etc/opendkim/keys/${entry}.private
			mv ${SELECTOR}.txt /etc/opendkim/keys/${entry}.txt ) &`;
	});
	await host.script(`rm -rf /etc/opendkim; mkdir -p /etc/opendkim/keys\n${making.join("\n")}\nwait`);
	return Promise.all(
		domains.map(async (domain) => {
			const record = await host.read(`/etc/opendkim/keys/${entryOf(domain)}.txt`);
			const foreign =
				'google._domainkey IN TXT "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC9uUgVbuz6"';
			return { name: domain, records: `${record.replace("h=rsa-sha256", "h=sha256")}\n${foreign}` };
		}),
	);
}

async function setUpOpendkim(host: MailHost, domains: readonly string[]): Promise<void> {
	const signing = domains.map((domain) => `*@${domain} ${entryOf(domain)}\n`);
	const keys = domains.map((domain) => {
		const entry = entryOf(domain);
		return `${entry} ${domain}:${SELECTOR}:/etc/opendkim/keys/${entry}.private\n`;
	});
	await host.write("/etc/opendkim.conf", OPENDKIM_CONF);
	await host.write("/etc/opendkim/signing.table", signing.join(""));
	const added = "# a line somebody added by hand\n";
	await host.write(
		"/etc/opendkim/key.table",
		`# one line per name in the signing table\n${keys.join("")}${added}`,
	);
	await host.write(
		"/etc/opendkim/trusted.hosts",
		"127.0.0.1\n::1\nlocalhost\nmail.example.com\nexample.com\n",
	);
	await host.script(`
		chown -R opendkim:opendkim /etc/opendkim; chmod -R go-rwx /etc/opendkim/keys
		mkdir -p /var/spool/postfix/opendkim; chown opendkim:postfix /var/spool/postfix/opendkim
		usermod -a -G opendkim postfix
	`);
}

/** As the guide prints it, with what Debian 12 needs besides: Socket, PidFile, and a resolver (libunbound asks none). */
const OPENDKIM_CONF = `Syslog yes
UMask 002
UserID opendkim
# Map domains in From addresses to keys used to sign messages
KeyTable /etc/opendkim/key.table
SigningTable refile:/etc/opendkim/signing.table
# Hosts to ignore when verifying signatures
ExternalIgnoreList /etc/opendkim/trusted.hosts
InternalHosts /etc/opendkim/trusted.hosts
Canonicalization relaxed/simple
Mode sv
SubDomains no
#ADSPAction continue
AutoRestart yes
AutoRestartRate 10/1M
Background yes
DNSTimeout 5
SignatureAlgorithm rsa-sha256
OversignHeaders From
Socket local:/var/spool/postfix/opendkim/opendkim.sock
PidFile /run/opendkim/opendkim.pid
Nameservers ${RESOLVER}
`;

/** Everything outgoing goes to the sink. */
async function setUpPostfix(host: MailHost, milterDefaultAction: string): Promise<void> {
	const settings = [
		"maillog_file=/var/log/postfix.log",
		"myhostname=mail.example.com",
		"mydestination=",
		"inet_interfaces=127.0.0.1",
		"inet_protocols=ipv4",
		"mynetworks=127.0.0.0/8",
		"relayhost=[127.0.0.1]:2526",
		"smtp_dns_support_level=disabled",
		"smtp_host_lookup=native",
		"smtpd_relay_restrictions=permit_mynetworks,reject",
		"smtpd_peername_lookup=no",
		"smtpd_client_connection_count_limit=0",
		"default_process_limit=50",
		"alias_maps=",
		"alias_database=",
		`milter_default_action=${milterDefaultAction}`,
		"milter_protocol=6",
		"smtpd_milters=local:/opendkim/opendkim.sock",
		"non_smtpd_milters=local:/opendkim/opendkim.sock",
	];
	await host.script(`
		cp /usr/share/postfix/main.cf.debian /etc/postfix/main.cf
		cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
		postconf -e ${settings.map((setting) => `'${setting}'`).join(" ")}
	`);
	const sink = `${inside("sink")} 127.0.0.1 2526 /var/lib/sink`;
	await host.write("/etc/systemd/system/sink.service", daemonUnit(sink));
	await host.must(["systemctl", "daemon-reload"]);
}

async function isServed(guide: GuideHost): Promise<void> {
	const names = guide.domains.map((domain) => `${SELECTOR}._domainkey.${domain}`);
	await eventually("the first key records are served", async () => {
		const asked = [PRIMARY, SECONDARY, RESOLVER].flatMap((server) =>
			names.map((name) => guide.txt(server, name)),
		);
		return (await Promise.all(asked)).every((values) => values.length === 1);
	});
	await eventually(
		"the sink listens",
		async () => (await guide.in(["sh", "-c", "ss -ltn | grep -q :2526"])).code === 0,
	);
}

function guideOf(host: MailHost, domains: readonly string[]): GuideHost {
	const update = async (domain: string, line: string): Promise<void> => {
		const input = `server ${PRIMARY}\nzone ${domain}\n${line}\nsend\n`;
		await host.must(["nsupdate", "-k", TSIG_KEY_FILE], { input });
	};
	return Object.assign(host, {
		domains,
		entryOf,
		setLag: async (seconds: number) => host.write(LAG_FILE, `${seconds}\n`),
		txt: async (server: string, name: string) => {
			const { stdout } = await host.in(["dig", "+short", "+time=2", "+tries=2", `@${server}`, name, "TXT"]);
			const lines = stdout.split("\n").filter((line) => line.startsWith('"'));
			return lines.map((line) => line.replaceAll(/^"|"$|" "/g, ""));
		},
		publish: async (domain: string, name: string, value: string) => {
			const strings = value.match(/.{1,200}/g) ?? [];
			await update(domain, `update add ${name} 300 TXT ${strings.map((part) => `"${part}"`).join(" ")}`);
		},
		unpublish: async (domain: string, name: string) => update(domain, `update delete ${name} TXT`),
	});
}
