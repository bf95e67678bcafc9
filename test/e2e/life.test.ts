/**
 * The rest of a key's life for real, under mail, on one host: rings behind CNAMEs, `{host}` and `{alg}`, two DNS hosts of one
 * zone, a zone that moves in the middle of a turn, a standby, retirement, and the private half laid out in the end.
 */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, CONFIG_FILE, upAgentHost } from "./host/agent-host.ts";
import { changeKeys, keysOf } from "./host/documents.ts";
import { SELECTOR } from "./host/guide-host.ts";
import { judgeMail, startMail, underMail } from "./host/mail-run.ts";
import { PRIMARY, SECONDARY, TSIG_KEY_FILE } from "./host/name-servers.ts";

const STANDBY = "example.com";
const RING = "example.org";
const NAMED = "example.net";
const TWO_HOSTS = "example.edu";
const MOVING = "example.info";
const SHELF = "/srv/keys";
const CLEAN = { unsigned: 0, lost: 0, rejected: 0, reasons: [] };
/** Every message is verified at both servers: on a busy machine that takes its time. */
const MAIL_MS = 600_000;
const OTHER_CONF = "/etc/bind2/named.conf";
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" }, { domains: [STANDBY, RING, NAMED, TWO_HOSTS, MOVING] });
	await host.script(`
		install -d -o keyturn ${SHELF}
		postconf -e maximal_queue_lifetime=0 bounce_queue_lifetime=0
		sed -i '1i include "${TSIG_KEY_FILE}";' ${OTHER_CONF}
		rm -f /etc/bind2/zones/${TWO_HOSTS}*
		cp -p /etc/bind/zones/${TWO_HOSTS} /etc/bind2/zones/
		${asPrimary(OTHER_CONF, TWO_HOSTS, "/etc/bind2/zones")}
		systemctl restart dns-secondary`);
	await host.must(["nsupdate", "-k", TSIG_KEY_FILE], {
		input: `server ${PRIMARY}\nzone ${RING}\n${["kt1", "kt2"].map((name) => `update add ${name}._domainkey.${RING} 1 CNAME ${name}.org-keys.${NAMED}.\n`).join("")}send\n`,
	});
	await configure("reload", "home");
	await host.eventually("both DNS hosts serve the zone", async () =>
		(await recordsOf(TWO_HOSTS, SELECTOR)).every((values) => values.length === 1),
	);
	const adopted = await host.keyturn("rotate");
	expect(adopted.code, `${adopted.stdout}${adopted.stderr}`).toBe(0);
}, MAIL_MS);
afterAll(async () => host.down());

/** A zone's own primary, which takes our updates, in place of whatever the server was for it. */
function asPrimary(file: string, zone: string, folder: string, more = ""): string {
	return `sed -i 's#^zone "${zone}" .*#zone "${zone}" { type primary; file "${folder}/${zone}"; allow-update { key keyturn; }; ${more} };#' ${file}`;
}

async function configure(swap: "reload" | "restart", movingTo: string, grace = "10m"): Promise<void> {
	await host.write(
		CONFIG_FILE,
		`schedule: "0 3 1 * *"
timezone: UTC
host: mx1
jitter: 0s
record: { ttl: 1s }
verify: { soak: 0s, interval: 1s, timeout: 1h }
retire: { grace: ${grace} }
signer: { type: opendkim, config: /etc/opendkim.conf, keys: /etc/opendkim/keys, swap: ${swap} }
providers:
  home: { type: rfc2136, server: "${PRIMARY}:53", keyfile: /etc/keyturn/tsig.key }
  other: { type: rfc2136, server: "${SECONDARY}:53", keyfile: /etc/keyturn/tsig.key }
domains:
  - { name: ${STANDBY}, provider: home, standby: true }
  - { name: ${RING}, provider: home, selector: { ring: [kt1, kt2] } }
  - { name: ${NAMED}, provider: home, selector: "{host}-{yyyy}{mm}-{alg}", retire: { publish_private: ${SHELF} } }
  - { name: ${TWO_HOSTS}, provider: [home, other] }
  - { name: ${MOVING}, provider: ${movingTo}, verify: { soak: ${movingTo === "home" ? "10m" : "0s"} } }
`,
	);
}

