/** Every way in which guides set OpenDKIM up, from their own commands to the next key in use and the old record gone. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentHost, CONFIG_FILE, upAgentHost } from "./host/agent-host.ts";
import { setUpDirectories, setUpOneKey, SHORT_NAMES, type SetUp } from "./host/guides.ts";
import { underMail } from "./host/mail-run.ts";
import { PRIMARY, SECONDARY } from "./host/name-servers.ts";

const DOMAIN = "example.com";
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "restart" }, { domains: [DOMAIN] });
});
afterAll(async () => host.down());

const guides: readonly (readonly [string, () => Promise<SetUp>])[] = [
	["short names and one file a key", async () => Promise.resolve(SHORT_NAMES)],
	["one key in opendkim.conf", async () => setUpOneKey(host)],
	["refile tables and a directory for each domain", async () => setUpDirectories(host)],
];

describe.each(guides)("%s", (_, setUp) => {
	let at: SetUp;
	let before: string;
	let next = "";
	beforeAll(async () => {
		at = await setUp();
		await configure(at, "");
		before = await host.read(at.rewritten);
	});

	test("the key in use is adopted, and nothing is touched", async () => {
		expect(await host.keyturn("rotate")).toMatchObject({ code: 0 });
		expect(await active()).toMatchObject({ selector: at.selector, origin: "adopted" });
		expect(await host.read(at.rewritten)).toBe(before);
	});

	test("its turn under mail leaves no message unsigned or unverifiable", async () => {
		const { result, judgement } = await underMail(host, { connections: "short" }, async () =>
			host.keyturn(`rotate --now ${DOMAIN}`),
		);
		expect(result).toMatchObject({ code: 0 });
		next = (await active()).selector;
		expect(next).toMatch(/^2\d{5}[a-z]?$/);
		expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0 });
		expect(Object.keys(judgement.valid).toSorted()).toEqual([at.selector, next].toSorted());
		expect(judgement.valid[next]).toBeGreaterThanOrEqual(90);
	});

	test("nothing but the selector and the path of the key has changed", async () => {
		const path = `${at.keys}/${DOMAIN}/${next}.private`;
		const { beforeSelector: label, selector, keyPath, rewritten } = at;
		expect(before.split(`${label}${selector}`)).toHaveLength(2);
		expect(await host.read(rewritten)).toBe(
			before.replace(keyPath, path).replace(`${label}${selector}`, `${label}${next}`),
		);
		expect(await host.script(`stat -c '%a %U' ${path}`)).toBe("600 opendkim\n");
	});

	test("the old record goes, at every server, and what signs verifies", async () => {
		await configure(at, "retire: { grace: 1s, adopted: true }\n");
		await host.eventually("the old record is gone", async () => {
			await host.keyturn("rotate");
			const name = `${at.selector}._domainkey.${DOMAIN}`;
			const found = await Promise.all([PRIMARY, SECONDARY].map(async (server) => host.txt(server, name)));
			return found.every((values) => values.length === 0);
		});
		expect(await host.keyturn("verify")).toMatchObject({ code: 0 });
		const { judgement } = await underMail(host, { connections: "short" }, async () => Promise.resolve());
		expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0 });
		expect(Object.keys(judgement.valid)).toEqual([next]);
	});
});

/** Grace is never shorter than mail may wait in the queue. */
async function configure({ keys }: SetUp, more: string): Promise<void> {
	await host.configure({ swap: "restart", more });
	await host.script(`
		sed -i 's|keys: /etc/opendkim/keys|keys: ${keys}|; s|ttl: 5m|ttl: 1s|' ${CONFIG_FILE}
		postconf -e maximal_queue_lifetime=1s; postfix reload 2>/dev/null
	`);
}

async function active(): Promise<{ readonly selector: string; readonly origin: string }> {
	const { domains } = JSON.parse((await host.keyturn("status --json")).stdout) as {
		domains: { active: { selector: string; origin: string } }[];
	};
	return domains[0]?.active ?? { selector: "", origin: "" };
}
