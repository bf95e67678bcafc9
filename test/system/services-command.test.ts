import { access, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createSystemPrograms } from "../../src/system/programs.ts";
import { createCommandServices } from "../../src/system/services-command.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** A service that runs while its file is there. */
async function setUp() {
	const directory = await temporaryDirectory();
	const file = join(directory, "running");
	const service = {
		start: ["/usr/bin/touch", file],
		stop: ["/bin/rm", file],
		reload: ["/usr/bin/touch", join(directory, "reloaded")],
		status: ["/usr/bin/test", "-e", file],
	};
	const armed: (number | null)[] = [];
	const services = createCommandServices({
		commands: {
			signer: service,
			stubborn: {
				...service,
				start: ["/bin/sh", "-c", "echo no such table >&2; exit 3"],
				stop: ["/bin/true"],
			},
			bare: { ...service, reload: [] },
			killed: { ...service, status: ["/bin/sh", "-c", "kill -KILL $$"] },
			absent: { ...service, status: ["/bin/sh", "-c", "/no/docker inspect"] },
			// Its supervisor restarts it: down at the first look, up at the next.
			restarted: {
				...service,
				status: ["/bin/sh", "-c", `test -e ${file} || { : >${file}; exit 3; }`],
			},
		},
		programs: createSystemPrograms(),
		disk: createSystemDisk(),
		clock: createSleepingClock(),
		log,
		deadMan: { arm: async (ms) => void armed.push(ms), disarm: async () => void armed.push(null) },
		answers: async (service) => service !== "deaf",
	});
	return { services, file, directory, armed };
}

test("stops, starts and reloads by the configured commands, and looks by status", async () => {
	const { services, directory } = await setUp();
	const stateOf = async () =>
		(await services.look("signer")).instances.map(({ unit, state }) => `${unit} ${state}`);
	expect(await stateOf()).toEqual(["signer stopped"]);
	await services.stop("signer", ["signer"]);
	await services.start("signer", ["signer"]);
	await services.start("signer", ["signer"]);
	expect(await stateOf()).toEqual(["signer running"]);
	await services.reload("signer", ["signer"]);
	await access(join(directory, "reloaded"));
	await services.stop("signer", ["signer"]);
	expect(await stateOf()).toEqual(["signer stopped"]);
	expect(await services.hostPhase()).toBe("running");
});

test("a command without its effect fails with what it said, whatever its exit status", async () => {
	const { services, file } = await setUp();
	await expect(services.start("stubborn", ["stubborn"])).rejects.toMatchObject({
		code: "service.failed",
		message: expect.stringMatching(/ended with 3; no such table/),
	});
	await writeFile(file, "");
	await expect(services.stop("stubborn", ["stubborn"])).rejects.toMatchObject({
		code: "service.failed",
		message: expect.stringContaining("ended with 0"),
	});
});

test.each([
	["killed", "was ended by SIGKILL"],
	["absent", "ended with 127; "],
])("a status that gives no answer is no stopped service: %s", async (service, how) => {
	const { services } = await setUp();
	const failure = {
		code: "service.failed",
		message: expect.stringContaining(
			`${service}: expected status to end with 0 (running) or 1 to 125 (stopped); it ${how}`,
		),
		hint: `run services.commands.${service}.status by hand`,
	};
	await expect(services.look(service)).rejects.toMatchObject(failure);
	await expect(services.stop(service, [service])).rejects.toMatchObject(failure);
	await expect(services.start(service, [service])).rejects.toMatchObject(failure);
});

test("a service counts as stopped when it is seen so twice", async () => {
	const { services, file } = await setUp();
	expect(await services.look("restarted")).toMatchObject({ instances: [{ state: "running" }] });
	await expect(services.stop("restarted", ["restarted"])).rejects.toMatchObject({ code: "service.failed" });
	await access(file);
});

test("a missing command is told by its place in the configuration", async () => {
	const { services } = await setUp();
	await expect(services.reload("bare", ["bare"])).rejects.toMatchObject({
		hint: expect.stringContaining("services.commands.bare.reload"),
	});
	await expect(services.look("other")).rejects.toMatchObject({ code: "service.failed" });
});

test("nothing is run for no units", async () => {
	const { services, file, directory } = await setUp();
	await services.start("signer", []);
	await services.reload("signer", []);
	expect(await readdir(directory)).toEqual([]);
	await writeFile(file, "");
	await services.stop("signer", []);
	await access(file);
});

test("answers by what it was given, and passes the dead man's switch on", async () => {
	const { services, armed } = await setUp();
	expect([await services.answers("signer"), await services.answers("deaf")]).toEqual([true, false]);
	await services.armDeadMan(90_000);
	await services.disarmDeadMan();
	expect(armed).toEqual([90_000, null]);
});