async function recordsOf(domain: string, selector: string): Promise<readonly (readonly string[])[]> {
	const name = `${selector}._domainkey.${domain}`;
	return Promise.all([PRIMARY, SECONDARY].map(async (server) => host.txt(server, name)));
}

async function selectorOf(domain: string): Promise<string> {
	return (await host.selectors())[domain] ?? "";
}

test("a ring behind CNAMEs, {host} and {alg}, and two DNS hosts of one zone are turned to in one go", {
	timeout: MAIL_MS,
}, async () => {
	const { result, judgement } = await underMail(host, { connections: "short" }, async () =>
		host.keyturn(`rotate --now ${RING} ${NAMED} ${TWO_HOSTS}`),
	);
	expect(result).toMatchObject({ code: 0 });
	expect(judgement).toMatchObject(CLEAN);
	const selectors = await host.selectors();
	expect(selectors).toMatchObject({
		[RING]: "kt1",
		[NAMED]: expect.stringMatching(/^mx1-20\d{4}-rsa$/),
		[TWO_HOSTS]: expect.stringMatching(/^20\d{4}$/),
	});
	for (const domain of [RING, NAMED, TWO_HOSTS])
		expect(judgement.valid[selectors[domain] ?? ""], domain).toBeGreaterThan(0);
	expect(await recordsOf(TWO_HOSTS, selectors[TWO_HOSTS] ?? "")).toMatchObject([
		[expect.stringContaining("p=")],
		[expect.stringContaining("p=")],
	]);
	expect((await host.keyturn("verify")).code).toBe(0);
});

test("a zone moves to another DNS host in the middle of a turn, by a copy that lacks the new record", {
	timeout: MAIL_MS,
}, async () => {
	await host.script(
		`dig @${PRIMARY} ${MOVING} AXFR +noall +answer +onesoa >/root/${MOVING}; test -s /root/${MOVING}`,
	);
	const { result, judgement } = await underMail(host, { connections: "short" }, async () => {
		const begun = await host.keyturn(`rotate --now ${MOVING} --no-wait`);
		await host.script(`
			rm -f /etc/bind2/zones/${MOVING}*
			install -o bind -g bind /root/${MOVING} /etc/bind2/zones/${MOVING}
			${asPrimary(OTHER_CONF, MOVING, "/etc/bind2/zones", `notify explicit; also-notify { ${PRIMARY}; }; notify-source ${SECONDARY};`)}
			sed -i 's#^zone "${MOVING}" .*#zone "${MOVING}" { type secondary; file "/etc/bind/zones/${MOVING}.moved"; primaries { ${SECONDARY}; }; };#' /etc/bind/named.conf
			systemctl restart dns-secondary; systemctl restart dns-primary`);
		await configure("reload", "other");
		await host.eventually("the new key signs", async () => {
			await host.keyturn(`rotate --now ${MOVING}`);
			return (await selectorOf(MOVING)) !== SELECTOR;
		});
		return begun;
	});
	expect(result).toMatchObject({ code: 3 });
	expect(judgement).toMatchObject(CLEAN);
	const now = await selectorOf(MOVING);
	expect(judgement.valid[now]).toBeGreaterThan(0);
	expect((await recordsOf(MOVING, now)).map((values) => values.length)).toEqual([1, 1]);
	expect((await host.keyturn(`verify ${MOVING}`)).code).toBe(0);
});

