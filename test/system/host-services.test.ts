/** Who watches over the door and who knows whether the host starts: systemd wherever it runs, whoever runs the services. */

import { access } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { Programs } from "../../src/ports/programs.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createHostServices } from "../../src/system/host-services.ts";
import { createSystemRandom } from "../../src/system/random.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const status = ["/bin/in-container", "status"];
const mailserver = { stop: ["/bin/down"], start: ["/bin/up"], reload: [], status };
const asRoot = test.skipIf(process.getuid?.() !== 0);

interface Given {
	readonly hasSystemd: boolean;
	readonly hasPostfix?: boolean;
	readonly byUnit?: readonly string[];
	readonly isDeadMan?: boolean;
	/** dpkg is at work. */
	readonly isInstalling?: boolean;
}

const DPKG_LOCK = "/var/lib/dpkg/lock-frontend";

async function setUp({
	hasSystemd,
	hasPostfix = true,
	byUnit = [],
	isDeadMan = false,
	isInstalling = false,
}: Given) {
	const absent = new Set([
		...(hasSystemd ? [] : ["/run/systemd/system"]),
		...(hasPostfix ? [] : ["/usr/sbin/postfix"]),
	]);
	const ran: string[] = [];
	const run: Programs["run"] = async ({ argv }) => {
		ran.push(argv.join(" "));
		const isPhase = argv.includes("is-system-running");
		const stdout = isPhase ? "stopping\n" : "ActiveState=active\n";
		return Promise.resolve({ status: 0, signal: null, stdout, stderr: "" });
	};
	const disk = createSystemDisk();
	const mark = join(await temporaryDirectory(), "recovered");
	const services = await createHostServices({
		programs: { run },
		disk: {
			...disk,
			stat: async (path) => {
				const root = await disk.stat("/");
				if (absent.has(path) || root === null) return null;
				return path === DPKG_LOCK ? { ...root, device: 0xfe00, inode: 402_117 } : root;
			},
			read: async (path) => {
				const held = isInstalling ? "1: POSIX  ADVISORY  WRITE 459 fe:00:402117 0 EOF\n" : "";
				return Promise.resolve(path === "/proc/locks" ? Buffer.from(held) : null);
			},
			list: async (path) => Promise.reject(new KeyturnError("disk.failed", path, { errno: "EACCES" })),
		},
		clock: createSystemClock(),
		random: createSystemRandom(),
		log,
		answers: async () => Promise.resolve(true),
		commands: { mailserver },
		byUnit,
		byCommand: ["mailserver", "postfix"],
		recover: ["/usr/bin/touch", mark],
		isDeadMan,
	});
	return { services, ran, mark };
}

asRoot(
	"services by command only: under systemd the dead man is a timer, which outlives the door",
	async () => {
		const { services, ran } = await setUp({ hasSystemd: true });
		await services.armDeadMan(90_000);
		expect(ran[0]).toMatch(/^\/usr\/bin\/systemd-run --on-active=90s .* -- \/usr\/bin\/touch /);
		await services.disarmDeadMan();
		expect(ran.at(-1)).toMatch(/^\/usr\/bin\/systemctl stop -- keyturn-deadman-\*\.timer$/);
	},
);

asRoot(
	"what the dead man's switch runs arms none, since it is run again itself, and stops those left",
	async () => {
		const { services, ran } = await setUp({ hasSystemd: true, isDeadMan: true });
		await services.armDeadMan(90_000);
		expect(ran).toEqual([]);
		await services.disarmDeadMan();
		expect(ran).toEqual(["/usr/bin/systemctl stop -- keyturn-deadman-*.timer"]);
	},
);

asRoot("services by command only: under systemd nothing is touched while the host stops", async () => {
	const { services, ran } = await setUp({ hasSystemd: true });
	expect(await services.hostPhase()).toBe("stopping");
	expect(await services.look("mailserver")).toMatchObject({ instances: [{ state: "running" }] });
	expect(ran.at(-1)).toBe(status.join(" "));
});

test("without systemd they stand alone, and a child of the door's watches", async () => {
	const { services, ran, mark } = await setUp({ hasSystemd: false });
	expect(await services.hostPhase()).toBe("running");
	await services.armDeadMan(1);
	const clock = createSystemClock();
	const deadline = clock.deadline(20_000, new AbortController().signal);
	const acted = () =>
		access(mark).then(
			() => true,
			() => false,
		);
	while (!(await acted()) && !deadline.aborted) await clock.sleep(20, deadline);
	expect(await acted()).toBe(true);
	expect(ran).toEqual([]);
});

asRoot(
	"postfix by command: it checks itself outside the door's sandbox, as a unit of systemd's would",
	async () => {
		const { services, ran } = await setUp({ hasSystemd: true });
		expect(await services.preflight("postfix")).toBeNull();
		expect(ran).toEqual([
			expect.stringMatching(/^\/usr\/bin\/systemd-run --wait .* -- \/usr\/sbin\/postfix check$/),
		]);
	},
);

test("postfix by command, without systemd: it checks itself as it is; where it is a container's alone, it cannot", async () => {
	const host = await setUp({ hasSystemd: false });
	expect(await host.services.preflight("postfix")).toBeNull();
	expect(host.ran).toEqual(["/usr/sbin/postfix check"]);
	const container = await setUp({ hasSystemd: false, hasPostfix: false });
	expect(await container.services.preflight("postfix")).toBeNull();
	expect(container.ran).toEqual([]);
});

test("beside a unit of systemd's, each by its own manager", async () => {
	const { services, ran } = await setUp({ hasSystemd: true, byUnit: ["opendkim"] });
	await services.reload("opendkim", ["opendkim.service"]).catch(() => undefined);
	await services.look("mailserver");
	expect(ran[0]).toMatch(/^\/usr\/bin\/systemctl /);
	expect(ran.at(-1)).toBe(status.join(" "));
});

test.each([
	["with systemd", true, []],
	["beside a unit of systemd's", true, ["opendkim"]],
	["without systemd", false, []],
])("it is told that packages are being installed: %s", async (_, hasSystemd, byUnit) => {
	const installing = await setUp({ hasSystemd, byUnit, isInstalling: true });
	expect(await installing.services.packageWork()).toBe(`${DPKG_LOCK} is held`);
	const idle = await setUp({ hasSystemd, byUnit });
	expect(await idle.services.packageWork()).toBeNull();
});
