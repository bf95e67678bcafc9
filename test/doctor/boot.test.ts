import { expect, test } from "vitest";
import { findRecovery } from "../../src/doctor/boot.ts";
import { healthyFacts } from "../fakes/doctor-facts.ts";

const ENABLED = "/etc/systemd/system/multi-user.target.wants/keyturn-recover.service";
const { settings } = healthyFacts();
const byCommand = {
	...settings,
	signers: settings.signers.map((one) => ({
		...one,
		services: { ...one.services, manager: "command" as const },
	})),
};

test.each([
	[
		"enabled by the installer of the checkout",
		settings,
		["/etc/systemd/system/keyturn-recover.service", ENABLED],
		"enabled",
	],
	[
		"enabled by the package",
		settings,
		["/usr/lib/systemd/system/keyturn-recover.service", ENABLED],
		"enabled",
	],
	["installed, and not enabled", settings, ["/lib/systemd/system/keyturn-recover.service"], "off"],
	["not installed", settings, [], "absent"],
	["another manager", byCommand, ["/lib/systemd/system/keyturn-recover.service"], "absent"],
])("%s", async (_, given, paths, expected) => {
	const lstat = async (path: string) => Promise.resolve(paths.includes(path) ? ({} as never) : null);
	expect(await findRecovery(given, { lstat })).toBe(expected);
});