test("a standby takes over from a stolen key at once; what that signed fails from then on", {
	timeout: MAIL_MS,
}, async () => {
	const stolen = await selectorOf(STANDBY);
	await host.eventually("a standby is ready", async () => {
		await host.keyturn(`rotate ${STANDBY}`);
		return (await keysOf(host, STANDBY)).some(({ state }) => state === "verified");
	});
	const standby = (await keysOf(host, STANDBY)).find(({ state }) => state === "verified")?.selector ?? "";
	const before = startMail(host, { connections: "short", domains: [STANDBY], atMost: 100 });
	await before.accepted(50);
	await before.stop();
	const signed = (await judgeMail(host, [before])).valid[stolen] ?? 0;
	expect(signed).toBeGreaterThan(0);
	const { result, judgement } = await underMail(host, { connections: "short" }, async () => {
		const revoked = await host.keyturn(`revoke ${STANDBY} ${stolen} --use-standby`);
		await host.eventually("both servers have the empty record", async () =>
			(await recordsOf(STANDBY, stolen)).every(
				(values) => values.length === 1 && (values[0] ?? "").endsWith(";p="),
			),
		);
		return revoked;
	});
	expect(result).toMatchObject({ code: 0 });
	expect(await selectorOf(STANDBY)).toBe(standby);
	expect(judgement).toMatchObject({ unsigned: 0, lost: 0, rejected: 0 });
	expect(Object.keys(judgement.invalid)).toEqual([stolen]);
	expect(judgement.valid[standby]).toBeGreaterThan(0);
	expect(await judgeMail(host, [before])).toMatchObject({ valid: {}, invalid: { [stolen]: signed } });
});

test("old records go under mail, and a ring goes on to its next name", {
	timeout: MAIL_MS,
}, async () => {
	await configure("restart", "other");
	const first = await underMail(host, { connections: "short" }, async () =>
		host.keyturn(`rotate --now ${RING} ${NAMED}`),
	);
	expect(first.result).toMatchObject({ code: 0 });
	expect(first.judgement).toMatchObject(CLEAN);
	expect(await selectorOf(RING)).toBe("kt2");
	// The adopted one's stays.
	const named =
		(await keysOf(host, NAMED)).find(({ state, selector }) => state === "retiring" && selector !== SELECTOR)
			?.selector ?? "";
	await configure("restart", "other", "1s");
	const second = await underMail(host, { connections: "short" }, async () => {
		const retired = await host.keyturn(`retire ${RING} kt1`);
		await host.eventually(
			"both records are gone",
			async () => {
				await host.keyturn("rotate");
				const left = [await recordsOf(RING, "kt1"), await recordsOf(NAMED, named)];
				return left.flat(2).length === 0;
			},
			150,
		);
		return retired;
	});
	expect([0, 3]).toContain(second.result.code);
	expect(second.judgement).toMatchObject(CLEAN);
});

test("a private half is laid out a week after its record went, and not before", {
	timeout: MAIL_MS,
}, async () => {
	const old = (await keysOf(host, NAMED)).find(
		({ state, selector }) => state === "retired" && selector !== SELECTOR,
	);
	const path = `${SHELF}/${NAMED}/${old?.selector ?? ""}.pem`;
	await host.keyturn("rotate");
	expect((await host.in(["test", "-e", path])).code).toBe(1);
	await changeKeys(host, NAMED, (key) => {
		if (key.state === "retired") key.since = new Date(Date.parse(key.since) - 8 * 86_400_000).toISOString();
	});
	const { judgement } = await underMail(host, { connections: "short" }, async () =>
		host.eventually("it is laid out", async () => {
			await host.keyturn("rotate");
			return (await host.in(["test", "-e", path])).code === 0;
		}),
	);
	expect(judgement).toMatchObject(CLEAN);
	const half = await host.script(`openssl pkey -in ${path} -pubout -outform DER | base64 -w0`);
	expect(half).toBe(old?.publicKey);
	expect(await host.script(`ls ${SHELF}/${NAMED}; stat -c %a ${path}`)).toBe(
		`${old?.selector ?? ""}.pem\n644\n`,
	);
	expect((await host.in(["ls", `/etc/opendkim/keys/${NAMED}/${old?.selector ?? ""}.private`])).code).not.toBe(
		0,
	);
});
