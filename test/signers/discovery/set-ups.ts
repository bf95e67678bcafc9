/** Hosts as guides and docs/signers.md set their signers up, with what `keyturn init` is to make of each. */

import { DKIM_SIGNING } from "../../fakes/docker-mailserver-files.ts";
import { ED25519_KEY, type FoundHost, RSA_KEY, UID } from "../../fakes/found-host.ts";

export interface SetUp extends FoundHost {
	readonly mail: "postfix" | "exim4" | null;
	readonly signer: {
		readonly type: string;
		readonly swap: "restart" | "reload";
		/** What of its settings is looked at. */
		readonly settings: Readonly<Record<string, unknown>>;
		readonly stop: readonly string[];
	};
	/** Domain, selector and key file, as keyturn.yaml names them. */
	readonly keys: readonly (readonly [domain: string, selector: string, path: string])[];
	/** The ports of a filter: where it takes mail, and where it hands it back. */
	readonly filter?: readonly [listen: number, relay: number];
	/** The algorithms that are turned, where they are not RSA alone. */
	readonly algorithms?: readonly string[];
}

const key = (user: keyof typeof UID, text = RSA_KEY) => ({ text, mode: 0o600, uid: UID[user] });

const OPENDKIM_HEAD = "UserID opendkim\nSocket local:/var/spool/postfix/opendkim/opendkim.sock\n";

/** As compose leaves them on what it makes. */
export const COMPOSE: Readonly<Record<string, string>> = {
	"com.docker.compose.project": "dms",
	"com.docker.compose.project.config_files": "/srv/dms/compose.yaml",
	"com.docker.compose.project.working_dir": "/srv/dms",
	"com.docker.compose.service": "mail",
};

