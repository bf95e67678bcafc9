import { expect, test } from "vitest";
import { createTimeSource } from "../../src/system/time-source.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";

const SYNCHRONISED = "/run/systemd/timesync/synchronized";
const TIMEDATECTL = "/usr/bin/timedatectl";

function source(paths: readonly string[], stdout: string, status = 0) {
	const disk = new SimDisk(() => new Date());
	for (const path of paths) {
		disk.putDirectory(path.slice(0, path.lastIndexOf("/")));
		disk.put(path, "");
	}
	const run = async () => Promise.resolve({ status, signal: null, stdout, stderr: "" });
	return createTimeSource({ disk: disk.open({ process: createSimProcess() }), programs: { run } });
}

test.each([
	["timesyncd left its file", [SYNCHRONISED], "", "synchronised"],
	["the kernel says so", [TIMEDATECTL], "yes\n", "synchronised"],
	["the kernel says that nothing sets it", [TIMEDATECTL], "no\n", "unsynchronised"],
	["there is nobody to ask", [], "no\n", "unknown"],
	["what is said is none of these", [TIMEDATECTL], "\n", "unknown"],
])("%s", async (_, paths, stdout, expected) => {
	expect(await source(paths, stdout)()).toBe(expected);
});

test("a program that fails says nothing", async () => {
	expect(await source([TIMEDATECTL], "no\n", 1)()).toBe("unknown");
});
