/** One host with three rspamds, each with a domain of its own: keys named by maps, by OpenDKIM's tables, and in a real Redis. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, behindWalls, upAgentHost } from "./host/agent-host.ts";
import { SELECTOR } from "./host/guide-host.ts";
import { underMail } from "./host/mail-run.ts";
import { activeSelectors, assignSigners, clearOpenDkim, retireAll } from "./host/old-records.ts";
import {
	IN_REDIS,
	KEY_TABLE,
	RSPAMD_SIGNERS,
	SELECTOR_MAP,
	setUpMaps,
	setUpRedis,
	setUpTables,
} from "./host/rspamd-layouts.ts";

const BY_MAPS = "example.com";
const BY_TABLES = "example.org";
const IN_HASHES = "example.net";
const SIGNERS = { [BY_MAPS]: "maps", [BY_TABLES]: "tables", [IN_HASHES]: "hashes" };
const DOMAINS = Object.keys(SIGNERS);
/** On a busy machine several turns take their time. */
const MOST = 15_000;
let host: AgentHost;
let next = "";

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" }, { domains: DOMAINS });
	await setUpMaps(host, BY_MAPS);
	await setUpTables(host, BY_TABLES);
	await setUpRedis(host, IN_HASHES);
	await clearOpenDkim(host);
	await host.script(`
		milters='inet:127.0.0.1:11342,inet:127.0.0.1:11352,inet:127.0.0.1:11362'
		postconf -e smtpd_milters="$milters" non_smtpd_milters="$milters"
		systemctl restart postfix
	`);
	await assignSigners(host, RSPAMD_SIGNERS, SIGNERS);
	await behindWalls(host);
});
afterAll(async () => host.down());

test("each key is adopted where it is", async () => {
	const before = await live();
	const adopted = await host.keyturn("rotate");
	expect(adopted, adopted.stdout + adopted.stderr).toMatchObject({ code: 0 });
	expect(await activeSelectors(host)).toEqual(allAt(SELECTOR));
	expect(await live()).toEqual(before);
});

test("all turn under mail, and no message leaves unsigned, unverifiable or late", async () => {
	const before = await live();
	const { result, judgement } = await underMail(host, { connections: "short", atMost: MOST }, async () =>
		host.keyturn("rotate --now", { timeoutSeconds: 300 }),
	);
	expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
	expect(judgement).toMatchObject({
		unsigned: 0,
		reasons: [],
		lost: 0,
		rejected: 0,
		refused: 0,
		tempfailed: 0,
	});
	const active = await activeSelectors(host);
	next = active[BY_MAPS] ?? "";
	expect(active).toEqual(allAt(next));
	expect(Object.keys(judgement.valid).toSorted()).toEqual([SELECTOR, next].toSorted());
	expect(judgement.valid[next]).toBeGreaterThanOrEqual(90);
	expect(await live()).toEqual({
		[SELECTOR_MAP]: before[SELECTOR_MAP]?.replace(SELECTOR, next),
		[KEY_TABLE]: before[KEY_TABLE]?.replace(
			`${SELECTOR}:/var/lib/rspamd/dkim/shop.key`,
			`${next}:/var/lib/rspamd/dkim/${BY_TABLES}/${next}.private`,
		),
		[IN_REDIS]: before[IN_REDIS]?.replace(SELECTOR, next),
		selectors: `${IN_HASHES}\n${next}\n`,
		keys: [SELECTOR, next].map((selector) => `${selector}.${IN_HASHES}\n`).join(""),
	});
});

test("the old records go, and what signs verifies", async () => {
	await retireAll(host, DOMAINS, SELECTOR);
	const { judgement } = await underMail(host, { connections: "short", atMost: MOST }, async () =>
		host.keyturn("verify"),
	);
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0 });
	expect(Object.keys(judgement.valid)).toEqual([next]);
});

/** What says which keys sign: three files, and the two hashes. */
async function live(): Promise<Readonly<Record<string, string>>> {
	const paths = [SELECTOR_MAP, KEY_TABLE, IN_REDIS];
	const files = await Promise.all(paths.map(async (path) => [path, await host.read(path)] as const));
	const [selectors, keys] = [
		await host.script("redis-cli hgetall DKIM_SELECTORS"),
		await host.script("redis-cli hkeys DKIM_KEYS | sort"),
	];
	return { ...Object.fromEntries(files), selectors, keys };
}

function allAt(selector: string): Readonly<Record<string, string>> {
	return Object.fromEntries(DOMAINS.map((domain) => [domain, selector]));
}
