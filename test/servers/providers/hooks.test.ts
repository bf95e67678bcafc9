import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProvider as createExec } from "../../../providers/exec/provider.ts";
import { settingsSchema } from "../../../providers/exec/settings.ts";
import { createProvider as createHttpreq } from "../../../providers/httpreq/provider.ts";
import { createAuthorities } from "../../../src/dns/authorities.ts";
import { createWireResolver } from "../../../src/dns/wire-resolver.ts";
import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import type { ProgramRequest, Programs } from "../../../src/ports/programs.ts";
import { createPublisher } from "../../../src/publishing/publisher.ts";
import { createTurns } from "../../../src/publishing/turns.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createSystemDisk } from "../../../src/system/disk.ts";
import { createHttp } from "../../../src/system/http.ts";
import { createProgramTrust } from "../../../src/system/program-trust.ts";
import { createSystemPrograms } from "../../../src/system/programs.ts";
import { createSystemRandom } from "../../../src/system/random.ts";
import { createWire } from "../../../src/system/wire.ts";
import { policyOf } from "../../fakes/policies.ts";
import { valueOf } from "../../providers/contract.ts";
import { startBind, type TsigKey } from "../bind.ts";
import { served } from "../dns-question.ts";
import { nsupdate } from "../nsupdate.ts";
import { type StartedServer, waitUntil } from "../program.ts";

const ZONE = "example.test";
const KEY: TsigKey = {
	name: "updater",
	algorithm: "hmac-sha256",
	secret: randomBytes(32).toString("base64"),
};
const SECRET = "a-canary-of-the-hooks";
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const clock = createSystemClock();
const random = createSystemRandom();
const signal = new AbortController().signal;

/** As one of lego's exec hooks would be written: by name and value alone. The value is cut for nsupdate's sake. */
const HOOK = `#!/bin/sh -eu
act=$1; name=$2; value=$3
test -n "$HOOK_SECRET"
quoted=$(printf %s "$value" | fold -w 255 | sed 's/.*/"&"/' | tr '\\n' ' ')
case $act in
present) line="update add $name 300 TXT $quoted";;
cleanup) line="update delete $name TXT $quoted";;
esac
printf 'server %s %s\\nzone ${ZONE}\\nkey ${KEY.algorithm}:${KEY.name} ${KEY.secret}\\n%s\\nsend\\n' "$HOOK_ADDRESS" "$HOOK_PORT" "$line" | /usr/bin/nsupdate -v
`;

const BENCHES: readonly (readonly [string, (server: StartedServer) => Promise<Hooked>])[] = [
	["exec", async (server) => hooked(execFor(server, join(server.directory, "hook")))],
	["httpreq", overHttp],
];

