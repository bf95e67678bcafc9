import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { ProgramRequest, ProgramResult, Programs } from "../../src/ports/programs.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { type Command, planAgain, runAgain, type RunAgainPorts } from "../../src/system/run-again.ts";
import { createSystemRandom } from "../../src/system/random.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";

const COMMAND: Command = {
	argv: ["/usr/bin/node", "/opt/keyturn/main.js", "rotate", "--config", "a$b.yaml"],
	directory: "/root/here and there",
	env: { PATH: "/bin", TERM: "xterm", NO_COLOR: "1", TOKEN: "hush-hush", NODE_AUTH_TOKEN: "hush" },
	isDaemon: false,
};

/** As busctl of systemd 252 writes them, one property a line. */
const LOADED = [
	'{"type":"a(ss)","data":[["cf","/etc/keyturn/cf token"],["other","/etc/other"]]}',
	'{"type":"a(ss)","data":[["hook","/etc/keyturn/hook.cred"]]}',
].join("\n");
const NONE = '{"type":"a(ss)","data":[]}\n{"type":"a(ss)","data":[]}\n';

interface Host {
	readonly hasSystemd?: boolean;
	readonly loads?: string;
	/** What busctl ends with. */
	readonly busStatus?: number;
	/** Below 250 there are no encrypted ones. */
	readonly version?: number;
	/** What `systemctl kill` ends with, one call after another; then 0. */
	readonly killStatuses?: readonly number[];
	readonly start?: RunAgainPorts["start"];
}

/** Of systemd 249, sd-bus's words in busctl's. */
const NO_SUCH_PROPERTY =
	"Failed to get property LoadCredentialEncrypted on interface org.freedesktop.systemd1.Service: Unknown interface org.freedesktop.systemd1.Service or property LoadCredentialEncrypted.";

function hostOf({
	hasSystemd = true,
	loads = LOADED,
	busStatus = 0,
	version = 252,
	killStatuses = [],
	start,
}: Host) {
	const ran: ProgramRequest[] = [];
	const kills = [...killStatuses];
	const disk = createSystemDisk();
	/** It prints one property after another, and ends at the first that there is not. */
	const busctl = (argv: readonly string[]) => {
		if (busStatus !== 0) return { status: busStatus, stdout: "", stderr: "no bus" };
		const [plain = "", encrypted = ""] = loads.split("\n");
		const isUnknown = version < 250 && argv.includes("LoadCredentialEncrypted");
		const lines = [
			...(argv.includes("LoadCredential") ? [plain] : []),
			...(argv.includes("LoadCredentialEncrypted") && !isUnknown ? [encrypted] : []),
		];
		return { status: isUnknown ? 1 : 0, stdout: lines.join("\n"), stderr: isUnknown ? NO_SUCH_PROPERTY : "" };
	};
	const ports: RunAgainPorts = {
		programs: {
			run: async (request) => {
				ran.push(request);
				const isBus = request.argv[0] === "/usr/bin/busctl";
				const result = isBus ? busctl(request.argv) : { status: kills.shift() ?? 0, stdout: "", stderr: "" };
				return Promise.resolve<ProgramResult>({ signal: null, ...result });
			},
		},
		disk: { stat: async () => (hasSystemd ? disk.stat("/") : Promise.resolve(null)) },
		random: createSystemRandom(),
		clock: createSleepingClock(),
		start: start ?? (async () => Promise.resolve(0)),
	};
	return { ports, ran };
}

const onlyRoot = test.skipIf(process.getuid?.() !== 0);
const plan = async (host: Host, names: readonly string[], command: Partial<Command> = {}) =>
	planAgain(hostOf(host).ports, { ...COMMAND, ...command }, names);

