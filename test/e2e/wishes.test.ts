/** What operators ask for besides a turn, under mail: the way back, a compromised key, and an old record that is to go. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentHost, CONFIG_FILE, KEY_TABLE, upAgentHost } from "./host/agent-host.ts";
import { SELECTOR } from "./host/guide-host.ts";
import { underMail } from "./host/mail-run.ts";
import { CHECKOUT, NODE } from "./host/mail-host.ts";
import { PRIMARY, SECONDARY } from "./host/name-servers.ts";

const DOMAIN = "example.com";
const CLEAN = { unsigned: 0, lost: 0, rejected: 0 };
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" });
	expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
});
afterAll(async () => host.down());

async function recordsOf(selector: string): Promise<readonly (readonly string[])[]> {
	const name = `${selector}._domainkey.${DOMAIN}`;
	return Promise.all([PRIMARY, SECONDARY].map(async (server) => host.txt(server, name)));
}

describe.each(["reload", "restart"] as const)("rollback by %s", (swap) => {
	test("signs with the key before again, and every message verifies", async () => {
		await host.configure({ swap });
		const before = (await host.selectors())[DOMAIN] ?? "";
		const { result, judgement } = await underMail(host, { connections: "short" }, async () =>
			host.keyturn(`rollback ${DOMAIN}`),
		);
		expect(result).toMatchObject({ code: 0 });
		const now = (await host.selectors())[DOMAIN] ?? "";
		expect(now).not.toBe(before);
		expect(result.stdout).toContain(`${DOMAIN}: signs with ${now} again`);
		expect(judgement).toMatchObject({ ...CLEAN, reasons: [] });
		expect(judgement.valid[now]).toBeGreaterThan(0);
		expect(judgement.valid[before]).toBeGreaterThan(0);
		expect((await host.keyturn("verify")).code).toBe(0);
	});
});

test("a compromised key is turned under mail; then nothing it signed verifies, and all that came after does", async () => {
	await host.configure({ swap: "reload" });
	const stolen = (await host.selectors())[DOMAIN] ?? "";
	const { result, judgement } = await underMail(host, { connections: "short" }, async () => {
		const revoked = await host.keyturn(`revoke ${DOMAIN} ${stolen}`);
		await host.eventually("both servers have the empty record", async () =>
			(await recordsOf(stolen)).every((values) => values.length === 1 && (values[0] ?? "").endsWith(";p=")),
		);
		return revoked;
	});
	expect(result).toMatchObject({ code: 0 });
	const fresh = (await host.selectors())[DOMAIN] ?? "";
	expect(result.stdout).toMatch(new RegExp(`${stolen} is revoked since .*; ${fresh} signs`));
	expect(judgement).toMatchObject(CLEAN);
	expect(Object.keys(judgement.invalid)).toEqual([stolen]);
	expect(judgement.valid[fresh]).toBeGreaterThan(0);
	expect((await host.events()).map(({ event }) => event)).toContain("revoked");
	expect((await host.keyturn(`revoke ${DOMAIN} ${stolen}`)).stderr).toContain("is revoked already");
});

test("--unsigned empties the record before there is another key: no message carries a signature that fails", async () => {
	const stolen = (await host.selectors())[DOMAIN] ?? "";
	const { result, judgement } = await underMail(host, { connections: "short" }, async () => {
		const revoked = await host.keyturn(`revoke ${DOMAIN} ${stolen} --unsigned`);
		await host.eventually("a fresh key signs", async () => {
			await host.keyturn("rotate");
			return (await host.selectors())[DOMAIN] !== undefined;
		});
		return revoked;
	});
	expect(result).toMatchObject({ code: 0 });
	const fresh = (await host.selectors())[DOMAIN] ?? "";
	expect(judgement).toMatchObject({ lost: 0, rejected: 0 });
	expect(judgement.unsigned).toBeGreaterThan(0);
	expect(Object.keys(judgement.invalid)).toEqual([stolen]);
	expect(judgement.valid[fresh]).toBeGreaterThan(0);
});

test("a revoked key that an old backup brings back is turned away from by the next tick", async () => {
	const stolen = (await host.selectors())[DOMAIN] ?? "";
	await host.script("cp -p /etc/opendkim/key.table /root/key.table");
	expect(await host.keyturn(`revoke ${DOMAIN} ${stolen}`)).toMatchObject({ code: 0 });
	await host.script("cp -p /root/key.table /etc/opendkim/key.table; systemctl restart opendkim");
	expect((await host.selectors())[DOMAIN]).toBe(stolen);
	await host.eventually("another key signs", async () => {
		await host.keyturn("rotate");
		return (await host.selectors())[DOMAIN] !== stolen;
	});
	expect((await host.keyturn("verify")).code).toBe(0);
	const drift = (await host.events()).filter(({ event }) => event === "drift_detected");
	expect(drift[0]?.summary).toBe(`${DOMAIN}: the signer uses ${stolen} again, which is revoked`);
	expect((await recordsOf(stolen)).flat()).toEqual([
		expect.stringMatching(/;p=$/),
		expect.stringMatching(/;p=$/),
	]);
});

test("an adopted key's record is kept for mail under way, and says so when it is asked to go", async () => {
	const { code, stdout } = await host.keyturn(`retire ${DOMAIN} ${SELECTOR}`);
	expect(code).toBe(3);
	expect(stdout).toMatch(
		/^example\.com: waiting: mail signed with it may still be under way \(grace\) until /,
	);
	expect((await recordsOf(SELECTOR)).map((values) => values.length)).toEqual([1, 1]);
});

test("the door tells that the running signer signs with another key than its tables name", async () => {
	const selector = (await host.selectors())[DOMAIN] ?? "";
	const record = (await recordsOf(selector))[0]?.[0] ?? "";
	const faultOf = async (asked: string) => {
		const probe = [{ signer: "main", domain: DOMAIN, selector: asked, record }];
		const request = JSON.stringify({ act: "inspect", ids: [], probe });
		const answer = await host.script(
			`printf '%s' '${request}' | ${NODE} ${CHECKOUT}/dist/src/door.js 2>/dev/null`,
		);
		return (JSON.parse(answer) as { probed: { fault: string | null }[] }).probed.map(({ fault }) => fault);
	};
	expect(await faultOf(selector)).toEqual([null]);
	await host.script(
		`cp -p ${KEY_TABLE} /root/key.table; sed -i 's/${DOMAIN}:${selector}:/${DOMAIN}:unread:/' ${KEY_TABLE}`,
	);
	expect(await faultOf("unread")).toEqual([`signed with ${selector} of ${DOMAIN}, expected unread`]);
	await host.script(`cp -p /root/key.table ${KEY_TABLE}`);
});

test("the door tells what waits in Postfix's queue, without what is held", async () => {
	const send = "printf 'Subject: x\\n\\nx\\n' | sendmail -f root@example.com nobody@unreachable.invalid";
	await host.script(`postconf -e 'defer_transports = smtp'; postfix reload 2>/dev/null; ${send}; ${send}`);
	const waiting = async () => {
		const answer = await host.script(
			`printf '{"act":"inspect","ids":[]}' | ${NODE} ${CHECKOUT}/dist/src/door.js 2>/dev/null`,
		);
		return (JSON.parse(answer) as { queue: { lifetimeSeconds: number; waiting: { id: string }[] } }).queue;
	};
	await host.eventually("two messages wait", async () => (await waiting()).waiting.length === 2);
	const { lifetimeSeconds, waiting: messages } = await waiting();
	expect(lifetimeSeconds).toBe(5 * 86_400);
	await host.script(`postsuper -h ${messages[0]?.id ?? ""} 2>/dev/null`);
	expect((await waiting()).waiting).toEqual(messages.slice(1));
});

test("a key that amavis signs with too keeps its record, and goes once it does not", async () => {
	const user = "/etc/amavis/conf.d/50-user";
	await host.configure({ swap: "restart", more: "retire: { grace: 1s }\n" });
	await host.script(
		`sed -i 's/ttl: 5m/ttl: 1s/' ${CONFIG_FILE}; postconf -e maximal_queue_lifetime=0 bounce_queue_lifetime=0`,
	);
	expect(await host.keyturn(`rotate --now ${DOMAIN}`)).toMatchObject({ code: 0 });
	const shared = (await host.selectors())[DOMAIN] ?? "";
	const line = `dkim_key('${DOMAIN}', '${shared}', '/etc/opendkim/keys/${DOMAIN}/${shared}.private');`;
	await host.script("mkdir -p /etc/amavis/conf.d");
	await host.write(user, `# ours\n${line}\n1;\n`);
	expect(await host.keyturn(`rotate --now ${DOMAIN}`)).toMatchObject({ code: 0 });
	await host.eventually("status says that amavis uses it", async () => {
		await host.keyturn("rotate");
		const { stdout } = await host.keyturn("status --json");
		return stdout.includes(`amavis uses it too (${user} line 2)`);
	});
	expect((await recordsOf(shared)).map((values) => values.length)).toEqual([1, 1]);
	await host.script(`rm ${user}`);
	// It may have signed until now: grace begins anew.
	expect([0, 3]).toContain((await host.keyturn(`retire ${DOMAIN} ${shared}`)).code);
	await host.eventually("the record is gone", async () => {
		await host.keyturn("rotate");
		return (await recordsOf(shared)).every((values) => values.length === 0);
	});
});
