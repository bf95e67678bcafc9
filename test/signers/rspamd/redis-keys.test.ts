import { expect, test } from "vitest";
import type { Sockets } from "../../../src/ports/sockets.ts";
import { putIntoRedis } from "../../../src/signers/rspamd/redis-keys.ts";
import { readSection } from "../../../src/signers/rspamd/signing-section.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";
import { simKey } from "../../fakes/sim-signer.ts";

const OWNER = { uid: 108, gid: 112 };
const TABLE = "/etc/keyturn/rspamd-keys";
const CONFIG = 'use_redis = true;\nkey_prefix = "KEYS";\nselector_prefix = "SELECTORS";\n';

/** Redis with these hashes, which takes what stands in a transaction at its end. */
function redisWith(hashes: Readonly<Record<string, Map<string, string>>>): Sockets {
	const ours = new Set<string>();
	const hash = (name = "") => hashes[name] ?? new Map<string, string>();
	const change = ([act, name, field = "", value = ""]: readonly string[]) => {
		if (act === "HSET") hash(name).set(field, value);
		if (act === "HDEL") hash(name).delete(field);
		if (act === "SADD") ours.add(field);
		if (act === "SREM") ours.delete(field);
	};
	const text = (value: string | undefined) =>
		value === undefined ? "$-1\r\n" : `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
	const list = (values: readonly string[]) => `*${values.length}\r\n${values.map(text).join("")}`;
	let queued: (readonly string[])[] | null = null;
	const answer = (words: readonly string[]): string => {
		const [act, name, field = ""] = words;
		if (act === "EXEC") {
			queued?.forEach(change);
			queued = null;
			return "*0\r\n";
		}
		if (queued !== null) {
			queued.push(words);
			return "+QUEUED\r\n";
		}
		if (act === "MULTI") queued = [];
		if (act === "HGETALL") return list([...hash(name)].flat());
		if (act === "HKEYS") return list([...hash(name).keys()]);
		if (act === "HGET") return text(hash(name).get(field));
		return act === "SMEMBERS" ? list([...ours]) : "+OK\r\n";
	};
	let said = "";
	return {
		connect: async () =>
			Promise.resolve({
				write: async (bytes) => {
					const words = Buffer.from(bytes)
						.toString("latin1")
						.matchAll(/\$(\d+)\r\n/g);
					const all = Buffer.from(bytes).toString("latin1");
					said += answer(
						[...words].map((match) => {
							const at = match.index + match[0].length;
							return all.slice(at, at + Number(match[1]));
						}),
					);
					return Promise.resolve();
				},
				read: async (count) => {
					const bytes = said.slice(0, count);
					said = said.slice(count);
					return Promise.resolve(Buffer.from(bytes, "latin1"));
				},
				readLine: async () => {
					const end = said.indexOf("\n") + 1;
					const line = said.slice(0, end);
					said = said.slice(end);
					return Promise.resolve(line);
				},
				close: () => {},
			}),
	};
}

/** Has Redis, where `before` names what signs and `fields` which keys are there, follow the table; answers the keys that stay. */
async function follow(
	table: Readonly<Record<string, string>>,
	before: Readonly<Record<string, string>>,
	fields: readonly string[],
): Promise<readonly string[]> {
	const sim = new SimDisk(() => new Date(0));
	const lines = Object.entries(table).map(([domain, selector]) => `${domain} ${selector}\n`);
	sim.put(TABLE, lines.join(""));
	const live = Object.entries(table).map(([domain, selector]) => `${selector}.${domain}`);
	for (const field of [...fields, ...live]) sim.put(`/keys/${field}.key`, simKey(field).key, 0o600, OWNER);
	const keys = new Map(fields.map((field) => [field, simKey(field).key]));
	await putIntoRedis({
		disk: sim.open({ process: createSimProcess() }),
		sockets: redisWith({ KEYS: keys, SELECTORS: new Map(Object.entries(before)) }),
		redis: { socket: "/run/redis.sock", table: TABLE, database: 0, password_file: null },
		section: readSection(CONFIG, "/etc/rspamd/local.d/dkim_signing.conf"),
		keyPath: (domain, selector) => `/keys/${selector}.${domain}.key`,
		uid: OWNER.uid,
	});
	return [...keys.keys()].toSorted();
}

test("a key that neither signs nor signed until now goes", async () => {
	expect(
		await follow({ "example.com": "202612" }, { "example.com": "202611" }, [
			"202610.example.com",
			"202611.example.com",
		]),
	).toEqual(["202611.example.com", "202612.example.com"]);
});

test("a key of a domain below another's is not taken for one that the other has left behind", async () => {
	const both = { "example.com": "202611", "mail.example.com": "202611" };
	expect(
		await follow(both, both, ["202610.mail.example.com", "202611.example.com", "202611.mail.example.com"]),
	).toEqual(["202611.example.com", "202611.mail.example.com"]);
	expect(
		await follow({ ...both, "mail.example.com": "202612" }, both, [
			"202611.example.com",
			"202611.mail.example.com",
		]),
	).toEqual(["202611.example.com", "202611.mail.example.com", "202612.mail.example.com"]);
});

test("nor is one of a domain that is somebody else's", async () => {
	expect(
		await follow({ "example.com": "202611" }, { "example.com": "202611", "mail.example.com": "s" }, [
			"202611.example.com",
			"next.mail.example.com",
			"s.mail.example.com",
		]),
	).toEqual(["202611.example.com", "next.mail.example.com", "s.mail.example.com"]);
});

test("a key in use stays by whichever of two domains its name can be read", async () => {
	const both = { "example.com": "a.mail", "mail.example.com": "b" };
	expect(await follow(both, both, ["a.mail.example.com", "b.mail.example.com"])).toEqual([
		"a.mail.example.com",
		"b.mail.example.com",
	]);
});
