/** One host with two DKIMproxies behind its Postfix, and two docker-mailservers beside it, each with a domain of its own. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, behindWalls, upAgentHost } from "./host/agent-host.ts";
import {
	CONTAINER_BLOCKS,
	CONTAINER_SIGNERS,
	CONTAINER_TABLE,
	haveDelivered,
	setUpWithOpenDkim,
	setUpWithRspamd,
	WITH_OPENDKIM,
	WITH_RSPAMD,
} from "./host/containers.ts";
import { PROXY_CONF, PROXY_MAP, PROXY_SIGNERS, setUpProxies, SUBMISSION } from "./host/dkimproxies.ts";
import { SELECTOR } from "./host/guide-host.ts";
import { type Judgement, judgeMail, startMail } from "./host/mail-run.ts";
import { activeSelectors, assignSigners, clearOpenDkim, retireAll } from "./host/old-records.ts";

const BY_CONF = "example.com";
const BY_MAP = "example.org";
const IN_OPENDKIM = "example.net";
const IN_RSPAMD = "example.edu";
const SIGNERS = {
	[BY_CONF]: "proxy",
	[BY_MAP]: "senders",
	[IN_OPENDKIM]: WITH_OPENDKIM.name,
	[IN_RSPAMD]: WITH_RSPAMD.name,
};
const DOMAINS = Object.keys(SIGNERS);
const PORTS = {
	[BY_CONF]: SUBMISSION.own,
	[BY_MAP]: SUBMISSION.map,
	[IN_OPENDKIM]: WITH_OPENDKIM.port,
	[IN_RSPAMD]: WITH_RSPAMD.port,
};
/** On a busy machine several turns take their time. */
const MOST = 15_000;
let host: AgentHost;
let next = "";

beforeAll(async () => {
	host = await upAgentHost({ swap: "restart" }, { domains: DOMAINS });
	await host.script("postconf -e smtpd_milters= non_smtpd_milters=");
	await setUpWithOpenDkim(host, IN_OPENDKIM);
	await setUpWithRspamd(host, IN_RSPAMD);
	await setUpProxies(host, { own: BY_CONF, map: BY_MAP });
	await clearOpenDkim(host);
	await host.script("systemctl restart postfix");
	await assignSigners(host, `${PROXY_SIGNERS}\n${CONTAINER_SIGNERS}`, SIGNERS);
	await behindWalls(host, ["/srv"]);
});
afterAll(async () => host.down());

test("each key is adopted where it is", async () => {
	const before = await live();
	const adopted = await host.keyturn("rotate");
	expect(adopted, adopted.stdout + adopted.stderr).toMatchObject({ code: 0 });
	expect(await activeSelectors(host)).toEqual(allAt(SELECTOR));
	expect(await live()).toEqual(before);
});

test("all turn under mail, each by its restart, and no message leaves unsigned or unverifiable", async () => {
	const before = await live();
	const judgement = await underMail(async () => {
		const turned = await host.keyturn("rotate --now", { timeoutSeconds: 300 });
		const { stdout } = await host.in([
			"journalctl",
			"-o",
			"cat",
			"-n",
			"60",
			"-u",
			"mailserver-*",
			"--no-pager",
		]);
		expect(turned, turned.stdout + turned.stderr + stdout).toMatchObject({ code: 0 });
	});
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0 });
	const active = await activeSelectors(host);
	next = active[BY_CONF] ?? "";
	expect(active).toEqual(allAt(next));
	expect(Object.keys(judgement.valid).toSorted()).toEqual([SELECTOR, next].toSorted());
	expect(judgement.valid[next]).toBeGreaterThanOrEqual(90);
	const turned = (path: string, from: string, to: string) =>
		before[path]?.replace(from, to).replace(SELECTOR, next);
	expect(await live()).toEqual({
		[PROXY_CONF]: turned(
			PROXY_CONF,
			"/etc/dkimproxy/private.key",
			`/etc/dkimproxy/keys/${BY_CONF}/${next}.private`,
		),
		[PROXY_MAP]: turned(PROXY_MAP, "/etc/dkimproxy/map.key", `/etc/dkimproxy/keys/${BY_MAP}/${next}.private`),
		[CONTAINER_TABLE]: turned(
			CONTAINER_TABLE,
			`/etc/opendkim/keys/${IN_OPENDKIM}/${SELECTOR}.private`,
			`/etc/opendkim/keys/${IN_OPENDKIM}/${next}.private`,
		),
		[CONTAINER_BLOCKS]: turned(
			CONTAINER_BLOCKS,
			"/tmp/docker-mailserver/rspamd/dkim/mail.private",
			`/tmp/docker-mailserver/rspamd/dkim/${IN_RSPAMD}/${next}.private`,
		),
	});
});

test("the old records go, and what signs verifies", async () => {
	await retireAll(host, DOMAINS, SELECTOR);
	const judgement = await underMail(async () => host.keyturn("verify"));
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0 });
	expect(Object.keys(judgement.valid)).toEqual([next]);
});

async function underMail(action: () => Promise<unknown>): Promise<Judgement> {
	const run = startMail(host, { connections: "short", ports: PORTS, atMost: MOST });
	try {
		await run.accepted(100);
		await action();
		await run.accepted(100);
	} finally {
		await run.stop();
	}
	await host.eventually("the containers have delivered all", async () => haveDelivered(host));
	return judgeMail(host, [run]);
}

/** The files that say which keys sign. */
async function live(): Promise<Readonly<Record<string, string>>> {
	const paths = [PROXY_CONF, PROXY_MAP, CONTAINER_TABLE, CONTAINER_BLOCKS];
	return Object.fromEntries(
		await Promise.all(paths.map(async (path) => [path, await host.read(path)] as const)),
	);
}

function allAt(selector: string): Readonly<Record<string, string>> {
	return Object.fromEntries(DOMAINS.map((domain) => [domain, selector]));
}
