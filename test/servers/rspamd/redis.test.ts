/** rspamd with its keys in a real Redis: the contract of all signers, and what becomes of Redis in a switch. */

import { execFileSync } from "node:child_process";
import { appendFile, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { discoverSigners } from "../../../src/signers/discovery/discovery.ts";
import { createSystemSockets } from "../../../src/system/sockets.ts";
import { foundHost } from "../../fakes/found-host.ts";
import { describeSignerContract, type SignerBench } from "../../signers/contract.ts";
import { makeKey, verifier } from "../opendkim/opendkim-host.ts";
import { hasRedis, type RedisServer, startRedis } from "./redis.ts";
import { mayRun, prepareHost, type RspamdHost } from "./rspamd-host.ts";

const old = makeKey();
const others = makeKey();
const next = makeKey();

describe.skipIf(!mayRun || !hasRedis)("rspamd", () => {
	describeSignerContract("with its keys in Redis", {
		makeKey,
		verifier,
		unsigned: "example.net",
		start: async () => startBench(),
	});

	test("turns selector and key in Redis at once, and keeps the key before for messages under way", async () => {
		const { host, redis } = await prepare();
		await turn(host, "202611");
		expect(redis.ask(["HGET", "DKIM_SELECTORS", "example.com"])).toBe("202611");
		expect(redis.ask(["HKEYS", "DKIM_KEYS"]).split("\n")).toContain("202610.example.com");
		await turn(host, "202612");
		const fields = redis.ask(["HKEYS", "DKIM_KEYS"]).split("\n");
		expect(fields).toContain("202612.example.com");
		expect(fields).toContain("202611.example.com");
		expect(fields).not.toContain("202610.example.com");
	});

	test("follows the file back, and leaves alone what it did not put there", async () => {
		const { host, redis } = await prepare();
		redis.ask(["HSET", "DKIM_SELECTORS", "foreign.example", "theirs"]);
		redis.ask(["HSET", "DKIM_KEYS", "theirs.foreign.example"], others.pem);
		const before = await readFile(tableOf(host));
		await host.write("keys/example.net/202611.private", next.pem);
		await appendFile(tableOf(host), "example.net 202611\n");
		await apply(host);
		expect(redis.ask(["HGET", "DKIM_SELECTORS", "example.net"])).toBe("202611");
		await writeFile(tableOf(host), before);
		await apply(host);
		expect(redis.ask(["HGET", "DKIM_SELECTORS", "example.net"])).toBe("");
		expect(redis.ask(["HGET", "DKIM_SELECTORS", "foreign.example"])).toBe("theirs");
		expect(redis.ask(["HGET", "DKIM_SELECTORS", "example.com"])).toBe("202610");
		expect(
			(await host.signer.read()).lines.find(({ domain }) => domain === "foreign.example")?.problem,
		).toContain("its key stands in Redis only");
	});

	test("is proposed by init as Redis has it, and works once the commands given were run", async () => {
		const { host, redis } = await prepare();
		const tools = foundHost({
			files: {
				"/usr/bin/rspamd": "",
				"/etc/rspamd/local.d/dkim_signing.conf": await readFile(host.configPath, "utf8"),
				"/etc/rspamd/local.d/redis.conf": `servers = "${redis.socket}";\n`,
			},
			sockets: createSystemSockets(),
		});
		const [found] = await discoverSigners(tools);
		expect(found).toMatchObject({
			type: "rspamd",
			settings: { redis: { socket: redis.socket, table: "/etc/rspamd/dkim-in-redis" } },
			swap: { recommended: "reload", isOnly: true },
			problems: [],
		});
		expect(
			found?.keys.map(({ domain, selector, algorithm }) => [domain, selector, algorithm]).sort(),
		).toEqual([
			["example.com", "202610", "rsa"],
			["example.org", "202609", "rsa"],
		]);
		const asked = redis.ask(["HGETALL", "DKIM_SELECTORS"]);
		await rm(tableOf(host));
		await rm(`${host.directory}/keys`, { recursive: true });
		const script = (found?.steps ?? [])
			.join("\n")
			.replaceAll("/etc/rspamd/dkim-in-redis", tableOf(host))
			.replaceAll("/var/lib/rspamd/dkim", `${host.directory}/keys`);
		execFileSync("/bin/sh", ["-ec", script]);
		expect(redis.ask(["HGETALL", "DKIM_SELECTORS"])).toBe(asked);
		const { lines } = await host.signer.read();
		expect(lines.map(({ domain, selector, problem }) => [domain, selector, problem])).toEqual([
			["example.com", "202610", null],
			["example.org", "202609", null],
		]);
		for (const { keyPath } of lines)
			expect(await host.signer.unsafe(keyPath, await host.signer.read())).toBeNull();
	});

	test("takes no domain out for a line of it that is no line", async () => {
		const { host, redis } = await prepare();
		await turn(host, "202611");
		const table = await readFile(tableOf(host), "utf8");
		await writeFile(tableOf(host), table.replace("example.org 202609", "example.org"));
		await expect(apply(host)).rejects.toMatchObject({
			code: "signer.probe",
			message: expect.stringContaining('it is not "domain selector": example.org') as string,
		});
		expect(redis.ask(["HGET", "DKIM_SELECTORS", "example.org"])).toBe("202609");
	});

	test("gives Redis nothing that rspamd's user could not read itself, whatever link stands at a key's place", async () => {
		const { host, redis } = await prepare();
		await turn(host, "202611");
		const [, path = ""] = (await host.signer.read()).lines.map(({ keyPath }) => keyPath).toSorted();
		const secret = join(host.directory, "roots.pem");
		for (const text of [next.pem, "root:$6$canary:19000:0:99999:7:::\n"]) {
			await writeFile(secret, text, { mode: 0o600 });
			await rm(path);
			await symlink(secret, path);
			await expect(apply(host)).rejects.toMatchObject({
				code: "signer.probe",
				message: expect.stringContaining(`${path}: expected a key file of rspamd's user`) as string,
			});
		}
		const held = redis.ask(["HVALS", "DKIM_KEYS"]);
		expect(held).toContain("PRIVATE KEY");
		expect(held).not.toContain(next.pem.split("\n")[3]);
		expect(held).not.toContain("canary");
	});

	test("tells what Redis has where that is not what the file says, and turns from there", async () => {
		const { host, redis } = await prepare();
		await turn(host, "202611");
		redis.ask(["HSET", "DKIM_SELECTORS", "example.com", "202610"]);
		const reading = await host.signer.read();
		expect(reading.lines.find(({ domain }) => domain === "example.com")).toMatchObject({
			selector: "202610",
			problem: null,
			signs: true,
		});
		await turn(host, "202612", "202610");
		expect(redis.ask(["HGET", "DKIM_SELECTORS", "example.com"])).toBe("202612");
	});

	test("says that Redis does not answer, and by a failed application that the switch has to go back", async () => {
		const { host, redis } = await prepare();
		await redis.stop();
		await expect(host.signer.read()).rejects.toMatchObject({ code: "signer.config" });
		await expect(apply(host)).rejects.toMatchObject({ code: "signer.probe" });
	});
});

async function startBench(): Promise<SignerBench> {
	const { host } = await prepare();
	const running = await host.start();
	return {
		signer: host.signer,
		domain: "example.com",
		inUse: { selector: "202610", record: old.record },
		other: "example.org",
		...running,
		reload: async () => apply(host),
		spoilConfiguration: async () => appendFile(host.mainPath, "} }\n"),
	};
}

async function prepare(): Promise<{ readonly host: RspamdHost; readonly redis: RedisServer }> {
	const redis = await startRedis();
	const host = await prepareHost({ redis: { socket: redis.socket, table: "in-redis" } });
	await host.write("keys/example.com/202610.private", old.pem);
	await host.write("keys/example.org/202609.private", others.pem);
	redis.ask(["HSET", "DKIM_SELECTORS", "example.com", "202610", "example.org", "202609"]);
	redis.ask(["HSET", "DKIM_KEYS", "202610.example.com"], old.pem);
	redis.ask(["HSET", "DKIM_KEYS", "202609.example.org"], others.pem);
	await host.write("in-redis", "# what signs\nexample.com 202610\nexample.org 202609\n");
	const options = ["use_redis = true;", 'key_prefix = "DKIM_KEYS";', 'selector_prefix = "DKIM_SELECTORS";'];
	await host.write("dkim_signing.conf", `sign_local = true;\n${options.join("\n")}\n`);
	return { host, redis };
}

function tableOf({ directory }: RspamdHost): string {
	return `${directory}/in-redis`;
}

async function apply({ signer }: RspamdHost): Promise<void> {
	if (signer.apply === undefined) throw new Error("expected a signer that is made to follow its file");
	await signer.apply({ lines: [], files: [], tableHash: "", owner: ROOT, configuration: [], notes: [] });
}

const ROOT = { uid: 0, gid: 0, user: "root" };

/** As the door does it, without its journal. */
async function turn(host: RspamdHost, selector: string, from?: string): Promise<void> {
	const reading = await host.signer.read();
	const keyPath = await host.write(`keys/example.com/${selector}.private`, makeKey().pem);
	const live = reading.lines.find(({ domain }) => domain === "example.com")?.selector ?? "";
	expect(live).toBe(from ?? live);
	const change = { domain: "example.com", from: live, to: { selector, keyPath } };
	for (const { path, bytes } of host.signer.render(reading, [change])) {
		await writeFile(`${dirname(path)}/.new`, bytes);
		await rename(`${dirname(path)}/.new`, path);
	}
	await apply(host);
}
