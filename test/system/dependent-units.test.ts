import { expect, test } from "vitest";
import type { Services } from "../../src/ports/services.ts";
import { keepDependents } from "../../src/system/dependent-units.ts";
import { createSystemdServices } from "../../src/system/services-systemd.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createFakeSystemd, type FakeUnit } from "../fakes/fake-systemd.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const running: FakeUnit = { active: "active", processes: true };

function setUp(units: Readonly<Record<string, FakeUnit>>) {
	const systemd = createFakeSystemd(units);
	const bare = createSystemdServices({
		programs: systemd,
		disk: { ...createSystemDisk(), read: async () => null, stat: async () => null },
		clock: createSleepingClock(),
		log,
		deadMan: { arm: async () => undefined, disarm: async () => undefined },
		answers: async () => true,
	});
	const services = keepDependents(bare, { programs: systemd, log, own: ["postfix", "opendkim"] });
	const states = () => Object.fromEntries([...systemd.units].map(([name, { active }]) => [name, active]));
	return { systemd, services, states };
}

const HOST: Readonly<Record<string, FakeUnit>> = {
	"postfix@-.service": { ...running, requiredBy: ["policy.service", "mail.target"] },
	"opendkim.service": { ...running, requiredBy: ["postfix@-.service", "policy.service", "off.service"] },
	"policy.service": { ...running, requiredBy: ["policy-log.service"] },
	"policy-log.service": { ...running },
	"off.service": { active: "inactive", processes: false },
	"mail.target": { active: "active", processes: false, requiredBy: ["pop.service"] },
	"pop.service": { ...running },
};

async function switchBy(services: Services): Promise<void> {
	await services.stop("postfix", ["postfix@-.service"]);
	await services.stop("opendkim", ["opendkim.service"]);
	await services.start("opendkim", ["opendkim.service"]);
	await services.start("postfix", ["postfix@-.service"]);
}

test("what stops with the services runs again after them, and nothing else does", async () => {
	const { systemd, services, states } = setUp(structuredClone(HOST));
	const after = { ...states(), "mail.target": "inactive" };
	await switchBy(services);
	expect(states()).toEqual(after);
	expect(systemd.calls.filter((call) => call.startsWith("start"))).toEqual([
		"start opendkim.service",
		"start postfix@-.service",
		"start policy-log.service policy.service pop.service",
	]);
	await switchBy(services);
	expect(states()).toEqual(after);
});

test("what a service takes along that does not start stays down, and nothing else", async () => {
	const { services, states } = setUp({
		"postfix@-.service": { ...running, requiredBy: ["policy.service", "both.service"] },
		"opendkim.service": { ...running, requiredBy: ["both.service"], startsTo: "failed" },
		"policy.service": { ...running },
		"both.service": { ...running, requiredBy: ["behind.service"] },
		"behind.service": { ...running },
	});
	await expect(switchBy(services)).rejects.toMatchObject({ code: "service.failed" });
	await services.start("postfix", ["postfix@-.service"]);
	expect(states()).toMatchObject({
		"policy.service": "active",
		"both.service": "inactive",
		"behind.service": "inactive",
	});
});

test("where they cannot be told the service is stopped all the same", async () => {
	const { systemd, services, states } = setUp(structuredClone(HOST));
	const deaf = keepDependents(services, {
		programs: { run: async () => Promise.reject(new Error("no bus")) },
		log,
		own: [],
	});
	await deaf.stop("opendkim", ["opendkim.service"]);
	expect(states()["opendkim.service"]).toBe("inactive");
	expect(systemd.calls).toEqual(["stop opendkim.service"]);
});
