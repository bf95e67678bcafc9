import { expect, test } from "vitest";
import { instancesOf, parseHostPhase, parseTimestamp, parseUnits } from "../../src/system/unit-state.ts";

/** As systemd 252 of Debian 12 says it. */
const DUMMY = `Type=oneshot
MainPID=0
Result=success
ExecMainStartTimestamp=Sun 2026-11-22 21:40:16.302681 UTC
ControlGroup=
Id=postfix.service
LoadState=loaded
ActiveState=active
SubState=exited
UnitFileState=disabled
ActiveEnterTimestamp=Sun 2026-11-22 21:40:16.304113 UTC
CanReload=yes
`;
const INSTANCE = `Type=forking
MainPID=0
Result=success
ExecMainStartTimestamp=
ControlGroup=/system.slice/system-postfix.slice/postfix@-.service
Id=postfix@-.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled-runtime
ActiveEnterTimestamp=Sun 2026-11-22 21:40:16.297154 UTC
CanReload=yes
`;
const OPENDKIM = `Type=forking
MainPID=92
Result=success
ExecMainStartTimestamp=Sun 2026-11-22 21:40:15.706975 UTC
ControlGroup=/system.slice/opendkim.service
Id=opendkim.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=disabled
ActiveEnterTimestamp=Sun 2026-11-22 21:40:15.723478 UTC
CanReload=yes
`;
const FAILED = `Type=forking
MainPID=0
Result=exit-code
ExecMainStartTimestamp=
ControlGroup=
Id=opendkim.service
LoadState=loaded
ActiveState=failed
SubState=failed
UnitFileState=disabled
ActiveEnterTimestamp=Sun 2026-11-22 21:40:15.723478 UTC
CanReload=yes
`;
const ABSENT = `Type=
MainPID=0
Result=success
ControlGroup=
Id=nosuch.service
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
CanReload=no
`;

const statesOf = (output: string) => instancesOf(parseUnits(output)).map(({ instance }) => instance);

test("postfix counts as its instances; its own unit is a dummy beside them", () => {
	expect(statesOf(`${DUMMY}\n${INSTANCE}`)).toEqual([
		{ unit: "postfix@-.service", state: "running", startedAt: new Date("2026-11-22T21:40:16.297Z") },
	]);
});

test("a dummy alone is not running, whatever it says: systemd forgets a stopped instance", () => {
	expect(statesOf(DUMMY)).toEqual([{ unit: "postfix.service", state: "stopped", startedAt: null }]);
	expect(parseUnits(DUMMY)[0]).toMatchObject({ isActive: false, isDown: true });
});

test("an own unit with processes counts beside its instances", () => {
	const real = OPENDKIM.replace("opendkim.service\nLoad", "postfix.service\nLoad");
	expect(statesOf(`${real}\n${INSTANCE}`).map(({ unit }) => unit)).toEqual([
		"postfix@-.service",
		"postfix.service",
	]);
});

test("a daemon's start is that of its main process", () => {
	expect(statesOf(OPENDKIM)).toEqual([
		{ unit: "opendkim.service", state: "running", startedAt: new Date("2026-11-22T21:40:15.706Z") },
	]);
	expect(parseUnits(OPENDKIM)[0]).toMatchObject({
		controlGroup: "/system.slice/opendkim.service",
		canReload: true,
	});
});

test.each([
	["failed", FAILED],
	["stopped", FAILED.replace("ActiveState=failed", "ActiveState=inactive")],
	["masked", OPENDKIM.replace("LoadState=loaded", "LoadState=masked")],
	["masked", FAILED.replace("UnitFileState=disabled", "UnitFileState=masked-runtime")],
	["changing", OPENDKIM.replace("ActiveState=active", "ActiveState=deactivating")],
	["changing", FAILED.replace("ActiveState=failed", "ActiveState=activating")],
	["running", OPENDKIM.replace("ActiveState=active", "ActiveState=reloading")],
])("tells %s", (state, output) => {
	expect(statesOf(output).map((instance) => instance.state)).toEqual([state]);
});

test("what systemd does not know is no instance", () => {
	expect(parseUnits(ABSENT)).toHaveLength(1);
	expect(statesOf(ABSENT)).toEqual([]);
	expect(parseUnits("")).toEqual([]);
});

test("reads times with and without microseconds, and none", () => {
	expect(parseTimestamp("Sun 2026-11-22 21:40:15 UTC")).toEqual(new Date("2026-11-22T21:40:15Z"));
	expect(parseTimestamp("Sun 2026-11-22 21:40:15.123999 UTC")).toEqual(new Date("2026-11-22T21:40:15.123Z"));
	expect(parseTimestamp("")).toBeNull();
	expect(parseTimestamp("Sun 2026-11-22 22:40:15 CET")).toBeNull();
});

test("no service is touched while the host starts, stops or is being rescued", () => {
	const phases = [
		"running",
		"degraded",
		"initializing",
		"starting",
		"maintenance",
		"stopping",
		"offline",
		"",
	];
	expect(phases.map((phase) => parseHostPhase(`${phase}\n`))).toEqual([
		"running",
		"running",
		"starting",
		"starting",
		"starting",
		"stopping",
		null,
		null,
	]);
});
