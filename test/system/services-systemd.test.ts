import { expect, test } from "vitest";
import type { Disk } from "../../src/ports/disk.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createSystemdServices } from "../../src/system/services-systemd.ts";
import { createFakeSystemd, type FakeUnit } from "../fakes/fake-systemd.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function setUp(
	units: Readonly<Record<string, FakeUnit>>,
	there: readonly string[] = ["/run/systemd/system", "/usr/sbin/postfix"],
) {
	const systemd = createFakeSystemd(units);
	const machine = createSystemDisk();
	const disk: Disk = {
		...machine,
		read: async (path) => {
			const group = /^\/sys\/fs\/cgroup(\/system\.slice\/[^/]+)\/cgroup\.events$/.exec(path)?.[1];
			if (group === undefined) return null;
			return new TextEncoder().encode(`populated ${systemd.populated(group) ? 1 : 0}\nfrozen 0\n`);
		},
		stat: async (path) => (there.includes(path) ? machine.stat("/") : null),
	};
	const armed: (number | null)[] = [];
	const clock = createSleepingClock();
	const services = createSystemdServices({
		programs: systemd,
		disk,
		clock,
		log,
		deadMan: { arm: async (ms) => void armed.push(ms), disarm: async () => void armed.push(null) },
		answers: async (service) => service !== "deaf",
	});
	return { systemd, services, clock, armed };
}

const running: FakeUnit = { active: "active", processes: true };
const stopped: FakeUnit = { active: "inactive", processes: false };

test("postfix is stopped by its instances, and only stopped when no process is left", async () => {
	const { systemd, services, clock } = setUp({
		"postfix.service": { active: "active", type: "oneshot", processes: false },
		"postfix@-.service": { ...running, lingers: 3 },
		"postfix@out.service": { ...running },
		"opendkim.service": { ...running },
	});
	const { instances } = await services.look("postfix");
	expect(instances.map(({ unit, state }) => `${unit} ${state}`)).toEqual([
		"postfix@-.service running",
		"postfix@out.service running",
	]);
	await services.stop(
		"postfix",
		instances.map(({ unit }) => unit),
	);
	expect(systemd.calls).toEqual(["stop postfix@-.service postfix@out.service"]);
	expect(systemd.units.get("postfix@-.service")?.lingers).toBe(0);
	expect(clock.uptimeMs()).toBeGreaterThan(0);
	expect(systemd.units.get("opendkim.service")?.active).toBe("active");
});

test("when a unit was started is told in the words of any systemd, whatever the time zone here", async () => {
	const { services } = setUp({ "opendkim.service": { ...running } });
	expect((await services.look("opendkim")).instances).toEqual([
		{ unit: "opendkim.service", state: "running", startedAt: new Date("2026-11-22T21:40:15Z") },
	]);
});

test("a stop that leaves somebody alive fails, naming the unit", async () => {
	const { services } = setUp({ "postfix@-.service": { ...running, lingers: 1_000_000 } });
	await expect(services.stop("postfix", ["postfix@-.service"])).rejects.toMatchObject({
		code: "service.failed",
		message: expect.stringContaining("postfix@-.service"),
	});
});

test("where systemctl describes only some of the units nothing is said of the others", async () => {
	const dummy: FakeUnit = { active: "active", type: "oneshot", processes: false };
	const { systemd, services } = setUp({ "postfix.service": dummy, "postfix@-.service": { ...running } });
	const whole = { ...systemd };
	systemd.run = async (request, signal) => {
		const result = await whole.run(request, signal);
		return request.argv.includes("show")
			? { ...result, status: 1, stdout: result.stdout.split("\n\n")[0] ?? "" }
			: result;
	};
	const names = ["postfix.service", "postfix@-.service"];
	await expect(services.look("postfix")).rejects.toMatchObject({ code: "service.failed" });
	await expect(services.stop("postfix", names)).rejects.toMatchObject({ code: "service.failed" });
	await expect(services.start("postfix", names)).rejects.toMatchObject({ code: "service.failed" });
});

test("a start clears the start limit first and believes the state only", async () => {
	const { systemd, services } = setUp({
		"opendkim.service": { ...stopped },
		"broken.service": { ...stopped, startsTo: "failed" },
		"slow.service": { ...stopped, startsTo: "activating" },
		"postfix.service": { active: "inactive", type: "oneshot", processes: false },
	});
	await services.start("opendkim", ["opendkim.service"]);
	await services.start("opendkim", ["opendkim.service"]);
	expect(systemd.calls.slice(0, 2)).toEqual(["reset-failed opendkim.service", "start opendkim.service"]);
	for (const name of ["broken", "slow", "postfix"]) {
		await expect(services.start(name, [`${name}.service`])).rejects.toMatchObject({ code: "service.failed" });
	}
});

