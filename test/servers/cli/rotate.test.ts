import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createTakeLock } from "../../../src/system/lock.ts";
import { type CliHost, FIRST_SELECTOR, mayRun, upCliHost, waitForWords } from "./cli-host.ts";
import { behind, treeOf } from "./surroundings.ts";

const DOMAIN = "example.test";
const NEVER = new AbortController().signal;

describe.skipIf(!mayRun)("keyturn rotate", () => {
	test("adopts what signs, shows what a turn would do, turns, and tells about it", async () => {
		const host = await upCliHost();
		const hooked = await host.write("hooked", "");
		await host.configure((text) => `${text}\n${hooksInto(hooked)}`);
		const adopted = await host.keyturn(["rotate"]);
		expect(adopted).toMatchObject({ code: 0, stdout: expect.stringContaining(`adopted ${FIRST_SELECTOR}`) });
		expect(await host.selectorOf(DOMAIN)).toBe(FIRST_SELECTOR);

		const before = await treeOf(host);
		const shown = await host.keyturn(["rotate", "--now", "--dry-run"]);
		expect(shown).toMatchObject({ code: 0, stderr: "" });
		expect(shown.stdout).toMatch(/dns +add \d{6}\._domainkey\.example\.test\. 300 TXT "v=DKIM1;k=rsa;p=…"/);
		expect(shown.stdout).toMatch(
			new RegExp(`table   /\\S+/key.table\n +- ${DOMAIN} ${DOMAIN}:${FIRST_SELECTOR}:`),
		);
		expect(shown.stdout).toContain("stop mail, stop signer; rename the table; start signer, start mail");
		expect(await treeOf(host)).toEqual(before);

		const turned = await host.keyturn(["rotate", "--now"]);
		const selector = await host.selectorOf(DOMAIN);
		expect(turned.stdout).toMatch(
			new RegExp(`^${DOMAIN}: signs with ${selector} since \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d \\+00:00\n$`),
		);
		expect(turned.code).toBe(0);
		expect(selector).not.toBe(FIRST_SELECTOR);
		expect(await host.asked()).toEqual(["stop mail", "stop signer", "start signer", "start mail"]);

		const events = (await readFile(hooked, "utf8")).trimEnd().split("\n");
		const [first, ...after] = events.map((line) => JSON.parse(line) as { readonly hook: string });
		expect(first).toMatchObject({ hook: "pre", event: "switching", domains: [DOMAIN], selector });
		// Which of the two runs first is not promised.
		expect(after.toSorted((one, other) => one.hook.localeCompare(other.hook))).toMatchObject([
			{ hook: "deploy", event: "switched", domains: [DOMAIN], selector },
			{ hook: "post", event: "switched", domains: [DOMAIN], selector },
		]);

		const again = await host.keyturn(["rotate", "--json"]);
		expect(again.code).toBe(0);
		expect(JSON.parse(again.stdout)).toMatchObject({
			schema: 1,
			domains: [{ domain: DOMAIN, selector, code: 0 }],
		});

		const history = await host.keyturn(["history", DOMAIN]);
		expect(history.stdout.match(/\b(published|verified|switched):/g)).toEqual([
			"published:",
			"verified:",
			"switched:",
		]);
		const status = await host.keyturn(["status", "--json"]);
		expect(JSON.parse(status.stdout)).toMatchObject({
			schema: 1,
			daemon: false,
			domains: [{ domain: DOMAIN, active: { selector, state: "active" }, next: null }],
			troubles: [],
		});
	});

	test("waits no longer than told, and what it began goes on", async () => {
		const host = await upCliHost();
		const late = await behind(host);
		await host.configure(late.listed);
		const now = await host.keyturn(["rotate", "--now", "--no-wait"]);
		expect(now).toMatchObject({ code: 3, stderr: expect.stringContaining("keyturn rotate") });
		const waited = await host.keyturn(["rotate", "--now", "--wait-max", "2s"]);
		expect(waited.code).toBe(3);
		expect(waited.stdout).toContain(`waiting for 127.0.0.1:${late.server.port} (1 of 2 right)`);
		expect(await host.selectorOf(DOMAIN)).toBe(FIRST_SELECTOR);
		const status = await host.keyturn(["status"]);
		expect(status.stdout.replaceAll(/\s+/g, " ")).toContain("not every server was seen serving it yet");

		await host.configure();
		const gone = await host.keyturn(["rotate"]);
		expect(gone.code).toBe(0);
		expect(await host.selectorOf(DOMAIN)).not.toBe(FIRST_SELECTOR);
	});

	test("asked often, turns once", async () => {
		const host = await upCliHost();
		await host.keyturn(["rotate"]);
		const ended = await Promise.all([1, 2, 3].map(async () => host.keyturn(["rotate", "--now"])));
		expect(ended.map((one) => one.code)).toEqual([0, 0, 0]);
		expect((await host.asked()).filter((line) => line === "stop signer").length).toBeLessThanOrEqual(2);
	});

	test.each([
		["SIGINT", 130],
		["SIGTERM", 143],
	] as const)("ends a wait on %s with %i", async (name, code) => {
		const host = await upCliHost();
		const late = await behind(host);
		await host.configure(late.listed);
		const waiting = host.start(["rotate", "--now"]);
		await waitForWords(waiting, "1 of 2 right");
		waiting.child.kill(name);
		expect(await waiting.ended).toMatchObject({ code, stderr: expect.stringContaining("interrupted") });
		expect(await host.selectorOf(DOMAIN)).toBe(FIRST_SELECTOR);
	});

	test("waits for another that is at work", async () => {
		const host = await upCliHost();
		await host.keyturn(["rotate"]);
		const lock = await createTakeLock(createSystemClock())(join(host.state, "lock"), 0, NEVER);
		if (lock === "held") throw new Error("nobody else should hold it");
		const waiting = host.start(["rotate"]);
		await waitForWords(waiting, "another keyturn is at work; waiting for it");
		await lock.release();
		expect((await waiting.ended).code).toBe(0);
	});

	test("turns several domains in one stop, and only those named", async () => {
		const host = await upCliHost({ domains: ["a.test", "b.test", "c.test"] });
		const turned = await host.keyturn(["rotate", "--now", "a.test", "B.test"]);
		expect(turned.code).toBe(0);
		expect(turned.stdout.split("\n").map((line) => line.split(":")[0])).toEqual(["a.test", "b.test", ""]);
		expect(turned.stderr).not.toContain("c.test");
		expect(await host.selectorOf("c.test")).toBe(FIRST_SELECTOR);
		expect(await host.selectorOf("a.test")).not.toBe(FIRST_SELECTOR);
		expect(await host.asked()).toEqual(["stop mail", "stop signer", "start signer", "start mail"]);
	});
});

