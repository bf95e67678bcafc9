import { expect, test } from "vitest";
import { isControlGroupEmpty } from "../../src/system/control-group.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";

const GROUP = "/system.slice/postfix@-.service";

async function isEmpty(files: Readonly<Record<string, string>>): Promise<boolean> {
	const disk = new SimDisk(() => new Date("2026-11-01T03:00:00Z"));
	disk.putDirectory("/sys/fs/cgroup");
	for (const [path, text] of Object.entries(files)) disk.put(`/sys/fs/cgroup${path}`, text);
	return isControlGroupEmpty(disk.open({ process: createSimProcess() }), GROUP);
}

test("a control group that is gone is empty", async () => {
	expect(await isEmpty({})).toBe(true);
});

test("version 2 says it for all below", async () => {
	expect(
		await isEmpty({ [`${GROUP}/cgroup.events`]: "populated 1\nfrozen 0\n", [`${GROUP}/cgroup.procs`]: "" }),
	).toBe(false);
	expect(await isEmpty({ [`${GROUP}/cgroup.events`]: "populated 0\nfrozen 0\n" })).toBe(true);
});

test.each(["/systemd", "/unified", ""])(
	"processes are found below %s without events, in groups below too",
	async (root) => {
		expect(await isEmpty({ [`${root}${GROUP}/cgroup.procs`]: "254\n255\n" })).toBe(false);
		expect(
			await isEmpty({ [`${root}${GROUP}/cgroup.procs`]: "", [`${root}${GROUP}/sub/cgroup.procs`]: "9\n" }),
		).toBe(false);
		expect(
			await isEmpty({ [`${root}${GROUP}/cgroup.procs`]: "", [`${root}${GROUP}/sub/cgroup.procs`]: "" }),
		).toBe(true);
	},
);