export const SET_UPS: Readonly<Record<string, SetUp>> = {
	"OpenDKIM, short names and one file a key": {
		mail: "postfix",
		files: {
			"/usr/sbin/opendkim": "",
			"/etc/opendkim.conf": `${OPENDKIM_HEAD}KeyTable /etc/opendkim/key.table\nSigningTable refile:/etc/opendkim/signing.table\n`,
			"/etc/opendkim/key.table": "example     example.com:YYYYMM:/etc/opendkim/keys/example.private\n",
			"/etc/opendkim/signing.table": "*@example.com   example\n",
			"/etc/opendkim/keys/example.private": key("opendkim"),
		},
		signer: {
			type: "opendkim",
			swap: "reload",
			settings: { config: "/etc/opendkim.conf", keys: "/etc/opendkim/keys" },
			stop: ["postfix", "opendkim"],
		},
		keys: [["example.com", "YYYYMM", "/etc/opendkim/keys/example.private"]],
	},
	"OpenDKIM, a directory for each domain": {
		mail: "postfix",
		files: {
			"/usr/sbin/opendkim": "",
			"/etc/opendkim.conf": `${OPENDKIM_HEAD}KeyTable refile:/etc/opendkim/key.table\nSigningTable refile:/etc/opendkim/signing.table\n`,
			"/etc/opendkim/key.table":
				"default._domainkey.example.com     example.com:default:/etc/opendkim/keys/example.com/default.private\n",
			"/etc/opendkim/signing.table": "*@example.com    default._domainkey.example.com\n",
			"/etc/opendkim/keys/example.com/default.private": key("opendkim"),
		},
		signer: {
			type: "opendkim",
			swap: "reload",
			settings: { config: "/etc/opendkim.conf", keys: "/etc/opendkim/keys" },
			stop: ["postfix", "opendkim"],
		},
		keys: [["example.com", "default", "/etc/opendkim/keys/example.com/default.private"]],
	},
	"OpenDKIM, one key in opendkim.conf that only root can read": {
		mail: "postfix",
		files: {
			"/usr/sbin/opendkim": "",
			"/etc/opendkim.conf":
				"UserID opendkim\nDomain example.com\nKeyFile /etc/postfix/dkim.key\nSelector mail\nSOCKET inet:8891@localhost\n",
			"/etc/postfix/dkim.key": { text: RSA_KEY, mode: 0o600 },
		},
		signer: {
			type: "opendkim",
			swap: "restart",
			settings: { config: "/etc/opendkim.conf", keys: "/etc/dkimkeys" },
			stop: ["postfix", "opendkim"],
		},
		keys: [["example.com", "mail", "/etc/postfix/dkim.key"]],
	},
	"rspamd, blocks of domains, one with a list of two keys": {
		mail: "postfix",
		files: {
			"/usr/bin/rspamd": "",
			"/etc/rspamd/local.d/dkim_signing.conf": `# documentation: https://rspamd.com/doc/modules/dkim_signing.html
sign_local = true;
use_domain = "header";
use_redis = false; # don't change unless Redis also provides the DKIM keys
domain {
    example.org {
        selectors [
            {
                path = "/var/lib/rspamd/dkim/example.org/rsa.private";
                selector = "dkim-rsa";
            },
            {
                path = "/var/lib/rspamd/dkim/example.org/ed25519.private";
                selector = "dkim-ed25519";
            }
        ]
    }
}
`,
			"/etc/rspamd/local.d/worker-normal.inc": 'bind_socket = "localhost:11433";\n',
			"/var/lib/rspamd/dkim/example.org/rsa.private": key("_rspamd"),
			"/var/lib/rspamd/dkim/example.org/ed25519.private": key("_rspamd", ED25519_KEY),
		},
		signer: {
			type: "rspamd",
			swap: "reload",
			settings: {
				config: "/etc/rspamd/local.d/dkim_signing.conf",
				keys: "/var/lib/rspamd/dkim",
				listen: "127.0.0.1:11433",
				redis: null,
			},
			stop: ["postfix", "rspamd"],
		},
		keys: [
			["example.org", "dkim-rsa", "/var/lib/rspamd/dkim/example.org/rsa.private"],
			["example.org", "dkim-ed25519", "/var/lib/rspamd/dkim/example.org/ed25519.private"],
		],
		algorithms: ["rsa", "ed25519"],
	},
	"rspamd, a map of selectors and a path with variables": {
		mail: "postfix",
		files: {
			"/usr/bin/rspamd": "",
			"/etc/rspamd/local.d/dkim_signing.conf":
				'path = "${DBDIR}/dkim/${domain}.$selector.key";\nselector_map = "/etc/rspamd/dkim_selectors.map";\n',
			"/etc/rspamd/dkim_selectors.map": "example.com mail\nexample.org mail2\n",
			"/var/lib/rspamd/dkim/example.com.mail.key": key("_rspamd"),
			"/var/lib/rspamd/dkim/example.org.mail2.key": key("_rspamd"),
		},
		signer: {
			type: "rspamd",
			swap: "reload",
			settings: { keys: "/var/lib/rspamd/dkim/$domain.$selector.key" },
			stop: ["postfix", "rspamd"],
		},
		keys: [
			["example.com", "mail", "/var/lib/rspamd/dkim/example.com.mail.key"],
			["example.org", "mail2", "/var/lib/rspamd/dkim/example.org.mail2.key"],
		],
	},
	"rspamd, a map of selectors and one of paths": {
		mail: "postfix",
		files: {
			"/usr/bin/rspamd": "",
			"/etc/rspamd/override.d/dkim_signing.conf":
				'path_map = "/etc/rspamd/dkim_paths.map";\nselector_map = "/etc/rspamd/dkim_selectors.map";\n',
			"/etc/rspamd/dkim_paths.map": "example.com /srv/keys/example.com/$selector.pem\n",
			"/etc/rspamd/dkim_selectors.map": "example.com mail\n",
			"/srv/keys/example.com/mail.pem": key("_rspamd"),
		},
		signer: {
			type: "rspamd",
			swap: "reload",
			settings: {
				config: "/etc/rspamd/override.d/dkim_signing.conf",
				keys: "/srv/keys/$domain/$selector.pem",
			},
			stop: ["postfix", "rspamd"],
		},
		keys: [["example.com", "mail", "/srv/keys/example.com/mail.pem"]],
	},
	"rspamd, with OpenDKIM's tables": {
		mail: "postfix",
		files: {
			"/usr/bin/rspamd": "",
			"/etc/rspamd/local.d/dkim_signing.conf":
				'signing_table = "/etc/rspamd/signing.table";\nkey_table = "/etc/rspamd/key.table";\n',
			"/etc/rspamd/signing.table": "*@example.com shop\n",
			"/etc/rspamd/key.table": "shop example.com:mail:/var/lib/rspamd/keys/mail.key\n",
			"/var/lib/rspamd/keys/mail.key": key("_rspamd"),
		},
		signer: {
			type: "rspamd",
			swap: "reload",
			settings: { keys: "/var/lib/rspamd/keys" },
			stop: ["postfix", "rspamd"],
		},
		keys: [["example.com", "mail", "/var/lib/rspamd/keys/mail.key"]],
	},
	"dkimpy-milter, RSA and Ed25519": {
		mail: "postfix",
		files: {
			"/usr/bin/dkimpy-milter": "",
			"/etc/dkimpy-milter/dkimpy-milter.conf":
				"UserID dkimpy-milter\nSocket inet:8892@localhost\nMode sv\nKeyTable /etc/dkimpy-milter/keytable\nKeyTableEd25519 /etc/dkimpy-milter/keytable.ed25519\nSigningTable /etc/dkimpy-milter/signingtable\n",
			"/etc/dkimpy-milter/keytable": "shop example.com:mail:/etc/dkimpy-milter/keys/rsa.key\n",
			"/etc/dkimpy-milter/keytable.ed25519": "shop example.com:mail-ed:/etc/dkimpy-milter/keys/ed.key\n",
			"/etc/dkimpy-milter/signingtable": "*@example.com shop\n",
			"/etc/dkimpy-milter/keys/rsa.key": key("dkimpy-milter"),
			"/etc/dkimpy-milter/keys/ed.key": key("dkimpy-milter", ED25519_KEY),
		},
		signer: {
			type: "dkimpy",
			swap: "restart",
			settings: { config: "/etc/dkimpy-milter/dkimpy-milter.conf", keys: "/etc/dkimpy-milter/keys" },
			stop: ["postfix", "dkimpy-milter"],
		},
		keys: [
			["example.com", "mail", "/etc/dkimpy-milter/keys/rsa.key"],
			["example.com", "mail-ed", "/etc/dkimpy-milter/keys/ed.key"],
		],
		algorithms: ["rsa", "ed25519"],
	},
	"DKIMproxy, as its author's instructions install it": {
		mail: "postfix",
		files: {
			"/usr/local/dkimproxy/bin/dkimproxy.out": "",
			"/etc/init.d/dkimproxy": "#!/bin/sh\nDKIMPROXYDIR=/usr/local/dkimproxy\nDKIMPROXYUSER=dkimproxy\n",
			"/usr/local/dkimproxy/etc/dkimproxy_out.conf":
				"listen    127.0.0.1:10027\nrelay     127.0.0.1:10028\ndomain    example.org\nsignature dkim(c=relaxed)\nsignature domainkeys(c=nofws)\nkeyfile   /usr/local/dkimproxy/etc/private.key\nselector  selector1\n",
			"/usr/local/dkimproxy/etc/private.key": key("dkimproxy"),
		},
		signer: {
			type: "dkimproxy",
			swap: "restart",
			settings: {
				config: "/usr/local/dkimproxy/etc/dkimproxy_out.conf",
				keys: "/usr/local/dkimproxy/etc",
				user: "dkimproxy",
			},
			stop: ["postfix", "dkimproxy"],
		},
		keys: [["example.org", "selector1", "/usr/local/dkimproxy/etc/private.key"]],
		filter: [10027, 10028],
	},
	"DKIMproxy, a map of senders and a user of its own": {
		mail: "postfix",
		files: {
			"/usr/sbin/dkimproxy.out": "",
			"/etc/default/dkimproxy": 'DKIMPROXYUSER="opendkim"\n',
			"/etc/dkimproxy/dkimproxy_out.conf":
				"listen 127.0.0.1:10028\nrelay 127.0.0.1:10029\nsender_map /etc/dkimproxy/sender_map\nreject_error 1\n",
			"/etc/dkimproxy/sender_map":
				"example.com  dkim(a=rsa-sha256,c=relaxed,s=mail,key=/var/lib/dkimproxy/mail.key)\n",
			"/var/lib/dkimproxy/mail.key": key("opendkim"),
		},
		signer: {
			type: "dkimproxy",
			swap: "restart",
			settings: { keys: "/var/lib/dkimproxy", user: "opendkim" },
			stop: ["postfix", "dkimproxy"],
		},
		keys: [["example.com", "mail", "/var/lib/dkimproxy/mail.key"]],
		filter: [10028, 10029],
	},
	"Exim, macros that look into a file": {
		mail: "exim4",
		files: {
			"/usr/sbin/exim4": "",
			"/etc/exim4/dkim.table": "example.com: selector=mail key=/etc/exim4/dkim/example.com.key\n",
			"/etc/exim4/dkim/example.com.key": key("Debian-exim"),
		},
		programs: {
			"/usr/sbin/exim4 -bP transports": transport(
				"${lookup{${lc:$sender_address_domain}}lsearch{/etc/exim4/dkim.table}{${lc:$sender_address_domain}}}",
				"${extract{selector}{${lookup{$dkim_domain}lsearch{/etc/exim4/dkim.table}}}}",
				"${extract{key}{${lookup{$dkim_domain}lsearch{/etc/exim4/dkim.table}}}}",
			),
		},
		signer: {
			type: "exim",
			swap: "reload",
			settings: { table: "/etc/exim4/dkim.table", keys: "/etc/exim4/dkim" },
			stop: ["exim4"],
		},
		keys: [["example.com", "mail", "/etc/exim4/dkim/example.com.key"]],
	},
	"docker-mailserver with OpenDKIM": {
		mail: null,
		files: {
			"/usr/bin/docker": "",
			"/srv/dms/compose.yaml": "",
			"/srv/dms/docker-data/dms/config/opendkim/KeyTable":
				"mail._domainkey.example.com example.com:mail:/etc/opendkim/keys/example.com/mail.private\n",
			"/srv/dms/docker-data/dms/config/opendkim/SigningTable": "*@example.com mail._domainkey.example.com\n",
			"/srv/dms/docker-data/dms/config/opendkim/keys/example.com/mail.private": key("opendkim"),
		},
		programs: docker("mailserver", { env: [], port: "25" }),
		signer: {
			type: "docker-mailserver",
			swap: "restart",
			settings: {
				volume: "/srv/dms/docker-data/dms/config",
				signs: "opendkim",
				exec: ["/usr/bin/docker", "exec", "-i", "mailserver"],
				smtp: "127.0.0.1:25",
			},
			stop: ["mailserver"],
		},
		keys: [["example.com", "mail", "/srv/dms/docker-data/dms/config/opendkim/keys/example.com/mail.private"]],
	},
	"docker-mailserver with rspamd, under another name and port": {
		mail: null,
		files: {
			"/usr/bin/docker": "",
			"/srv/dms/compose.yaml": "",
			"/srv/dms/docker-data/dms/config/postfix-main.cf": "milter_default_action = tempfail\n",
			"/srv/dms/docker-data/dms/config/rspamd/override.d/dkim_signing.conf": DKIM_SIGNING,
			"/srv/dms/docker-data/dms/config/rspamd/dkim/mail.private": key("_rspamd"),
		},
		programs: docker("mx.example", { env: ["ENABLE_RSPAMD=1", "ENABLE_OPENDKIM=0"], port: "2525" }),
		signer: {
			type: "docker-mailserver",
			swap: "restart",
			settings: {
				volume: "/srv/dms/docker-data/dms/config",
				signs: "rspamd",
				exec: ["/usr/bin/docker", "exec", "-i", "mx.example"],
				smtp: "127.0.0.1:2525",
			},
			stop: ["mx.example"],
		},
		keys: [["example.com", "mail", "/srv/dms/docker-data/dms/config/rspamd/dkim/mail.private"]],
	},
};