describe("where a command that needs credentials runs", () => {
	onlyRoot(
		"in a unit that loads those that are named, and no other, from where the agent's does",
		async () => {
			const again = await plan({}, ["cf", "hook", "not-loaded"]);
			expect(again).toMatchObject({
				kind: "again",
				unit: expect.stringMatching(/^keyturn-command-[0-9a-f]{12}\.service$/),
				loads: [
					"LoadCredential=cf:/etc/keyturn/cf token",
					"LoadCredentialEncrypted=hook:/etc/keyturn/hook.cred",
				],
			});
			const argv: readonly string[] = again.kind === "again" ? again.argv : [];
			expect(argv.slice(0, 5)).toEqual(["/usr/bin/systemd-run", "--wait", "--pipe", "--collect", "--quiet"]);
			expect(argv.filter((_, index) => argv[index - 1] === "-p")).toEqual([
				"LoadCredential=cf:/etc/keyturn/cf token",
				"LoadCredentialEncrypted=hook:/etc/keyturn/hook.cred",
				"WorkingDirectory=/root/here and there",
				"KillMode=mixed",
				"LimitCORE=0",
			]);
		},
	);

	onlyRoot("in such a unit, too, of a systemd that knows of no encrypted ones", async () => {
		const again = await plan({ version: 249 }, ["cf", "hook"]);
		expect(again).toMatchObject({ kind: "again", loads: ["LoadCredential=cf:/etc/keyturn/cf token"] });
	});

	onlyRoot("with its own words, none of which systemd fills in", async () => {
		const again = await plan({}, ["cf"]);
		const argv: readonly string[] = again.kind === "again" ? again.argv : [];
		expect(argv.slice(argv.indexOf("--") + 1)).toEqual([...COMMAND.argv.slice(0, -1), "a$$b.yaml"]);
	});

	onlyRoot("with what it heeds of the environment, and no secret of it", async () => {
		const again = await plan({}, ["cf"]);
		const argv: readonly string[] = again.kind === "again" ? again.argv : [];
		expect(argv.filter((word) => word.startsWith("--setenv="))).toEqual([
			"--setenv=PATH=/bin",
			"--setenv=TERM=xterm",
			"--setenv=NO_COLOR=1",
			"--setenv=KEYTURN_RUN_AGAIN=1",
		]);
		expect(argv.join(" ")).not.toContain("hush");
	});

	onlyRoot.each<readonly [string, Host, readonly string[], Partial<Command>, RegExp, RegExp | null]>([
		["where no systemd runs", { hasSystemd: false }, ["cf"], {}, /no systemd runs here/, /\{ file: PATH \}/],
		["where the agent's unit loads another", {}, ["tsig"], {}, /that unit does not load it/, null],
		["where there is no such unit", { loads: NONE }, ["cf"], {}, /that unit does not load it/, null],
		["where systemd cannot be asked", { busStatus: 1 }, ["cf"], {}, /asked for: busctl: no bus/, /dbus/],
		["where systemd answers otherwise", { loads: "?" }, ["cf"], {}, /could not be asked for/, /busctl/],
		["as a daemon", {}, ["cf"], { isDaemon: true }, /this daemon was started outside/, /systemctl start/],
		[
			"in the unit, whatever it finds there",
			{},
			["cf"],
			{ env: { KEYTURN_RUN_AGAIN: "1" } },
			/its unit was given none/,
			/journalctl/,
		],
	])("where it is, %s", async (_, host, names, command, why, hint) => {
		const again = await plan(host, names, command);
		expect(again).toMatchObject({ kind: "stays", why: expect.stringMatching(why) });
		if (again.kind === "stays") expect(again.hint ?? "").toMatch(hint ?? /^$/);
	});

	test("where it is, as anybody but root", async () => {
		const asUser = vi.spyOn(process, "getuid").mockReturnValue(1000);
		onTestFinished(() => asUser.mockRestore());
		expect(await plan({}, ["cf"])).toEqual({
			kind: "stays",
			why: "only root can run a command with it",
			hint: "run the command as root",
		});
	});
});

describe("a command run again", () => {
	const again = {
		kind: "again",
		unit: "keyturn-command-1.service",
		loads: ["LoadCredential=cf:/etc/keyturn/cf"],
		argv: ["/usr/bin/systemd-run", "--", "/bin/x"],
	} as const;
	const unasked = { signal: new AbortController().signal, stoppedBy: () => null };

	test.each([0, 1, 2, 3, 4, 75, 130])("ends with its status %i", async (status) => {
		const started: (readonly string[])[] = [];
		const { ports, ran } = hostOf({
			start: async (argv) => {
				started.push(argv);
				return Promise.resolve(status);
			},
		});
		expect(await runAgain(ports, again, unasked)).toBe(status);
		expect(started).toEqual([again.argv]);
		expect(ran).toEqual([]);
	});

	test("is told as not started, with what was to be loaded, where systemd could not", async () => {
		const { ports } = hostOf({ start: async () => Promise.resolve(243) });
		await expect(runAgain(ports, again, unasked)).rejects.toMatchObject({
			code: "config.unreadable",
			message: expect.stringMatching(/LoadCredential=cf:\/etc\/keyturn\/cf.* status 243$/),
			hint: expect.stringContaining("journalctl -u keyturn-command-1.service"),
		});
	});

	test("is told as perhaps still at work where systemd-run was killed", async () => {
		const { ports } = hostOf({ start: async () => Promise.resolve(null) });
		await expect(runAgain(ports, again, unasked)).rejects.toMatchObject({
			code: "program.failed",
			message: expect.stringContaining("keyturn-command-1.service may still be at work"),
		});
	});

	test("gets the signal that we get, also where its unit is not there yet", async () => {
		const stopping = new AbortController();
		let end: (status: number) => void = () => undefined;
		const { ports, ran } = hostOf({
			killStatuses: [1, 1],
			start: async () => new Promise((resolve) => (end = resolve)),
		});
		const programs: Programs = {
			run: async (request, signal) => {
				const result = await ports.programs.run(request, signal);
				if (result.status === 0) end(130);
				return result;
			},
		};
		const running = runAgain({ ...ports, programs }, again, {
			signal: stopping.signal,
			stoppedBy: () => "SIGINT",
		});
		stopping.abort();
		expect(await running).toBe(130);
		const kill = ["/usr/bin/systemctl", "kill", "--kill-who=main", "--signal=SIGINT", "--", again.unit];
		expect(ran.map(({ argv }) => argv)).toEqual([kill, kill, kill]);
		expect(ran[0]?.owner).toEqual({ uid: 0, gid: 0 });
	});

	test("is not asked for ever to end when it has ended", async () => {
		const stopping = new AbortController();
		const { ports, ran } = hostOf({
			killStatuses: [1],
			start: async () => {
				stopping.abort();
				return Promise.resolve(3);
			},
		});
		expect(await runAgain(ports, again, { signal: stopping.signal, stoppedBy: () => "SIGTERM" })).toBe(3);
		expect(ran).toHaveLength(1);
	});

	test("is not started by a process that was asked to end before", async () => {
		const stopping = new AbortController();
		stopping.abort();
		let isStarted = false;
		const { ports } = hostOf({
			start: async () => {
				isStarted = true;
				return Promise.resolve(0);
			},
		});
		await expect(runAgain(ports, again, { ...unasked, signal: stopping.signal })).rejects.toThrow();
		expect(isStarted).toBe(false);
	});
});
