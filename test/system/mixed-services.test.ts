/** Which of two managers is asked for which service. */

import { expect, test } from "vitest";
import type { Services } from "../../src/ports/services.ts";
import { mixServices } from "../../src/system/mixed-services.ts";

function told(name: string, asked: string[]): Services {
	const member =
		(act: string) =>
		async (...args: readonly unknown[]) => {
			asked.push([name, act, ...args.filter((arg) => typeof arg !== "object")].join(" "));
			return Promise.resolve();
		};
	return new Proxy(
		{},
		{ get: (_, act) => member(String(act)), ownKeys: () => ACTS, getOwnPropertyDescriptor: () => SHOWN },
	) as Services;
}

const ACTS = [
	"look",
	"stop",
	"start",
	"reload",
	"preflight",
	"answers",
	"packageWork",
	"hostPhase",
	"armDeadMan",
];
const SHOWN = { enumerable: true, configurable: true };

test("a service is asked of its own manager, and the host of systemd", async () => {
	const asked: string[] = [];
	const services = mixServices({
		units: told("systemd", asked),
		commands: told("command", asked),
		isByCommand: (service) => service === "mailserver",
	});
	for (const service of ["postfix", "mailserver"]) {
		await services.look(service);
		await services.stop(service, ["x"]);
		await services.start(service, ["x"]);
		await services.reload(service, ["x"]);
		await services.preflight(service);
		await services.answers(service);
	}
	await services.packageWork();
	await services.hostPhase();
	await services.armDeadMan(5);
	const acts = ["look", "stop", "start", "reload", "preflight", "answers"];
	expect(asked).toEqual([
		...acts.map((act) => `systemd ${act} postfix`),
		...acts.map((act) => `command ${act} mailserver`),
		"systemd packageWork",
		"systemd hostPhase",
		"systemd armDeadMan 5",
	]);
});
