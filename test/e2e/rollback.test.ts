/** A signer that does not take the new table: the old one comes back, somebody is told, and it is not tried again at once. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentHost, upAgentHost } from "./host/agent-host.ts";
import { SELECTOR } from "./host/guide-host.ts";
import { underMail } from "./host/mail-run.ts";

const DROP_IN = "/etc/systemd/system/opendkim.service.d/refuse.conf";
const ONLY_THE_OLD_TABLE = `/bin/grep -q :${SELECTOR}: /etc/opendkim/key.table`;
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "restart" });
	await host.keyturn("rotate");
});
afterAll(async () => host.down());

describe("OpenDKIM does not start with the new table", () => {
	test("the old table and all services are back, and no message went out unsigned", async () => {
		await opendkimHas(`ExecStartPre=${ONLY_THE_OLD_TABLE}`);
		const { result, judgement } = await underMail(host, { connections: "short" }, async () =>
			host.keyturn("rotate --now"),
		);
		expect(result.code).toBe(1);
		expect(result.stdout).toContain(`${SELECTOR} still signs`);
		expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0 });
		expect(judgement.valid).toEqual({ [SELECTOR]: judgement.arrived });
		await nothingIsLeft();
	});

	test("both the rollback and the trouble are told", async () => {
		const events = await host.events();
		const rolledBack = events.filter(({ event }) => event === "rolled_back");
		expect(rolledBack.flatMap(({ domains }) => domains).toSorted()).toEqual(host.domains.toSorted());
		const failed = events.filter(({ event }) => event === "swap_failed");
		expect(failed[0]).toMatchObject({ severity: "critical", phase: "start" });
		expect(failed[0]?.detail).toContain("did not come up with the new table");
		expect(failed.filter(({ phase }) => phase === "start")).toHaveLength(1);
	});

	test("the next tick does not stop the mail server again", async () => {
		const before = await startedAt();
		expect(await host.keyturn("rotate")).toMatchObject({
			code: 0,
			stdout: expect.stringMatching(/^example\.com: .*(next attempt|one pause a night)/) as string,
		});
		expect((await host.keyturn("status")).stdout).toMatch(/critical: swap_failed .*\n/);
		expect(await startedAt()).toBe(before);
	});

	test("rotate --now tries at once, and its success ends the trouble", async () => {
		await opendkimHas("");
		expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
		const ends = (await host.events()).filter(
			({ event, phase }) => event === "swap_failed" && phase === "end",
		);
		expect(ends).toHaveLength(1);
		expect((await host.keyturn("verify")).code).toBe(0);
	});
});

describe("OpenDKIM cannot be reloaded", () => {
	test("the old table is back, and mail never waited", async () => {
		await host.configure({ swap: "reload" });
		const before = await host.selectors();
		await opendkimHas("ExecReload=\nExecReload=/bin/false");
		const { result, judgement } = await underMail(host, { connections: "short" }, async () =>
			host.keyturn("rotate --now"),
		);
		expect(result.code).toBe(1);
		expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, refused: 0, tempfailed: 0 });
		expect(await host.selectors()).toEqual(before);
		expect((await host.keyturn("verify")).code).toBe(0);
	});

	test("and the next turn is done once it can", async () => {
		await opendkimHas("");
		expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
		expect((await host.keyturn("verify")).code).toBe(0);
	});
});

async function opendkimHas(lines: string): Promise<void> {
	await host.write(DROP_IN, `[Service]\n${lines}\n`);
	await host.must(["systemctl", "daemon-reload"]);
}

async function nothingIsLeft(): Promise<void> {
	const units = ["opendkim", "postfix@-"];
	expect(await host.must(["systemctl", "is-active", ...units])).toBe("active\nactive\n");
	const selectors = await host.selectors();
	for (const domain of host.domains) expect(selectors[domain]).toBe(SELECTOR);
	expect(await host.script("ls /var/lib/keyturn-door")).not.toContain("journal");
	expect((await host.in(["systemctl", "list-timers", "--all", "keyturn-deadman-*"])).stdout).toContain(
		"0 timers",
	);
	expect((await host.keyturn("verify")).code).toBe(0);
}

async function startedAt(): Promise<string> {
	return host.must(["systemctl", "show", "-p", "ActiveEnterTimestampMonotonic", "opendkim", "postfix@-"]);
}
