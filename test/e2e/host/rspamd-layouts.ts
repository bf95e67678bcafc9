/** Where an rspamd may have its keys besides the blocks of `domain { }`, each as the documents show it, one instance a layout. */

import { type GuideHost, SELECTOR } from "./guide-host.ts";
import { mainOf, startRspamd } from "./rspamd.ts";

export const SELECTOR_MAP = "/etc/rspamd/dkim_selectors.map";
export const KEY_TABLE = "/etc/rspamd/dkim_keys.table";
export const IN_REDIS = "/etc/rspamd/dkim-in-redis";
const KEYS = "/var/lib/rspamd/dkim";
const SIGNING = {
	maps: "/etc/rspamd/maps/dkim_signing.conf",
	tables: "/etc/rspamd/tables/dkim_signing.conf",
	hashes: "/etc/rspamd/hashes/dkim_signing.conf",
};

/** `signers` of keyturn.yaml, by the names that the set-ups here are told. */
export const RSPAMD_SIGNERS = `  maps: { ${signer("maps", 11343)}, keys: ${KEYS}/$domain.$selector.key }
  tables: { ${signer("tables", 11353)}, keys: ${KEYS} }
  hashes: { ${signer("hashes", 11363)}, keys: ${KEYS}, redis: { socket: /run/redis/redis-server.sock, table: ${IN_REDIS} } }`;

function signer(name: keyof typeof SIGNING, http: number): string {
	const services = `{ stop: [postfix, rspamd-${name}], start: [rspamd-${name}, postfix] }`;
	return `type: rspamd, config: ${SIGNING[name]}, main: ${mainOf(`rspamd-${name}`)}, listen: "127.0.0.1:${http}", swap: reload, services: ${services}`;
}

/** A map of paths with variables in it, and a map of selectors. */
export async function setUpMaps(host: GuideHost, domain: string): Promise<void> {
	await host.write(SELECTOR_MAP, `# who signs with what\n${domain} ${SELECTOR}\n`);
	await host.write("/etc/rspamd/dkim_paths.map", `${domain} ${KEYS}/$domain.$selector.key\n`);
	await takeKey(host, domain, `${KEYS}/${domain}.${SELECTOR}.key`);
	await startRspamd(host, {
		name: "rspamd-maps",
		http: 11343,
		milter: 11342,
		signing: {
			path: SIGNING.maps,
			text: `try_fallback = false;
path_map = "/etc/rspamd/dkim_paths.map";
selector_map = "${SELECTOR_MAP}";
`,
		},
	});
}

/** The two tables of OpenDKIM. */
export async function setUpTables(host: GuideHost, domain: string): Promise<void> {
	await host.write(KEY_TABLE, `shop ${domain}:${SELECTOR}:${KEYS}/shop.key # ours\n`);
	await host.write("/etc/rspamd/dkim_signing.table", `*@${domain} shop\n`);
	await takeKey(host, domain, `${KEYS}/shop.key`);
	await startRspamd(host, {
		name: "rspamd-tables",
		http: 11353,
		milter: 11352,
		signing: {
			path: SIGNING.tables,
			text: `try_fallback = false;
key_table = "${KEY_TABLE}";
signing_table = "/etc/rspamd/dkim_signing.table";
`,
		},
	});
}

/** As the manual says it: a Redis that has the keys already gets a socket, and table and files are made from what is there. */
export async function setUpRedis(host: GuideHost, domain: string): Promise<void> {
	await host.write(
		"/etc/redis/redis.conf",
		`bind 127.0.0.1
port 6379
dir /var/lib/redis
appendonly yes
appendfsync always
unixsocket /run/redis/redis-server.sock
`,
		{ owner: "redis" },
	);
	await host.script(`
		install -d -o redis -g redis /var/lib/redis /var/log/redis
		systemctl start redis-server
		redis-cli -x hset DKIM_KEYS ${SELECTOR}.${domain} < /etc/opendkim/keys/${host.entryOf(domain)}.private
		redis-cli hset DKIM_SELECTORS ${domain} ${SELECTOR}
		redis-cli hgetall DKIM_SELECTORS | paste -d' ' - - | tee ${IN_REDIS} | while read domain selector; do
			install -d -o _rspamd -m 700 ${KEYS}/$domain
			redis-cli hget DKIM_KEYS $selector.$domain | install -o _rspamd -m 600 /dev/stdin ${KEYS}/$domain/$selector.private
		done
	`);
	await startRspamd(host, {
		name: "rspamd-hashes",
		http: 11363,
		milter: 11362,
		more: 'redis { servers = "127.0.0.1:6379"; }',
		signing: {
			path: SIGNING.hashes,
			text: `use_redis = true;
key_prefix = "DKIM_KEYS";
selector_prefix = "DKIM_SELECTORS";
`,
		},
	});
}

async function takeKey(host: GuideHost, domain: string, path: string): Promise<void> {
	await host.script(`
		install -d -o _rspamd -g _rspamd -m 700 ${KEYS}
		install -o _rspamd -m 600 /etc/opendkim/keys/${host.entryOf(domain)}.private ${path}
	`);
}
