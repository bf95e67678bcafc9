import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { findDoorWrites, findRecovery, findRecoveryConditions } from "../../src/doctor/boot.ts";
import { checkRecovery } from "../../src/doctor/recovery.ts";
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

function diskWith(files: Readonly<Record<string, string>>) {
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
	return { read, list };
}

const writes = async (files: Readonly<Record<string, string>>, path = settings.path) =>
	findDoorWrites({ ...settings, path }, diskWith(files));
const conditions = async (files: Readonly<Record<string, string>>, path = settings.path) =>
	findRecoveryConditions({ ...settings, path }, diskWith(files));

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

const RECOVER = await readFile(new URL("../../systemd/keyturn-recover.service", import.meta.url), "utf8");
const BY_PACKAGE = "/usr/lib/systemd/system/keyturn-recover.service";

test("the boot repairs where its unit and its drop-ins say that the door has its papers", async () => {
	expect(await conditions({ [BY_PACKAGE]: RECOVER })).toEqual([`${settings.state}-door`]);
	const told = async (dropIn: string) =>
		conditions({
			[BY_PACKAGE]: RECOVER,
			"/etc/systemd/system/keyturn-recover.service.d/state.conf": `[Unit]\n${dropIn}\n`,
		});
	const ELSEWHERE = "ConditionDirectoryNotEmpty=/srv/keyturn-door/";
	expect(await told(ELSEWHERE)).toEqual(["/var/lib/keyturn-door", "/srv/keyturn-door"]);
	expect(await told(`ConditionDirectoryNotEmpty=\n${ELSEWHERE}`)).toEqual(["/srv/keyturn-door"]);
	expect(await told(`ConditionPathExists=\nConditionDirectoryNotEmpty=|/x\n`)).toEqual([]);
	expect(await conditions({})).toBeNull();
	expect(await conditions({ [BY_PACKAGE]: RECOVER }, "/root/keyturn.yaml")).toBeNull();
});

test("the drop-in that doctor gives has the boot repair where the door has its papers", async () => {
	const moved = { ...settings, state: "/srv/keyturn" };
	const found = (recoveryConditions: readonly string[] | null) =>
		checkRecovery(healthyFacts({ settings: moved, recoveryConditions }));
	const [{ code, command } = { code: null, command: "" }] = found(
		await conditions({ [BY_PACKAGE]: RECOVER }),
	);
	expect(code).toBe("recovery.skipped");
	const [, text = "", path = ""] = /printf '(.*)' > (\S+)/.exec(command ?? "") ?? [];
	const dropIn = { [path]: text.replaceAll("\\n", "\n") };
	const after = await conditions({ [BY_PACKAGE]: RECOVER, ...dropIn });
	expect(after).toEqual(["/srv/keyturn-door"]);
	expect(found(after)).toEqual([]);
});
