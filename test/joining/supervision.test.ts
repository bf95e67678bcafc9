import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createMachine } from "../../src/joining/machine.ts";
import { daemonStart, notify, watchdogOf } from "../../src/joining/supervision.ts";
import type { ProgramRequest } from "../../src/ports/programs.ts";
import { temporaryDirectory } from "../system/temporary-directory.ts";

test("the daemon is started by systemd where that runs, and by this host's own supervisor elsewhere", async () => {
	const asked: string[] = [];
	const start = async (isThere: boolean): Promise<string> =>
		daemonStart({
			stat: async (path) => {
				asked.push(path);
				return Promise.resolve(isThere ? ({} as never) : null);
			},
		});
	expect(await start(true)).toBe("systemctl start keyturn");
	expect(await start(false)).toContain("keyturn run, as root");
	expect(asked).toEqual(["/run/systemd/system", "/run/systemd/system"]);
});

describe("the manager's watchdog", () => {
	const machine = createMachine(() => false);

	test.each([
		["waits for as long as it says", { WATCHDOG_USEC: "600000000" }, 600_000],
		["for this very process", { WATCHDOG_USEC: "600000000", WATCHDOG_PID: "42" }, 600_000],
		["not where it is another's", { WATCHDOG_USEC: "600000000", WATCHDOG_PID: "43" }, null],
		["not where there is none", {}, null],
		["not where it is off", { WATCHDOG_USEC: "0" }, null],
	])("%s", (_, env, patienceMs) => {
		expect(watchdogOf(machine, env, 42).patienceMs).toBe(patienceMs);
	});

	test("leaves when it ended the daemon, until that is forgotten", async () => {
		const STATE_DIRECTORY = await temporaryDirectory();
		const watchdog = watchdogOf(machine, { STATE_DIRECTORY }, 42);
		expect(await watchdog.endedAt()).toBeNull();
		// As systemd/keyturn.service has it left.
		const left = join(STATE_DIRECTORY, "hung");
		await writeFile(left, "");
		expect(await watchdog.endedAt()).toEqual((await stat(left)).mtime);
		await watchdog.forget();
		expect(await watchdog.endedAt()).toBeNull();
		await expect(stat(left)).rejects.toThrow("ENOENT");
	});

	test("leaves nothing where systemd gave no directory", async () => {
		const watchdog = watchdogOf(machine, {}, 42);
		await watchdog.forget();
		expect(await watchdog.endedAt()).toBeNull();
	});
});

describe("what the service manager is told", () => {
	/** A machine on which nothing else is run, and what was; `fails` what cannot be. */
	function tellingMachine(fails = false) {
		const ran: ProgramRequest[] = [];
		const run = async (request: ProgramRequest) => {
			ran.push(request);
			if (fails) throw new Error("no such program");
			return Promise.resolve({ status: 0, signal: null, stdout: "", stderr: "" });
		};
		const machine = {
			...createMachine(() => false),
			// The end of one of these would be a sign of life, which a hang would give itself.
			programs: async () => Promise.reject(new Error("it is watched")),
			unwatchedPrograms: async () => Promise.resolve({ run }),
		};
		return { machine, ran };
	}

	test("goes to its socket, each word as it is", async () => {
		const { machine, ran } = tellingMachine();
		await notify(machine, { NOTIFY_SOCKET: "/run/n", TOKEN: "hush" }, ["READY=1", "STATUS=a b"]);
		expect(ran).toMatchObject([
			{ argv: ["/usr/bin/systemd-notify", "READY=1", "STATUS=a b"], env: { NOTIFY_SOCKET: "/run/n" } },
		]);
		expect(Object.keys(ran[0]?.env ?? {})).toEqual(["NOTIFY_SOCKET"]);
	});

	test("is nothing where nobody listens", async () => {
		const { machine, ran } = tellingMachine();
		await notify(machine, {}, ["READY=1"]);
		expect(ran).toEqual([]);
	});

	test("ends no daemon where it cannot be told", async () => {
		const { machine, ran } = tellingMachine(true);
		await notify(machine, { NOTIFY_SOCKET: "/run/n" }, ["READY=1"]);
		expect(ran).toHaveLength(1);
	});
});