test("nothing is run for no units", async () => {
	const { systemd, services } = setUp({});
	await services.stop("postfix", []);
	await services.start("postfix", []);
	await services.reload("postfix", []);
	expect(systemd.calls).toEqual([]);
});

test("a unit that cannot reload is told, one that can is reloaded", async () => {
	const { systemd, services } = setUp({
		"a.service": { ...running },
		"b.service": { ...running, canReload: false },
	});
	await services.reload("a", ["a.service"]);
	await expect(services.reload("b", ["b.service"])).rejects.toMatchObject({ code: "service.failed" });
	expect(systemd.calls).toEqual(["reload a.service"]);
});

test("what runs although masked holds the switch: it could not be started again", async () => {
	const { services } = setUp({
		"opendkim.service": { ...running, masked: true },
		"off.service": { ...stopped, masked: true },
	});
	expect((await services.look("opendkim")).instances).toMatchObject([{ state: "masked" }]);
	expect(await services.preflight("opendkim")).toContain("masked");
	expect(await services.preflight("off")).toBeNull();
});

test.skipIf(process.getuid?.() !== 0)(
	"postfix checks itself outside our sandbox before it is stopped",
	async () => {
		const { systemd, services } = setUp({ "postfix@-.service": { ...running } });
		expect(await services.preflight("postfix")).toBeNull();
		expect(systemd.calls).toEqual(["--wait /usr/sbin/postfix check"]);
	},
);

test.skipIf(process.getuid?.() !== 0)("a check that takes too long is told by its own name", async () => {
	const { systemd, clock, services } = setUp({ "postfix@-.service": { ...running } });
	const whole = { ...systemd };
	systemd.run = async (request, signal) => {
		if (!request.argv.includes("check")) return whole.run(request, signal);
		await clock.sleep(60_100, signal);
		return { status: 1, signal: null, stdout: "", stderr: "" };
	};
	await expect(services.preflight("postfix")).rejects.toMatchObject({
		code: "program.timeout",
		message: expect.stringContaining("program /usr/sbin/postfix"),
	});
});

test("a container's unit called postfix is not asked: on this host there is no Postfix", async () => {
	const { systemd, services } = setUp({ "postfix.service": { ...running } }, ["/run/systemd/system"]);
	expect(await services.preflight("postfix")).toBeNull();
	expect(systemd.calls).toEqual([]);
});

test("a Postfix that somebody started without systemd holds the switch: nothing would stop it", async () => {
	const { systemd, services } = setUp({ "postfix@-.service": { ...stopped }, "opendkim.service": stopped });
	expect(await services.preflight("postfix")).toBeNull();
	systemd.hasPostfixByHand = true;
	expect(await services.preflight("postfix")).toContain("not started by systemd");
	expect(await services.preflight("opendkim")).toBeNull();
	await services.start("postfix", ["postfix@-.service"]);
	expect(await services.preflight("postfix")).toBeNull();
});

test("an instance of Postfix that was stopped holds nothing: what runs is the first one", async () => {
	const { systemd, services } = setUp({
		"postfix@-.service": { ...running },
		"postfix@out.service": stopped,
	});
	systemd.hasPostfixByHand = true;
	expect(await services.preflight("postfix@out")).toBeNull();
});

test("an unknown service is a failure, not an idle one", async () => {
	const { services } = setUp({ "opendkim.service": { ...running } });
	await expect(services.look("postfx")).rejects.toMatchObject({ code: "service.failed" });
});

test("a unit that started its processes elsewhere is not taken for stopped", async () => {
	const exited: FakeUnit = { active: "active", type: "oneshot", processes: false };
	const { services } = setUp({
		"postfix.service": exited,
		"mail.service": { ...exited, command: "/usr/bin/docker-compose" },
		"off.service": { ...exited, active: "inactive", command: "/usr/bin/docker-compose" },
	});
	await expect(services.look("mail")).rejects.toMatchObject({
		code: "service.failed",
		message: expect.stringContaining("mail.service"),
	});
	expect((await services.look("off")).instances).toMatchObject([{ state: "stopped" }]);
	expect((await services.look("postfix")).instances).toMatchObject([{ state: "stopped" }]);
});

test("tells the host's phase, answers by what it was given, and passes the dead man's switch on", async () => {
	const { systemd, services, armed } = setUp({});
	const phases: string[] = [];
	for (const phase of ["starting", "degraded", "stopping"]) {
		systemd.phase = phase;
		phases.push(await services.hostPhase());
	}
	expect(phases).toEqual(["starting", "running", "stopping"]);
	systemd.phase = "offline";
	await expect(services.hostPhase()).rejects.toMatchObject({ code: "service.failed" });
	expect([await services.answers("postfix"), await services.answers("deaf")]).toEqual([true, false]);
	await services.armDeadMan(90_000);
	await services.disarmDeadMan();
	expect(armed).toEqual([90_000, null]);
});