describe.each(BENCHES)("%s with a hook of lego's kind before BIND, through the publisher", (_, start) => {
	let server: StartedServer;
	let hook: Hooked;
	beforeAll(async () => {
		server = await started();
		hook = await start(server);
	});
	afterAll(async () => {
		hook.stop();
		await server.stop();
	});
	let names = 0;
	const freshName = (): string => `s${++names}._domainkey.${ZONE}`;
	const add = (name: string, value: string) => ({ kind: "add", name, value, ttlSeconds: 300 }) as const;
	const plant = async (name: string, text: string) =>
		nsupdate(server, ZONE, KEY, [`update add ${name} 300 TXT "${text}"`]);

	test.each([45, 255, 256, 510, 754, 766])(
		"adds, lists and removes %i octets unharmed, once each",
		async (octets) => {
			const name = freshName();
			const value = valueOf(octets);
			const addition = [add(name, value)];
			expect(await hook.provider.change(ZONE, addition, signal)).toEqual([{ kind: "done" }]);
			expect(await hook.provider.change(ZONE, addition, signal)).toEqual([{ kind: "done" }]);
			expect(await served(server, name)).toEqual([value]);
			expect(await hook.provider.list(ZONE, name, signal)).toEqual([value]);
			const removal = [{ kind: "remove", name, value } as const];
			expect(await hook.provider.change(ZONE, removal, signal)).toEqual([{ kind: "done" }]);
			expect(await hook.provider.change(ZONE, removal, signal)).toEqual([{ kind: "done" }]);
			expect(await served(server, name)).toEqual([]);
		},
	);

	test("leaves siblings, and writes nothing beside what somebody else has there", async () => {
		const [name, taken] = [freshName(), freshName()];
		await hook.provider.change(ZONE, [add(name, valueOf(410))], signal);
		await plant(name, "a sibling");
		const removal = { kind: "remove", name, value: valueOf(410) } as const;
		expect(await hook.provider.change(ZONE, [removal], signal)).toEqual([{ kind: "done" }]);
		expect(await served(server, name)).toEqual(["a sibling"]);
		await plant(taken, "somebody else's");
		expect(await hook.provider.change(ZONE, [add(taken, valueOf(410))], signal)).toEqual([
			{ kind: "occupied", values: ["somebody else's"] },
		]);
		expect(await served(server, taken)).toEqual(["somebody else's"]);
	});

	test("replaces a record", async () => {
		const name = freshName();
		const [from, to] = [valueOf(410), "v=DKIM1;k=rsa;p="];
		await hook.provider.change(ZONE, [add(name, from)], signal);
		const replace = { kind: "replace", name, from, to, ttlSeconds: 300 } as const;
		expect(await hook.provider.change(ZONE, [replace], signal)).toEqual([{ kind: "done" }]);
		expect(await served(server, name)).toEqual([to]);
	});

	test.each([
		["record", 'TXT "v=DKIM1; p="'],
		["alias", `CNAME ${ZONE}.`],
	])("publishes where a wildcard's %s was", async (what, data) => {
		const below = `_domainkey.${what}.${ZONE}`;
		await nsupdate(server, ZONE, KEY, [`update add *.${below} 300 ${data}`]);
		const name = `s1.${below}`;
		expect(await hook.provider.list(ZONE, name, signal)).toEqual([]);
		expect(await hook.provider.change(ZONE, [add(name, valueOf(410))], signal)).toEqual([{ kind: "done" }]);
		expect(await served(server, name)).toEqual([valueOf(410)]);
		const removal = { kind: "remove", name, value: valueOf(410) } as const;
		expect(await hook.provider.change(ZONE, [removal], signal)).toEqual([{ kind: "done" }]);
	});

	test("writes nothing beside an alias, and finds the zone in DNS", async () => {
		const name = freshName();
		await nsupdate(server, ZONE, KEY, [`update add ${name} 300 CNAME elsewhere.invalid.`]);
		const direct = execFor(server, join(server.directory, "hook"));
		const [result] = await direct.change(ZONE, [add(name, valueOf(410))], signal);
		expect(result).toMatchObject({ kind: "refused", why: expect.stringContaining("CNAME") });
		expect(await hook.provider.findZone(freshName(), signal)).toEqual({ kind: "zone", zone: ZONE });
	});
});

describe("a program as provider", () => {
	let server: StartedServer;
	beforeAll(async () => {
		server = await started();
	});
	afterAll(async () => server.stop());
	const add = (selector: string) =>
		({ kind: "add", name: `${selector}._domainkey.${ZONE}`, value: valueOf(754), ttlSeconds: 300 }) as const;

	test("gets its arguments as lego gives them, and nothing of our environment", async () => {
		process.env["KEYTURN_TEST_CANARY"] = "canary";
		const requests: ProgramRequest[] = [];
		const provider = execFor(server, join(server.directory, "hook"), {
			run: async (request) => {
				requests.push(request);
				return createSystemPrograms().run(request, signal);
			},
		});
		const change = add("args");
		expect(await provider.change(ZONE, [change], signal)).toEqual([{ kind: "done" }]);
		const [request] = requests;
		expect(request?.argv.slice(1)).toEqual(["present", `${change.name}.`, change.value]);
		expect(request?.argv.join(" ")).not.toContain(SECRET);
		expect(Object.keys(request?.env ?? {}).toSorted()).toEqual(
			["DKIM_ACTION", "DKIM_FQDN", "DKIM_TTL", "DKIM_VALUE", "DKIM_VALUE_QUOTED", "DKIM_ZONE"].concat([
				"HOOK_ADDRESS",
				"HOOK_PORT",
				"HOOK_SECRET",
			]),
		);
		delete process.env["KEYTURN_TEST_CANARY"];
	});

	test("that somebody else could write is not run", async () => {
		const path = await script(server, "open", `#!/bin/sh\ntouch ${server.directory}/ran\n`);
		await chmod(path, 0o777);
		const [result] = await execFor(server, path).change(ZONE, [add("open")], signal);
		expect(result).toMatchObject({ kind: "refused", why: expect.stringContaining("0777") });
		await expect(readFile(join(server.directory, "ran"))).rejects.toThrow("ENOENT");
	});

	test("that fails is told with what it said, without its secrets", async () => {
		const path = await script(server, "fails", '#!/bin/sh\necho "no: $HOOK_SECRET" >&2\nexit 3\n');
		const [result] = await execFor(server, path).change(ZONE, [add("fails")], signal);
		expect(result).toMatchObject({ kind: "refused", why: expect.stringMatching(/status 3.*no: …/) });
	});

	test("that hangs is killed with all that it started, and the outcome is unknown", async () => {
		const path = await script(server, "hangs", '#!/bin/sh\nsleep 600 & echo $! > "$0.child"; wait\n');
		const [result] = await execFor(server, path, createSystemPrograms(), "1s").change(
			ZONE,
			[add("hangs")],
			signal,
		);
		expect(result).toMatchObject({ kind: "unknown" });
		const child = (await readFile(`${path}.child`, "utf8")).trim();
		// Its end may be under way still, and nobody may have taken note of it.
		const isOver = async () =>
			(await readFile(`/proc/${child}/stat`, "utf8").catch(() => ") Z")).includes(") Z");
		await waitUntil("what it started to be gone", isOver);
	});

	test("that says done and does nothing is believed by nobody who looks", async () => {
		const path = await script(server, "lies", "#!/bin/sh\nexit 0\n");
		const provider = execFor(server, path);
		expect(await provider.change(ZONE, [add("lies")], signal)).toEqual([{ kind: "done" }]);
		expect(await provider.list(ZONE, add("lies").name, signal)).toEqual([]);
	});

	test("is told nothing while a name server does not answer", async () => {
		const provider = execFor(server, join(server.directory, "hook"), createSystemPrograms(), "1m", 9);
		const [result] = await provider.change(ZONE, [add("silent")], signal);
		expect(result).toMatchObject({ kind: "unknown", why: expect.stringContaining("not every name server") });
		expect(await served(server, add("silent").name)).toEqual([]);
	});
});

