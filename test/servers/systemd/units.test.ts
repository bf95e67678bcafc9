import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../../..");
const services = ["keyturn.service", "keyturn-apply@request.service", "keyturn-recover.service"];
let destination: string;
let units: string;

beforeAll(async () => {
	destination = await mkdtemp(join(tmpdir(), "keyturn-units-"));
	units = join(destination, "etc/systemd/system");
	const env = { ...process.env, DESTDIR: destination, NODE: process.execPath };
	await run(join(root, "systemd/install"), { env });
	await copyFile(join(units, "keyturn-apply@.service"), join(units, "keyturn-apply@request.service"));
});
afterAll(async () => rm(destination, { recursive: true }));

test.each([...services, "keyturn-apply.socket"])("systemd finds no fault with %s", async (unit) => {
	const verified = await run("systemd-analyze", ["verify", "--man=no", join(units, unit)]);
	expect(verified).toEqual({ stdout: "", stderr: "" });
});

test.each(services)("%s is exposed as little as its work allows", async (unit) => {
	const argv = ["security", "--offline=true", "--no-pager", join(units, unit)];
	const { stdout } = await run("systemd-analyze", argv);
	const exposure = /Overall exposure level for \S+: (\d+\.\d)/.exec(stdout)?.[1];
	expect(Number(exposure)).toBeGreaterThan(0);
	expect(Number(exposure)).toBeLessThanOrEqual(1.5);
});

test("an installed unit names this node and this checkout, whatever the repository's copy says", async () => {
	const installed = await readdir(units);
	const sources = await readdir(join(root, "systemd"));
	const expected = sources.filter((name) => name.startsWith("keyturn") && !name.endsWith(".sysusers"));
	expect(installed).toEqual(expect.arrayContaining(expected));
	for (const name of installed.filter((unit) => unit.endsWith(".service"))) {
		const text = await readFile(join(units, name), "utf8");
		expect(text).toContain(`ExecStart=${process.execPath} ${root}/dist/src/`);
	}
});

test("no unit leaves a core, and the watchdog's signal none either: there are keys in it", async () => {
	for (const name of ["keyturn.service", "keyturn-apply@.service", "keyturn-recover.service"])
		expect(await readFile(join(units, name), "utf8"), name).toMatch(/^LimitCORE=0$/m);
	const agent = await readFile(join(units, "keyturn.service"), "utf8");
	expect(agent).toMatch(/^WatchdogSec=600$/m);
	expect(agent).toMatch(/^WatchdogSignal=SIGKILL$/m);
});

test("the agent has no privilege, and the door no more than it needs", async () => {
	const agent = await readFile(join(units, "keyturn.service"), "utf8");
	expect(agent).toMatch(/^User=keyturn$/m);
	expect(agent).toMatch(/^CapabilityBoundingSet=$/m);
	for (const name of ["keyturn-apply@.service", "keyturn-recover.service"]) {
		const door = await readFile(join(units, name), "utf8");
		expect(door).toMatch(/^CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER$/m);
		expect(door).toMatch(/^PrivateNetwork=yes$/m);
		expect(door).toMatch(/^RestrictAddressFamilies=AF_UNIX$/m);
	}
});
