/**
 * Keys that rspamd takes from Redis: two hashes, one with each domain's selector, one with the keys themselves. Redis has no
 * rename that a crash cannot split from the rest of a switch, so a file of ours beside it says what is to sign; its rename is
 * the commit point, and Redis is then made to follow it in one transaction, again after a crash, and back where it fails.
 */

import { type PublicHalf, publicHalf } from "../../dkim/key-material.ts";
import { isForeignSelector } from "../../dkim/names.ts";
import { hashOf } from "../../durable.ts";
import { asKeyturnError, KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { RenderedFile, SignerChange, SignerFile } from "../../ports/signer.ts";
import type { Sockets } from "../../ports/sockets.ts";
import { faultsOf } from "../first-key-faults.ts";
import { readKeyFile } from "../key-file.ts";
import { parseRows, type Row, renderRows } from "../one-table/rows.ts";
import type { Layout, LayoutOptions } from "./layout.ts";
import { type Redis, type RedisPlace, withRedis } from "./redis-protocol.ts";
import { selectorMap } from "./selector-map.ts";
import type { RedisSettings } from "./settings.ts";
import { isOn, type SigningSection } from "./signing-section.ts";

export interface RedisOptions {
	readonly disk: Disk;
	readonly sockets: Sockets;
	readonly redis: RedisSettings;
	readonly section: SigningSection;
	readonly keyPath: LayoutOptions["keyPath"];
}

/** What Redis has: whatever the file says, rspamd signs with this. */
export async function readRedis(options: RedisOptions, staged: ReadonlyMap<string, string>): Promise<Layout> {
	const { disk, keyPath } = options;
	const hashes = hashesOf(options.section);
	const table = await readTable(options, staged);
	const listed = parseRows(table.bytes, selectorMap(keyPath));
	if (staged.size > 0) return { files: [table], rows: listed.map(asStaged), firstKeyFaults: () => NONE };
	const rows = await connected(options, async (redis) => {
		const found: Layout["rows"][number][] = [];
		for (const [domain, selector] of await selectorsIn(redis, hashes.selectors))
			found.push(await rowOf(redis, hashes.keys, { disk, keyPath }, domain, selector));
		return found.map((row) => {
			const isListed = listed.some((one) => one.domain === row.domain && one.problem === null);
			const missing = `${table.path} has no line for it: add "${row.domain} ${row.selector}"`;
			return isListed ? row : { ...row, problem: row.problem ?? missing };
		});
	});
	return {
		files: [table],
		rows,
		firstKeyFaults: (domains) =>
			faultsOf(domains, (domain) => {
				const row = rows.find((one) => one.domain === domain);
				return row === undefined ? null : (row.problem ?? `${row.selector} signs for it`);
			}),
	};
}

/** The file follows Redis where that was changed past it, so that a turn sets both right. */
export function renderRedisTable(
	table: SignerFile,
	changes: readonly SignerChange[],
	keyPath: LayoutOptions["keyPath"],
): readonly RenderedFile[] {
	const format = selectorMap(keyPath);
	const rows = parseRows(table.bytes, format);
	return renderRows(
		table,
		changes.map((change) => {
			const row = rows.find(({ domain, problem }) => domain === change.domain && problem === null);
			return row === undefined ? change : { ...change, from: row.selector };
		}),
		format,
	);
}

/**
 * What Redis has, before there is a file beside it; the names of both hashes besides. What is no selector is passed over:
 * whoever reaches Redis can write it there, and it becomes part of a path. Fails with `signer.config`.
 */
export async function keysInRedis(
	sockets: Sockets,
	place: RedisPlace,
	section: SigningSection,
): Promise<{ readonly keys: readonly KeyInRedis[]; readonly hashes: Pick<Hashes, "keys" | "selectors"> }> {
	const hashes = hashesOf(section);
	const keys = await withRedis(sockets, place, async (redis) => {
		const found: KeyInRedis[] = [];
		for (const [domain, selector] of await selectorsIn(redis, hashes.selectors)) {
			const pem = await redis.ask("HGET", hashes.keys, fieldOf({ domain, selector }));
			const half = typeof pem === "string" ? publicHalf(pem) : null;
			if (half !== null && isForeignSelector(selector))
				found.push({ domain, selector, algorithm: half.algorithm });
		}
		return found;
	});
	return { keys, hashes };
}

export interface KeyInRedis {
	readonly domain: string;
	readonly selector: string;
	readonly algorithm: PublicHalf["algorithm"];
}

/** In one transaction; `uid` is rspamd's user's: each domain of the file signs with its key there, and those that left it sign no more. */
export async function putIntoRedis(options: RedisOptions & { readonly uid: number }): Promise<void> {
	const { disk, keyPath } = options;
	const hashes = hashesOf(options.section);
	try {
		const { bytes } = await readTable(options, new Map());
		const rows = parseRows(bytes, selectorMap(keyPath));
		// Passed over, the domain of such a line would be taken for one that left.
		const faulty = rows.find(({ problem }) => problem !== null);
		if (faulty !== undefined)
			throw new KeyturnError("signer.probe", `${options.redis.table}: ${faulty.problem ?? ""}`);
		const outcome = await connected(options, async (redis) => {
			await redis.ask("WATCH", hashes.selectors);
			const live = await selectorsIn(redis, hashes.selectors);
			const domains = rows.map(({ domain }) => domain);
			const commands: (readonly string[])[] = [];
			for (const row of rows) {
				const pem = await readSignersKey(options, row.path);
				commands.push(
					["HSET", hashes.keys, fieldOf(row), pem],
					["HSET", hashes.selectors, row.domain, row.selector],
				);
			}
			for (const domain of (await membersOf(redis, hashes.ours)).filter((one) => !domains.includes(one)))
				commands.push(["HDEL", hashes.selectors, domain], ["SREM", hashes.ours, domain]);
			if (domains.length > 0) commands.push(["SADD", hashes.ours, ...domains]);
			for (const field of await leftBehind(redis, hashes.keys, { disk, keyPath }, rows, live))
				commands.push(["HDEL", hashes.keys, field]);
			return redis.atOnce(commands);
		});
		if (outcome === "changed")
			throw new KeyturnError("signer.probe", `${hashes.selectors} was changed in Redis at the same moment`, {
				retry: true,
			});
	} catch (thrown) {
		throw new KeyturnError("signer.probe", asKeyturnError(thrown).message, { retry: true });
	}
}

/** rspamd gets from Redis what is put there: it must be no more than it could read by itself, whatever link it has planted. */
async function readSignersKey(
	{ disk, uid }: RedisOptions & { readonly uid: number },
	path: string,
): Promise<string> {
	const bytes = await disk.readOwned(path, KEY_LIMIT_BYTES, uid);
	if (bytes === "another's")
		throw new KeyturnError(
			"signer.probe",
			`${path}: expected a key file of rspamd's user (uid ${uid}), got another's`,
		);
	const pem = bytes === null ? "" : Buffer.from(bytes).toString("latin1");
	if (publicHalf(pem) === null) throw new KeyturnError("signer.probe", `${path}: expected a private key`);
	return pem;
}

const KEY_LIMIT_BYTES = 64 * 1024;
const NONE: ReadonlyMap<string, string> = new Map();
const TABLE_LIMIT_BYTES = 64 * 1024 * 1024;
const PASSWORD_LIMIT_BYTES = 4096;
export const REDIS_TABLE = "table of keys in Redis";

interface Hashes {
	readonly keys: string;
	readonly selectors: string;
	/** A set of the domains that were put in by us: no other is ever taken out. */
	readonly ours: string;
}

interface Files {
	readonly disk: Disk;
	readonly keyPath: LayoutOptions["keyPath"];
}

async function rowOf(
	redis: Redis,
	keys: string,
	{ disk, keyPath }: Files,
	domain: string,
	selector: string,
): Promise<Layout["rows"][number]> {
	const path = keyPath(domain, selector);
	const row = { domain, selector, path, signs: true };
	const inRedis = await redis.ask("HGET", keys, fieldOf(row));
	const half = typeof inRedis === "string" ? publicHalf(inRedis) : null;
	if (half === null) return { ...row, problem: `${keys} has no key that can be read for ${fieldOf(row)}` };
	const { pem, unread } = await readKeyFile(disk, path);
	if (publicHalf(pem ?? "")?.publicKey === half.publicKey) return { ...row, problem: null };
	return {
		...row,
		problem: unread ?? `its key stands in Redis only: put it into ${path} as well`,
	};
}

/**
 * Keys of ours that neither sign nor signed until now: messages under way still ask for the one before. A field may end in
 * several domains, and is that of the longest, which may be somebody else's.
 */
async function leftBehind(
	redis: Redis,
	keys: string,
	files: Files,
	rows: readonly Row[],
	live: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
	const signing = [...rows, ...[...live].map(([domain, selector]) => ({ domain, selector }))];
	const inUse = new Set(signing.map(fieldOf));
	const domains = signing.map(({ domain }) => domain).toSorted((one, other) => other.length - one.length);
	const ours = new Set(rows.map(({ domain }) => domain));
	const fields = await redis.ask("HKEYS", keys);
	const left: string[] = [];
	for (const field of Array.isArray(fields) ? (fields as readonly unknown[]) : []) {
		if (typeof field !== "string" || inUse.has(field)) continue;
		const domain = domains.find((one) => field.endsWith(`.${one}`));
		if (domain === undefined || !ours.has(domain)) continue;
		const found = await rowOf(redis, keys, files, domain, field.slice(0, -domain.length - 1));
		if (found.problem === null) left.push(field);
	}
	return left;
}

function asStaged(row: Row): Layout["rows"][number] {
	return { ...row, signs: row.problem === null };
}

async function membersOf(redis: Redis, set: string): Promise<readonly string[]> {
	const reply = await redis.ask("SMEMBERS", set);
	return (Array.isArray(reply) ? (reply as readonly unknown[]) : []).map(String);
}

async function selectorsIn(redis: Redis, hash: string): Promise<ReadonlyMap<string, string>> {
	const reply = await redis.ask("HGETALL", hash);
	const words = (Array.isArray(reply) ? (reply as readonly unknown[]) : []).map(String);
	return new Map(
		words.flatMap((word, index) =>
			index % 2 === 0 ? [[word.toLowerCase(), words[index + 1] ?? ""] as const] : [],
		),
	);
}

function fieldOf({ domain, selector }: Pick<Row, "domain" | "selector">): string {
	return `${selector}.${domain}`;
}

/** Without a hash of selectors rspamd has one for all domains, which no turn of one of them may change. */
function hashesOf({ options }: SigningSection): Hashes {
	const [keys, selectors] = [options.get("key_prefix"), options.get("selector_prefix")];
	const isUnused = options.has("try_fallback") && !isOn(options.get("try_fallback"));
	if (keys === undefined || selectors === undefined || isUnused)
		throw new KeyturnError(
			"signer.config",
			"use_redis: expected key_prefix and selector_prefix beside it, and no try_fallback = false",
			{ hint: 'key_prefix = "DKIM_KEYS"; selector_prefix = "DKIM_SELECTORS"; name the two hashes.' },
		);
	return { keys, selectors, ours: `${selectors}_BY_KEYTURN` };
}

async function readTable(
	{ disk, redis }: RedisOptions,
	staged: ReadonlyMap<string, string>,
): Promise<SignerFile> {
	const path = (await disk.realpath(redis.table)) ?? redis.table;
	const bytes = await disk.read(staged.get(path) ?? path, TABLE_LIMIT_BYTES);
	if (bytes !== null) return { path, bytes, hash: hashOf(bytes), format: REDIS_TABLE };
	throw new KeyturnError(
		"signer.config",
		`${redis.table}: expected the table of keys in Redis, found nothing`,
		{
			hint: 'Make it, with a line "domain selector" for each domain in Redis; docs/signers.md has the commands.',
		},
	);
}

async function connected<T>(
	{ disk, sockets, redis }: RedisOptions,
	use: (redis: Redis) => Promise<T>,
): Promise<T> {
	const { socket, database, password_file: file } = redis;
	const bytes = file === null ? null : await disk.read(file, PASSWORD_LIMIT_BYTES);
	if (file !== null && bytes === null)
		throw new KeyturnError("signer.config", `${file}: expected Redis' password, found nothing`);
	const password = bytes === null ? null : Buffer.from(bytes).toString("latin1").trim();
	return withRedis(sockets, { socket, database, password }, use);
}
