/** keyturn as a service: the units as installed, the door behind its socket, wishes left by the command line. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, CONFIG_FILE, upAgentHost } from "./host/agent-host.ts";
import { SELECTOR } from "./host/guide-host.ts";
import { underMail } from "./host/mail-run.ts";

let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "restart" });
	await host.script(`
		systemctl enable -q keyturn-recover.service
		systemctl enable -q --now keyturn-apply.socket keyturn.service
	`);
});
afterAll(async () => host.down());

test("it takes over the keys in use by itself", async () => {
	await host.eventually("all domains are adopted", async () => {
		const { stdout } = await host.keyturn("status");
		return (stdout.match(new RegExp(SELECTOR, "g")) ?? []).length >= 3;
	});
	const status = await host.keyturn("status");
	expect(status.stdout).toContain("the daemon is running");
	expect((await host.keyturn("verify")).code).toBe(0);
});

test.each(["restart", "reload"] as const)("rotate --now is its work, by %s under mail", async (swap) => {
	await host.configure({ swap });
	await host.must(["systemctl", "reload", "keyturn"]);
	await noted("configuration read again");
	const before = await host.selectors();
	const { result, judgement } = await underMail(host, { connections: "short" }, async () =>
		host.keyturn("rotate --now"),
	);
	expect(result).toMatchObject({ code: 0 });
	expect(result.stderr).toContain("the daemon has been asked");
	expect(result.stdout.match(/: signs with /g)).toHaveLength(3);
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0 });
	if (swap === "reload") expect(judgement).toMatchObject({ refused: 0, tempfailed: 0, dropped: 0 });
	const after = await host.selectors();
	for (const domain of host.domains) expect(after[domain]).not.toBe(before[domain]);
	expect(judgement.valid[after["example.com"] ?? ""]).toBeGreaterThanOrEqual(90);
	expect((await host.keyturn("verify")).code).toBe(0);
});

test("a second one ends with 75 at once", async () => {
	const startedAt = Date.now();
	const second = await host.keyturn(`run --config ${CONFIG_FILE}`);
	expect(second.code).toBe(75);
	expect(Date.now() - startedAt).toBeLessThan(10_000);
});

test("a bad configuration changes nothing, is told, and so is its end", async () => {
	const good = await host.read(CONFIG_FILE);
	await host.write(CONFIG_FILE, good.replace("timezone: UTC", "timezome: UTC"));
	await host.must(["systemctl", "reload", "keyturn"]);
	await host.eventually("the rejection is told", async () =>
		(await phases("config_rejected")).includes("start"),
	);
	expect(await host.must(["systemctl", "is-active", "keyturn"])).toBe("active\n");
	const refused = await host.keyturn("status");
	expect(refused.code).toBe(2);
	expect(refused.stderr).toContain("timezone");
	await host.write(CONFIG_FILE, good);
	await host.must(["systemctl", "reload", "keyturn"]);
	await host.eventually("its end is told", async () => (await phases("config_rejected")).includes("end"));
	expect((await host.keyturn("rotate --now example.org")).code).toBe(0);
});

test("nor does one that others may write to, whatever it says", async () => {
	const toldBefore = (await phases("config_rejected")).length;
	await host.must(["chmod", "o+w", CONFIG_FILE]);
	await host.must(["systemctl", "reload", "keyturn"]);
	await host.eventually("the rejection is told", async () =>
		(await phases("config_rejected")).slice(toldBefore).includes("start"),
	);
	await host.must(["chmod", "o-w", CONFIG_FILE]);
	await host.must(["systemctl", "reload", "keyturn"]);
	await host.eventually("its end is told", async () =>
		(await phases("config_rejected")).slice(toldBefore).includes("end"),
	);
});

test("it parks within ten seconds while it waits for DNS, and goes on after its start", async () => {
	await host.setLag(3600);
	expect((await host.keyturn("rotate --now example.com --wait-max 3s")).code).toBe(3);
	const before = await host.selectors();
	const startedAt = Date.now();
	await host.must(["systemctl", "stop", "keyturn"]);
	expect(Date.now() - startedAt).toBeLessThan(10_000);
	const ended = await host.must(["systemctl", "show", "-p", "Result", "-p", "ExecMainStatus", "keyturn"]);
	expect(ended.trim().split("\n").toSorted()).toEqual(["ExecMainStatus=0", "Result=success"]);
	await host.setLag(0);
	await host.must(["systemctl", "start", "keyturn"]);
	await host.eventually(
		"the turn is done",
		async () => (await host.selectors())["example.com"] !== before["example.com"],
		120,
	);
	expect((await host.keyturn("verify")).code).toBe(0);
});

test("without it the command line of root does the turn, through the door's socket", async () => {
	await host.must(["systemctl", "stop", "keyturn"]);
	const before = await host.selectors();
	const turned = await host.keyturn("rotate --now");
	expect(turned).toMatchObject({ code: 0 });
	expect(turned.stderr).not.toContain("the daemon has been asked");
	const after = await host.selectors();
	for (const domain of host.domains) expect(after[domain]).not.toBe(before[domain]);
	const { stdout } = await host.in(["journalctl", "-o", "cat", "--no-pager", "-t", "systemd"]);
	expect(stdout).not.toContain("keyturn's door");
});

test("nothing of this was a warning in the journal, nor left behind", async () => {
	const { stdout } = await host.in(["journalctl", "-o", "cat", "-u", "keyturn", "--no-pager"]);
	expect(stdout).not.toMatch(/MaxListeners|UnhandledPromise|"code":"bug"/);
	const left = await host.script("find /var/lib/keyturn ! -user keyturn; ls /var/lib/keyturn/wishes");
	expect(left).toBe("");
	const door = await host.script("cd /var/lib/keyturn-door; ls; ls staged");
	expect(door.trim().split("\n").toSorted()).toEqual([
		"ledger.json",
		"left.json",
		"lock",
		"results",
		"staged",
	]);
});

async function phases(event: string): Promise<readonly (string | null)[]> {
	return (await host.events()).filter((one) => one.event === event).map(({ phase }) => phase);
}

async function noted(message: string): Promise<void> {
	await host.eventually(`the journal says: ${message}`, async () =>
		(await host.in(["journalctl", "-o", "cat", "-u", "keyturn", "--no-pager"])).stdout.includes(message),
	);
}
