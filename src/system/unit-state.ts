/** What `systemctl show` says of a unit, read into the states that a switch decides by. Pure. */

import type { ServiceInstance } from "../ports/services.ts";

export interface UnitReading {
	readonly unit: string;
	readonly isLoaded: boolean;
	readonly isMasked: boolean;
	readonly isActive: boolean;
	/** Neither active nor on the way anywhere. */
	readonly isDown: boolean;
	/** A oneshot that only says "active": Debian's postfix.service, which runs /bin/true. */
	readonly isDummy: boolean;
	/** Such a one that says "active". */
	readonly isWithoutProcess: boolean;
	readonly canReload: boolean;
	/** Below the root of the control groups; null while it has none. */
	readonly controlGroup: string | null;
	readonly instance: ServiceInstance;
	/** What systemd says about its end: `exit-code`, `start-limit-hit` … */
	readonly result: string;
}

export const UNIT_PROPERTIES = [
	"Id",
	"LoadState",
	"UnitFileState",
	"ActiveState",
	"SubState",
	"Type",
	"MainPID",
	"ControlGroup",
	"CanReload",
	"Result",
	"ExecMainStartTimestamp",
	"ActiveEnterTimestamp",
] as const;

type Block = ReadonlyMap<string, string>;

/** What `systemctl show` prints of each unit, those without an Id left out. */
export function parseProperties(output: string): readonly Block[] {
	return output
		.split(/\n{2,}/)
		.map(parseBlock)
		.filter((block) => block.has("Id"));
}

/** One reading per block of `TZ=UTC systemctl show`. */
export function parseUnits(output: string): readonly UnitReading[] {
	return parseProperties(output).map(readUnit);
}

/**
 * The units that a service counts as: every loaded instance `postfix@*.service`, and the service's own unit unless that
 * is only a dummy before its instances.
 */
export function instancesOf(units: readonly UnitReading[]): readonly UnitReading[] {
	const loaded = units.filter((unit) => unit.isLoaded || unit.isMasked);
	const instances = loaded.filter((unit) => unit.unit.includes("@"));
	const own = loaded.filter((unit) => !unit.unit.includes("@") && (instances.length === 0 || !unit.isDummy));
	return [...instances, ...own];
}

/** "Sun 2026-11-22 21:40:15 UTC", from some with microseconds; null for none. */
export function parseTimestamp(text: string): Date | null {
	const match = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,3})?)\d* UTC$/.exec(text);
	const at = match === null ? null : new Date(`${match[1]}T${match[2]}Z`);
	return at === null || Number.isNaN(at.getTime()) ? null : at;
}

/** Whether all that a unit runs is a `true` that only stands for others, by `systemctl show --property=ExecStart`. */
export function standsForOthers(output: string): boolean {
	const commands = [...output.matchAll(/^ExecStart=\{ path=(\S+) ;/gm)];
	return commands.length > 0 && commands.every(([, path = ""]) => path.endsWith("/true"));
}

export function parseHostPhase(output: string): "starting" | "running" | "stopping" | null {
	switch (output.trim()) {
		case "running":
		case "degraded":
			return "running";
		case "initializing":
		case "starting":
		// Somebody is at the rescue shell: no service is ours to touch.
		case "maintenance":
			return "starting";
		case "stopping":
			return "stopping";
		default:
			return null;
	}
}

function parseBlock(text: string): Block {
	const pairs = text.split("\n").flatMap((line) => {
		const equals = line.indexOf("=");
		return equals < 1 ? [] : [[line.slice(0, equals), line.slice(equals + 1)] as const];
	});
	return new Map(pairs);
}

function readUnit(block: Block): UnitReading {
	const get = (name: (typeof UNIT_PROPERTIES)[number]) => block.get(name) ?? "";
	const unit = get("Id");
	const active = get("ActiveState");
	const isMasked = get("LoadState") === "masked" || get("UnitFileState").startsWith("masked");
	const isDummy = get("Type") === "oneshot" && get("ControlGroup") === "" && get("MainPID") === "0";
	const isWithoutProcess = isDummy && active === "active";
	const state = stateOf(active, isMasked, isWithoutProcess);
	return {
		unit,
		isLoaded: get("LoadState") === "loaded",
		isMasked,
		isActive: !isDummy && (active === "active" || active === "reloading" || active === "refreshing"),
		isDown: active === "inactive" || active === "failed" || isWithoutProcess,
		isDummy,
		isWithoutProcess,
		canReload: get("CanReload") === "yes",
		controlGroup: get("ControlGroup") === "" ? null : get("ControlGroup"),
		instance: { unit, state, startedAt: state === "running" ? startedAt(get) : null },
		result: get("Result"),
	};
}

function stateOf(active: string, isMasked: boolean, isWithoutProcess: boolean): ServiceInstance["state"] {
	if (isMasked) return "masked";
	if (active === "failed") return "failed";
	if (active === "inactive" || isWithoutProcess) return "stopped";
	return active === "active" || active === "reloading" || active === "refreshing" ? "running" : "changing";
}

/** postfix has no main process that systemd knows; then the unit's own time is nearest. */
function startedAt(get: (name: (typeof UNIT_PROPERTIES)[number]) => string): Date | null {
	const main = get("MainPID") === "0" ? null : parseTimestamp(get("ExecMainStartTimestamp"));
	return main ?? parseTimestamp(get("ActiveEnterTimestamp"));
}
