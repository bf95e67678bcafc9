/** A systemd small enough to lie on purpose: units with processes, starts that fail, stops that leave somebody alive. */

import type { ProgramRequest, ProgramResult, Programs } from "../../src/ports/programs.ts";

export interface FakeUnit {
	active: "active" | "inactive" | "failed" | "activating";
	type?: string;
	/** Whether its control group has processes. */
	processes: boolean;
	masked?: boolean;
	canReload?: boolean;
	/** Units that systemd stops along with it. */
	requiredBy?: readonly string[];
	/** What it runs at its start; /bin/true unless said. */
	command?: string;
	/** What `start` leads to; "active" unless said. */
	startsTo?: FakeUnit["active"];
	/** Stopped units stay populated for so many looks. */
	lingers?: number;
}

export interface FakeSystemd extends Programs {
	readonly units: Map<string, FakeUnit>;
	/** Every program run, as one line. */
	readonly calls: string[];
	phase: string;
	/** Whether somebody has started Postfix without it. */
	hasPostfixByHand: boolean;
	/** As /sys/fs/cgroup would have it. */
	populated(path: string): boolean;
}

export function createFakeSystemd(units: Readonly<Record<string, FakeUnit>>): FakeSystemd {
	const fake: FakeSystemd = {
		units: new Map(Object.entries(units)),
		calls: [],
		phase: "running",
		hasPostfixByHand: false,
		populated: (path) => {
			const unit = [...fake.units].find(([name]) => path === groupOf(name))?.[1];
			if (unit === undefined) return false;
			if ((unit.lingers ?? 0) > 0 && unit.active !== "active") {
				unit.lingers = (unit.lingers ?? 0) - 1;
				return true;
			}
			return unit.processes;
		},
		run: async (request) => answer(fake, request),
	};
	return fake;
}

function answer(fake: FakeSystemd, { argv, env }: ProgramRequest): ProgramResult {
	const words = argv.slice(1).filter((word) => word !== "--no-pager" && word !== "--no-ask-password");
	const names = words.slice(words.indexOf("--") + 1);
	const [verb = ""] = words;
	// That of RHEL 8 is systemd 239.
	const unknown = words.find((word) => word.startsWith("--timestamp"));
	if (unknown !== undefined)
		return { ...ended(1, ""), stderr: `systemctl: unrecognized option '${unknown}'\n` };
	if (verb !== "show" && verb !== "is-system-running") fake.calls.push(`${verb} ${names.join(" ")}`);
	if (names.at(-1) === "status") return ended(fake.hasPostfixByHand ? 0 : 1, "");
	if (verb === "is-system-running") return ended(fake.phase === "running" ? 0 : 1, `${fake.phase}\n`);
	const matching = [...fake.units].filter(([name]) => names.some((pattern) => matches(pattern, name)));
	if (verb === "show")
		return ended(0, matching.map(([name, unit]) => describe(name, unit, env?.["TZ"])).join("\n"));
	for (const [, unit] of matching) act(fake, verb, unit);
	// As Debian's dummy does: it always says that all went well.
	return ended(0, "");
}

function act(fake: FakeSystemd, verb: string, unit: FakeUnit): void {
	if (verb === "start" && unit.masked !== true) unit.active = unit.startsTo ?? "active";
	if (verb === "start") unit.processes = unit.active === "active" && unit.type !== "oneshot";
	if (verb !== "stop") return;
	unit.active = "inactive";
	unit.processes = false;
	for (const name of unit.requiredBy ?? []) {
		const dependent = fake.units.get(name);
		if (dependent !== undefined && dependent.active !== "inactive") act(fake, "stop", dependent);
	}
}

function describe(name: string, unit: FakeUnit, zone = "CET"): string {
	return [
		`Id=${name}`,
		`LoadState=${unit.masked === true ? "masked" : "loaded"}`,
		`ActiveState=${unit.active}`,
		`Type=${unit.type ?? "forking"}`,
		"MainPID=0",
		`RequiredBy=${(unit.requiredBy ?? []).join(" ")}`,
		`ControlGroup=${unit.processes ? groupOf(name) : ""}`,
		`CanReload=${unit.canReload === false ? "no" : "yes"}`,
		"Result=success",
		`ExecStart={ path=${unit.command ?? "/bin/true"} ; argv[]=${unit.command ?? "/bin/true"} up ; ignore_errors=no }`,
		`ActiveEnterTimestamp=Sun 2026-11-22 21:40:15 ${zone}`,
		"",
	].join("\n");
}

function groupOf(name: string): string {
	return `/system.slice/${name}`;
}

function matches(pattern: string, name: string): boolean {
	const star = pattern.indexOf("*");
	if (star < 0) return pattern === name;
	return name.startsWith(pattern.slice(0, star)) && name.endsWith(pattern.slice(star + 1));
}

function ended(status: number, stdout: string): ProgramResult {
	return { status, signal: null, stdout, stderr: "" };
}