/** As `exim -bP transports` prints it, macros put in. */
export function transport(domain: string, selector: string, privateKey: string): string {
	return `remote_smtp transport:
driver = smtp
dkim_domain = ${domain}
dkim_private_key = ${privateKey}
dkim_selector = ${selector}
no_multi_domain

local_delivery transport:
driver = appendfile
no_delivery_date_add

`;
}

export interface DockerSaid {
	readonly env: readonly string[];
	readonly port: string;
	readonly labels?: Readonly<Record<string, string>>;
	/** Where its compose file has the volume's directory. */
	readonly config?: string;
}

export function docker(
	name: string,
	{ env, port, labels = COMPOSE, config = "/srv/dms/docker-data/dms/config" }: DockerSaid,
): Readonly<Record<string, string>> {
	const inspected = {
		Id: "3f0c",
		Name: `/${name}`,
		State: { Running: true },
		Config: {
			Image: "ghcr.io/docker-mailserver/docker-mailserver:latest",
			Env: ["PATH=/usr/bin", ...env],
			Labels: labels,
		},
		HostConfig: { PortBindings: { "25/tcp": [{ HostIp: "", HostPort: port }], "143/tcp": null } },
		Mounts: [
			{ Type: "bind", Source: "/srv/dms/docker-data/dms/mail-data", Destination: "/var/mail" },
			{ Type: "bind", Source: "/srv/dms/docker-data/dms/config", Destination: "/tmp/docker-mailserver" },
		],
	};
	const configured = {
		name: "dms",
		services: {
			mail: {
				image: inspected.Config.Image,
				volumes: [
					{ type: "bind", source: "/srv/dms/docker-data/dms/mail-data", target: "/var/mail", bind: {} },
					{ type: "bind", source: config, target: "/tmp/docker-mailserver", bind: {} },
				],
			},
		},
	};
	return {
		"/usr/bin/docker ps -a --format {{.ID}} {{.Image}}":
			"3f0c ghcr.io/docker-mailserver/docker-mailserver:latest\n77aa nginx:1\n",
		"/usr/bin/docker inspect 3f0c": JSON.stringify([inspected]),
		[`/usr/bin/docker container inspect ${name}`]: JSON.stringify([inspected]),
		[`/usr/bin/docker compose ${placesOf(labels)} config --format json mail`]: JSON.stringify(configured),
		[`/usr/bin/docker image inspect --format {{.Id}} ${inspected.Config.Image}`]: "sha256:3f0c\n",
		"/usr/bin/docker compose version": "Docker Compose version v2.40.3\n",
	};
}

/** What compose is told of its files. */
function placesOf(labels: Readonly<Record<string, string>>): string {
	const said = (label: string) => labels[`com.docker.compose.${label}`] ?? "";
	const directory = said("project.working_dir");
	const each = (option: string, label: string) =>
		said(label)
			.split(",")
			.filter((file) => file !== "")
			.map((file) => ` ${option} ${file.startsWith("/") ? file : `${directory}/${file}`}`)
			.join("");
	return `--project-directory ${directory} -p ${said("project")}${each("-f", "project.config_files")}${each("--env-file", "project.environment_file")}`;
}