async function started(): Promise<StartedServer> {
	const server = await startBind({
		zones: [{ name: ZONE, records: "", updateKeys: [KEY.name] }],
		tsigKeys: [KEY],
	});
	await script(server, "hook", HOOK);
	return server;
}

async function script(server: StartedServer, name: string, text: string): Promise<string> {
	const path = join(server.directory, name);
	await writeFile(path, text, { mode: 0o755 });
	return path;
}

interface Hooked {
	readonly provider: DnsProvider;
	readonly stop: () => void;
}

function hooked(provider: DnsProvider, stop: () => void = () => undefined): Hooked {
	const tools = { turns: createTurns(), clock, random, log: SILENT };
	return { provider: createPublisher({ ...tools, provider }), stop };
}

async function overHttp(server: StartedServer): Promise<Hooked> {
	const { url, stop } = await httpHook(server);
	return hooked(httpreqFor(server, url), stop);
}

function authoritiesFor({ address, port }: StartedServer, alsoAsked = 0) {
	const silent = alsoAsked === 0 ? [] : [{ address, port: alsoAsked }];
	const verify = { ...policyOf().verify, nameservers: [{ address, port }, ...silent], resolvers: [] };
	const resolver = createWireResolver({ wire: createWire(), clock, random, systemServers: async () => [] });
	return createAuthorities({ resolver, clock, verifyFor: () => verify });
}

function execFor(
	server: StartedServer,
	path: string,
	programs: Programs = createSystemPrograms(),
	timeout = "1m",
	alsoAsked = 0,
): DnsProvider {
	const env = {
		HOOK_ADDRESS: server.address,
		HOOK_PORT: `${server.port}`,
		HOOK_SECRET: { credential: "hook" },
	};
	return createExec({
		name: "hook",
		settings: settingsSchema.parse({ run: [path], env, timeout }),
		secrets: { read: async () => SECRET },
		programs,
		programTrust: createProgramTrust(createSystemDisk(), process.getuid?.() ?? 0),
		authorities: authoritiesFor(server, alsoAsked),
		clock,
	});
}

function httpreqFor(server: StartedServer, endpoint: string): DnsProvider {
	return createHttpreq({
		name: "hook",
		settings: { endpoint, username: "keyturn", password: { credential: "hook" } },
		secrets: { read: async () => SECRET },
		http: createHttp({ clock }),
		authorities: authoritiesFor(server),
		clock,
	});
}

/** A server of lego's kind: it runs the same hook. */
async function httpHook(server: StartedServer): Promise<{ readonly url: string; readonly stop: () => void }> {
	const expected = `Basic ${Buffer.from(`keyturn:${SECRET}`).toString("base64")}`;
	const http = createServer((request, response) => {
		void (async () => {
			let body = "";
			for await (const chunk of request) body += String(chunk);
			if (request.headers.authorization !== expected) return response.writeHead(401).end();
			const { fqdn, value } = JSON.parse(body) as { fqdn: string; value: string };
			const act = request.url === "/present" ? "present" : "cleanup";
			const env = { HOOK_ADDRESS: server.address, HOOK_PORT: `${server.port}`, HOOK_SECRET: SECRET };
			await promisify(execFile)(join(server.directory, "hook"), [act, fqdn, value], { env });
			return response.writeHead(200).end();
		})().catch(() => response.writeHead(500).end());
	});
	http.listen(0, "127.0.0.1");
	await once(http, "listening");
	const { port } = http.address() as AddressInfo;
	return { url: `http://127.0.0.1:${port}`, stop: () => void http.close() };
}
