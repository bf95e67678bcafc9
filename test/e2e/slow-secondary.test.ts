/** A secondary that is late or never has the record: the switch waits, and nothing else does. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, upAgentHost } from "./host/agent-host.ts";
import { SELECTOR } from "./host/guide-host.ts";
import { judgeMail, startMail, underMail } from "./host/mail-run.ts";

const LAG_SECONDS = 20;
const NEVER_SECONDS = 3600;
/** Beyond the least verify.timeout; looks grow rarer. */
const WAIT = "80s";
let host: AgentHost;
let first: string;

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" });
	await host.keyturn("rotate");
});
afterAll(async () => host.down());

test("the old key signs until the last server has the record, and then the new one does", async () => {
	await host.setLag(LAG_SECONDS);
	const startedAt = Date.now();
	const { result, judgement } = await underMail(host, { connections: "short", perSecond: 20 }, async () =>
		host.keyturn("rotate --now"),
	);
	expect(result).toMatchObject({ code: 0 });
	expect(Date.now() - startedAt).toBeGreaterThan(LAG_SECONDS * 1000);
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, refused: 0, tempfailed: 0 });
	first = (await host.selectors())["example.com"] ?? "";
	expect(first).not.toBe(SELECTOR);
	expect(judgement.valid[SELECTOR]).toBeGreaterThan(LAG_SECONDS * 15);
	expect(judgement.valid[first]).toBeGreaterThanOrEqual(90);
});

test("--no-wait and --wait-max end with 3 while it is waited for, and the old key signs", async () => {
	await host.setLag(NEVER_SECONDS);
	await host.configure({ swap: "reload", timeout: "1m" });
	const run = startMail(host, { connections: "short", perSecond: 10 });
	const hasty = await host.keyturn("rotate --now --no-wait");
	expect(hasty.code).toBe(3);
	expect(hasty.stdout).toMatch(/^example\.com: waiting: /m);
	expect((await host.keyturn(`rotate --now --wait-max ${WAIT}`)).code).toBe(3);
	await run.stop();
	const judgement = await judgeMail(host, [run]);
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, refused: 0, tempfailed: 0 });
	expect(judgement.valid).toEqual({ [first]: judgement.accepted });
	expect((await host.keyturn("verify")).code).toBe(0);
});

test("after verify.timeout that is told once, naming the server, and status says what is waited for", async () => {
	const failures = async () => (await host.events()).filter(({ event }) => event === "verification_failed");
	// On a busy machine the last look of the wait may come before the time is over.
	await host.eventually(
		"it is told",
		async () => {
			await host.keyturn("rotate");
			return (await failures()).length > 0;
		},
		180,
	);
	expect(await failures()).toEqual([
		expect.objectContaining({
			severity: "critical",
			phase: "start",
			trouble: "server 127.0.0.2",
			detail: expect.stringContaining("127.0.0.2"),
		}),
	]);
	const { troubles } = JSON.parse((await host.keyturn("status --json")).stdout) as {
		readonly troubles: readonly { readonly domains: readonly string[] }[];
	};
	expect(troubles.map(({ domains }) => domains.toSorted())).toEqual([host.domains.toSorted()]);
	expect((await host.keyturn("status")).stdout).toMatch(/ns2\.example\.\w+ \(127\.0\.0\.2\)/);
});

test("once the server has it the same key is used, and the trouble's end is told", async () => {
	await host.setLag(0);
	expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
	const selectors = await host.selectors();
	for (const domain of host.domains) expect(selectors[domain]).toBe(`${first}b`);
	const ends = (await host.events()).filter(
		({ event, phase }) => event === "verification_failed" && phase === "end",
	);
	expect(ends.map(({ domains }) => domains.toSorted())).toEqual([host.domains.toSorted()]);
	expect((await host.keyturn("status")).stdout).not.toContain("verification_failed");
});