describe.skipIf(!mayRun)("keyturn record", () => {
	test("prints what stands in DNS, in three forms", async () => {
		const host = await upCliHost();
		await host.keyturn(["rotate"]);
		const { code, stdout } = await host.keyturn(["record", DOMAIN]);
		expect(code).toBe(0);
		const value = await firstRecord(host);
		expect(stdout).toContain(`${FIRST_SELECTOR}._domainkey.${DOMAIN}\n${value}\n`);
		expect(stdout).toContain(`update add ${FIRST_SELECTOR}._domainkey.${DOMAIN}. `);
		const json = await host.keyturn(["record", DOMAIN, FIRST_SELECTOR, "--json"]);
		expect(JSON.parse(json.stdout)).toMatchObject({ records: [{ selector: FIRST_SELECTOR, value }] });
		expect(await host.keyturn(["record", DOMAIN, "other"])).toMatchObject({
			code: 2,
			stderr: expect.stringContaining(`known: ${FIRST_SELECTOR}`),
		});
	});
});

describe.skipIf(!mayRun)("keyturn recover", () => {
	test("says that there was nothing to do", async () => {
		const host = await upCliHost();
		expect(await host.keyturn(["recover"])).toMatchObject({
			code: 0,
			stdout: "nothing was left to recover\n",
		});
	});
});

async function firstRecord(host: CliHost): Promise<string> {
	const stored = JSON.parse(await readFile(join(host.state, "domains", `${DOMAIN}.json`), "utf8")) as {
		keys?: { record: { value: string } }[];
	};
	const value = stored.keys?.[0]?.record.value;
	if (value === undefined) throw new Error(`no record in ${JSON.stringify(stored).slice(0, 200)}`);
	return value;
}

function hooksInto(path: string): string {
	const keep = `[[/bin/sh, -c, 'cat >>"$0"', ${path}]]`;
	return `hooks: { pre: ${keep}, deploy: ${keep}, post: ${keep} }\n`;
}
