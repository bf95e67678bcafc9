/** What `keyturn init` proposes for an rspamd whose keys are in Redis: what signs is asked of Redis, and a table of it has to be made once. */

import type { FoundKey, FoundSetting, FoundSigner } from "../../ports/found-signer.ts";
import type { SignerTools } from "../registry.ts";
import { keysInRedis } from "../rspamd/redis-keys.ts";
import type { SigningSection } from "../rspamd/signing-section.ts";
import { asFound, lookAt, type Proposal, textOf } from "./proposal.ts";

/** Fails with `signer.config` where Redis does not answer. */
export async function proposeRedis(
	tools: SignerTools,
	about: Proposal,
	section: SigningSection,
): Promise<FoundSigner> {
	const { config } = about;
	const swap = {
		recommended: "reload",
		why: "rspamd asks Redis for every message, so that nothing has to be reloaded",
		isOnly: true,
	} as const;
	const place = await redisPlace(tools);
	if (place === null) return { ...asFound({ ...about, swap }), problems: [`${config}: ${NO_SOCKET}`] };
	const { socket, password, database } = place;
	const named = about.settings["user"];
	const user = typeof named === "string" ? named : "_rspamd";
	const redis: Record<string, FoundSetting> = { socket, table: TABLE };
	if (database !== 0) redis["database"] = database;
	if (password !== null) redis["password_file"] = PASSWORD_FILE;
	const proposal: Proposal = {
		...about,
		settings: { ...about.settings, redis },
		keysFollow: false,
		swap,
	};
	const isMade = (await textOf(tools, TABLE)) !== null;
	if (isMade && (password === null || (await textOf(tools, PASSWORD_FILE)) !== null))
		return lookAt(tools, proposal);
	const { keys, hashes } = await keysInRedis(tools.sockets, { socket, password, database }, section);
	const found: readonly FoundKey[] = keys.map((key) => ({
		...key,
		path: `${KEYS}/${key.domain}/${key.selector}.private`,
	}));
	return {
		...asFound(proposal),
		keys: found,
		steps: [...(password === null ? [] : [PASSWORD_STEP]), ...tableSteps(socket, hashes, { ...place, user })],
	};
}

const TABLE = "/etc/rspamd/dkim-in-redis";
const KEYS = "/var/lib/rspamd/dkim";
const PASSWORD_FILE = "/etc/keyturn/redis.password";
const PASSWORD_STEP = `  install -m 600 /dev/stdin ${PASSWORD_FILE}    # and paste Redis' password`;
/** Redis', or that of what took its place (Debian 13, RHEL 10), and what asks it. */
const SERVERS = [
	["/etc/redis/redis.conf", "redis-cli"],
	["/etc/redis.conf", "redis-cli"],
	["/etc/valkey/valkey.conf", "valkey-cli"],
] as const;
const NO_SOCKET =
	"use_redis, and no unix socket of Redis is known: let redis.conf (or valkey.conf) have `unixsocket /run/redis/redis-server.sock` (keyturn's privileged part has no network), then run init again";

interface RedisPlace {
	readonly socket: string;
	/** The program that asks it. */
	readonly cli: string;
	readonly password: string | null;
	readonly database: number;
}

/** As rspamd is told, or as Redis itself listens; null where no socket is known. */
async function redisPlace(tools: SignerTools): Promise<RedisPlace | null> {
	const own = [
		await textOf(tools, "/etc/rspamd/override.d/redis.conf"),
		await textOf(tools, "/etc/rspamd/local.d/redis.conf"),
	];
	const valueOf = (name: string): string | null => {
		for (const text of own) {
			const found = new RegExp(`^\\s*${name}\\s*[=:]?\\s*"?([^"\\s;]+)"?\\s*;`, "m").exec(text ?? "");
			if (found?.[1] !== undefined) return found[1];
		}
		return null;
	};
	const servers = valueOf("write_servers") ?? valueOf("servers");
	const listening = await listener(tools);
	const socket = servers?.startsWith("/") === true ? servers : listening?.socket;
	if (socket === undefined) return null;
	const database = Number(valueOf("db") ?? valueOf("dbname") ?? "0");
	return {
		socket,
		cli: listening?.cli ?? "redis-cli",
		password: valueOf("password"),
		database: Number.isInteger(database) ? database : 0,
	};
}

/** Where the first listens that has a socket; null where none has. */
async function listener(tools: SignerTools): Promise<Pick<RedisPlace, "socket" | "cli"> | null> {
	for (const [path, cli] of SERVERS) {
		const socket = /^\s*unixsocket\s+(\/\S+)/m.exec((await textOf(tools, path)) ?? "")?.[1];
		if (socket !== undefined) return { socket, cli };
	}
	return null;
}

/** A domain and a selector: what else stands in Redis leads no command of root's elsewhere. */
const NAMES = String.raw`([a-z0-9-]+\.)+[a-z0-9-]+ [A-Za-z0-9_.-]+`;

/** The table and the key files, as they are in Redis. */
function tableSteps(
	socket: string,
	{ keys, selectors }: { readonly keys: string; readonly selectors: string },
	{ cli, password, database, user }: RedisPlace & { readonly user: string },
): readonly string[] {
	const words = [`${cli} -s ${socket}`, ...(database === 0 ? [] : [`-n ${database}`])];
	const ask = words.join(" ");
	return [
		...(password === null ? [] : [`  export REDISCLI_AUTH="$(cat ${PASSWORD_FILE})"`]),
		`  ${ask} hgetall ${selectors} | paste -d' ' - - | grep -xE '${NAMES}' |`,
		`  tee ${TABLE} | while read domain selector; do`,
		`    install -d -o ${user} -m 700 ${KEYS}/$domain`,
		`    ${ask} hget ${keys} $selector.$domain | install -o ${user} -m 600 /dev/stdin ${KEYS}/$domain/$selector.private`,
		"  done",
	];
}
