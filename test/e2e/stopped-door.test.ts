/** A door that stands still in the middle of the pause: nobody acts beside it while it lives, and somebody does once it is gone. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, upAgentHost } from "./host/agent-host.ts";
import { isWell } from "./host/interruption.ts";
import { isActive, kill, runsAgain } from "./host/processes.ts";

let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "restart" }, { domains: ["example.com"] });
	await host.script("systemctl enable -q --now keyturn-apply.socket");
	await host.keyturn("rotate");
});
afterAll(async () => host.down());

test("however slow it is, the dead man's switch leaves a living door alone, and it ends its switch", async () => {
	const { before, turned } = await stoppedInThePause();
	await deadManWaits();
	expect(await isActive(host, "postfix@-")).toBe(false);
	await host.script(`kill -CONT ${await door()}`);
	// Where it stood still while a program of its own was to end, that took too long, and the switch is undone.
	const { code } = await turned;
	expect([0, 1]).toContain(code);
	expect((await host.selectors())["example.com"] === before["example.com"]).toBe(code === 1);
	await host.eventually("all services run", async () => runsAgain(host));
	await host.eventually("the dead man's switch is gone", async () => !(await deadManRuns()));
	expect((await host.keyturn("verify")).code).toBe(0);
});

test("one that stays stopped holds the mail server down until somebody kills it: then the switch is settled", async () => {
	const { before } = await stoppedInThePause();
	await deadManWaits();
	expect(await isActive(host, "postfix@-")).toBe(false);
	expect(await kill(host, "main")).toBe(true);
	await host.script(`kill -KILL ${await door()}`);
	await host.eventually("OpenDKIM and Postfix run", async () => runsAgain(host), 120);
	await isWell(host, before, "after the dead man's switch");
	expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
	expect((await host.keyturn("verify")).code).toBe(0);
});

test("recoveries that go on failing leave one dead man's switch, whoever asks for them", async () => {
	const { before } = await stoppedInThePause();
	// What it would keep of the switch cannot be written.
	await host.script("cd /var/lib/keyturn-door && rm -f left.json && mkdir left.json");
	await kill(host, "main");
	await host.script(`kill -KILL ${await door()}`);
	for (let asked = 1; asked <= 3; asked += 1)
		expect((await host.keyturn("recover")).code, `recovery ${asked}`).not.toBe(0);
	expect(await deadMen("timer")).toHaveLength(1);
	await deadManWaits();
	// The timer that has gone off stays for as long as its recovery runs.
	expect(await deadMen("timer")).toHaveLength(1);
	expect(await deadMen("service")).toHaveLength(1);
	await host.script("rmdir /var/lib/keyturn-door/left.json");
	await host.eventually("the dead man's switch has recovered", async () => !(await deadManRuns()), 120);
	await host.eventually("OpenDKIM and Postfix run", async () => runsAgain(host));
	await isWell(host, before, "after recoveries that failed");
	const rotated = await host.keyturn("rotate --now");
	expect(rotated.code, `${rotated.stdout}${rotated.stderr}`).toBe(0);
	expect(await deadMen("timer")).toEqual([]);
});

/** A turn whose door is stopped (SIGSTOP) as soon as Postfix is down: that is started last. */
async function stoppedInThePause() {
	const before = await host.selectors();
	const turned = host.keyturn("rotate --now", { timeoutSeconds: 500 });
	await host.eventually("Postfix is stopped", async () => !(await isActive(host, "postfix@-")));
	await host.script(`kill -STOP ${await door()}`);
	return { before, turned };
}

/** The process that holds the lock, the newest of them: the one that was asked before it may still be on its way out. */
async function door(): Promise<string> {
	const pid = await host.script("pgrep -n -f '^[^ ]*node .*dist/src/door[.]js --config [^ ]*$'");
	return pid.trim();
}

async function deadManWaits(): Promise<void> {
	await host.eventually("the dead man's switch has gone off", deadManRuns, 180);
}

async function deadManRuns(): Promise<boolean> {
	return (await deadMen("service")).length > 0;
}

/** The timers that wait, and the recoveries that run or are run again soon. */
async function deadMen(kind: "timer" | "service"): Promise<readonly string[]> {
	const units = [
		"list-units",
		"--plain",
		"--no-legend",
		"--state=active,activating",
		`keyturn-deadman-*.${kind}`,
	];
	const lines = (await host.must(["systemctl", ...units])).trim();
	return lines === "" ? [] : lines.split("\n");
}
