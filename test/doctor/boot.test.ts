import { expect, test } from "vitest";
import { findDoorWrites, findRecovery } from "../../src/doctor/boot.ts";
import { healthyFacts } from "../fakes/doctor-facts.ts";

const ENABLED = "/etc/systemd/system/multi-user.target.wants/keyturn-recover.service";
const { settings } = healthyFacts();
const SYSTEMD = "/run/systemd/system";

test.each([
	[
		"enabled by the installer of the checkout",
		[SYSTEMD, "/etc/systemd/system/keyturn-recover.service", ENABLED],
		"enabled",
	],
	[
		"enabled by the package",
		[SYSTEMD, "/usr/lib/systemd/system/keyturn-recover.service", ENABLED],
		"enabled",
	],
	["installed, and not enabled", [SYSTEMD, "/lib/systemd/system/keyturn-recover.service"], "off"],
	["not installed", [SYSTEMD], "absent"],
	[
		"installed where something else starts services",
		["/lib/systemd/system/keyturn-recover.service"],
		"absent",
	],
] as const)("%s", async (_, paths, expected) => {
	const there: readonly string[] = paths;
	const lstat = async (path: string) => Promise.resolve(there.includes(path) ? ({} as never) : null);
	expect(await findRecovery({ lstat })).toBe(expected);
});

async function writes(files: Readonly<Record<string, string>>, path = settings.path) {
	const read = async (name: string) => {
		const text = files[name];
		return Promise.resolve(text === undefined ? null : Buffer.from(text));
	};
	const list = async (directory: string) =>
		Promise.resolve(
			Object.keys(files).flatMap((name) =>
				name.startsWith(`${directory}/`) ? [name.slice(directory.length + 1)] : [],
			),
		);
	return findDoorWrites({ ...settings, path }, { read, list });
}

const UNIT = "[Service]\nReadWritePaths=-/etc/opendkim -/etc/dkimkeys\nProtectSystem=strict\n";
const DROP_INS = "/etc/systemd/system/keyturn-apply@.service.d";

test("the door may write where its unit and its drop-ins say", async () => {
	const unit = { "/usr/lib/systemd/system/keyturn-apply@.service": UNIT };
	expect(await writes(unit)).toEqual(["/etc/opendkim", "/etc/dkimkeys"]);
	const more = { ...unit, [`${DROP_INS}/override.conf`]: "[Service]\nReadWritePaths=/etc/mail/keys/\n" };
	expect(await writes(more)).toEqual(["/etc/opendkim", "/etc/dkimkeys", "/etc/mail/keys"]);
	const anew = { ...unit, [`${DROP_INS}/a.conf`]: "[Service]\nReadWritePaths=\nReadWritePaths=+/srv\n" };
	expect(await writes(anew)).toEqual(["/srv"]);
});

test("it is not told where the door is no unit", async () => {
	expect(await writes({})).toBeNull();
	expect(
		await writes({ "/etc/systemd/system/keyturn-apply@.service": UNIT }, "/root/keyturn.yaml"),
	).toBeNull();
});
