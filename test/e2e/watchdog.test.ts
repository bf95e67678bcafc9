/** A daemon that hangs: systemd ends and restarts it, the next one tells it, and neither slowness nor waiting is a hang. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, upAgentHost } from "./host/agent-host.ts";
import { SELECTOR } from "./host/guide-host.ts";

/** While this file is there, reading host.json never ends: as on a disk that gives no answer. */
const HANG = "/var/lib/keyturn/hang";
const PRELOAD = "/usr/local/lib/hang.cjs";
/** Whoever waits half a minute for the lock has to be done before the watchdog acts. */
const PATIENCE_SECONDS = { short: 15, beyondTheLock: 75 } as const;
const LOCK = "/var/lib/keyturn/lock";
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" });
	await host.write(
		PRELOAD,
		`const { existsSync } = require("node:fs");
		const files = require("node:fs/promises");
		const { open } = files;
		files.open = (path, ...more) =>
			String(path).endsWith("/host.json") && existsSync("${HANG}")
				? new Promise(() => undefined)
				: open(path, ...more);
		`,
	);
	await patience(PATIENCE_SECONDS.short);
	await host.script("systemctl enable -q --now keyturn-apply.socket keyturn.service");
	await host.eventually("all domains are adopted", async () => {
		const { stdout } = await host.keyturn("status");
		return (stdout.match(new RegExp(SELECTOR, "g")) ?? []).length >= host.domains.length;
	});
});
afterAll(async () => host.down());

test("systemctl start ends when the daemon is ready, and the unit says how it stands", async () => {
	const shown = await show("Type", "StatusText", "WatchdogUSec", "NRestarts");
	expect(shown).toMatchObject({ Type: "notify", WatchdogUSec: "15s", NRestarts: "0" });
	expect(shown["StatusText"]).not.toBe("");
	expect((await host.keyturn("rotate --now")).code).toBe(0);
});

test("a long wait for servers that do not answer is no hang", async () => {
	const before = await show("MainPID", "NRestarts");
	await host.script("pkill -STOP -x named; pkill -STOP -x unbound");
	const turned = await host.keyturn(`rotate --now --wait-max ${PATIENCE_SECONDS.short * 3}s`);
	expect(turned.code).toBe(3);
	expect(await show("MainPID", "NRestarts")).toEqual(before);
	await host.script("pkill -CONT -x named; pkill -CONT -x unbound");
	expect((await host.keyturn("rotate --now")).code).toBe(0);
	expect(await show("MainPID", "NRestarts")).toEqual(before);
});

test("a tick that hangs is ended, started anew and told, as often as it hangs, and so is its end", async () => {
	await host.must(["touch", HANG]);
	await host.must(["systemctl", "reload", "keyturn"]);
	await host.eventually("it was told twice", async () => (await told("start")) >= 2, 150);
	expect(await told("end")).toBe(0);
	expect(Number((await show("NRestarts"))["NRestarts"])).toBeGreaterThanOrEqual(2);
	const { stdout: journal } = await host.in(["journalctl", "-o", "cat", "-u", "keyturn", "--no-pager"]);
	expect(journal).toContain("Failed with result 'watchdog'");
	expect(journal).toContain('"the daemon before this one hung"');
	await host.must(["rm", HANG]);
	await host.eventually("its end is told", async () => (await told("end")) === 1, 120);
	await host.eventually("it is forgotten", async () => {
		return !(await host.script("ls /var/lib/keyturn")).includes("hung");
	});
	expect((await host.keyturn("rotate --now")).code).toBe(0);
	const [first] = (await host.events()).filter(isHang);
	expect(first).toMatchObject({ severity: "critical", summary: expect.stringContaining("hung") });
});

test("a daemon stopped while it holds the lock: others give up with 75, the watchdog ends it, and it is told", async () => {
	await patience(PATIENCE_SECONDS.beyondTheLock);
	await host.must(["systemctl", "restart", "keyturn"]);
	const before = await host.selectors();
	const [starts, ends] = [await told("start"), await told("end")];
	await stopHoldingTheLock();
	const { MainPID: stopped } = await show("MainPID");

	const hasty = await host.keyturn("rotate");
	expect(hasty).toMatchObject({ code: 75, stderr: expect.stringContaining("holds the lock") });
	expect(await show("MainPID")).toEqual({ MainPID: stopped });
	const wished = host.keyturn("rotate --now");

	await host.eventually("it was ended and told", async () => (await told("start")) > starts, 150);
	expect((await show("MainPID"))["MainPID"]).not.toBe(stopped);
	expect((await wished).code).toBe(0);
	const after = await host.selectors();
	for (const domain of host.domains) expect(after[domain]).not.toBe(before[domain]);
	// Where the command got the lock first the new daemon's first tick had nothing to do.
	await host.must(["systemctl", "reload", "keyturn"]);
	await host.eventually("its end is told", async () => (await told("end")) > ends);
	expect([await told("start"), await told("end")]).toEqual([starts + 1, ends + 1]);
	expect((await host.keyturn("verify")).code).toBe(0);
});

test("a flock that does not end fails the command, with its name", async () => {
	await host.must(["systemctl", "stop", "keyturn"]);
	await host.script("cp -p /usr/bin/flock /usr/bin/flock.real");
	await host.write("/usr/bin/flock", "#!/bin/sh\nexec sleep infinity\n", { mode: "0755" });
	const failed = await host.keyturn("rotate");
	await host.script("mv /usr/bin/flock.real /usr/bin/flock");
	expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining("flock ended") });
	expect((await host.keyturn("rotate")).code).toBe(0);
});

async function patience(seconds: number): Promise<void> {
	const lines = `WatchdogSec=${seconds}\nRestartSec=300ms\nEnvironment=NODE_OPTIONS=--require=${PRELOAD}`;
	await host.write("/etc/systemd/system/keyturn.service.d/watchdog.conf", `[Service]\n${lines}\n`);
	await host.must(["systemctl", "daemon-reload"]);
}

async function show(...properties: readonly string[]): Promise<Readonly<Record<string, string>>> {
	const asked = properties.flatMap((property) => ["-p", property]);
	const lines = (await host.must(["systemctl", "show", "keyturn", ...asked])).trim().split("\n");
	return Object.fromEntries(lines.map((line) => [line.replace(/=.*/, ""), line.replace(/^[^=]*=/, "")]));
}

/** In the middle of a tick. */
async function stopHoldingTheLock(): Promise<void> {
	const { MainPID: pid = "" } = await show("MainPID");
	await host.must(["touch", HANG]);
	await host.must(["systemctl", "reload", "keyturn"]);
	const isHeld = async () => (await host.in(["flock", "-n", LOCK, "true"])).code === 1;
	await host.eventually("it is stopped with the lock in its hand", async () => {
		if (!(await isHeld())) return false;
		await host.must(["kill", "-STOP", pid]);
		if (await isHeld()) return true;
		await host.must(["kill", "-CONT", pid]);
		return false;
	});
	await host.must(["rm", HANG]);
}

function isHang({ event, trouble }: { readonly event: string; readonly trouble: string | null }): boolean {
	return event === "state_damaged" && trouble === "tick";
}

async function told(phase: string): Promise<number> {
	return (await host.events()).filter((event) => isHang(event) && event.phase === phase).length;
}
