/**
 * Starts again what systemd stops together with a service: units that require it or are part of it go down with it, and do not
 * come up with it (systemd.unit(5): Requires=, Requisite=, BindsTo=, PartOf=, StopPropagatedFrom=).
 */

import { asKeyturnError } from "../errors.ts";
import type { Log } from "../ports/log.ts";
import type { Programs } from "../ports/programs.ts";
import type { Services } from "../ports/services.ts";
import { parseProperties } from "./unit-state.ts";

/** Each names the units that have one of these towards the unit asked for. */
const RELATIONS = ["RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo"] as const;
const UP: ReadonlySet<string> = new Set(["active", "activating", "reloading", "refreshing"]);
const SYSTEMCTL = "/usr/bin/systemctl";
const DEADLINE_MS = 20_000;
const NEVER = new AbortController().signal;

export interface DependentUnits {
	readonly programs: Programs;
	readonly log: Log;
	/** Services that are started in their own time. */
	readonly own: readonly string[];
}

/**
 * Each is started once all those services run that it went down with: it may require another one, which would come up with it
 * before its time. Whoever dies before that forgets them.
 */
export function keepDependents(services: Services, { programs, log, own }: DependentUnits): Services {
	/** What went down, with the services that it went down with and that do not run yet. */
	const down = new Map<string, Set<string>>();
	const systemctl = async (args: readonly string[]) =>
		programs.run({ argv: [SYSTEMCTL, "--no-pager", ...args], timeoutMs: DEADLINE_MS }, NEVER);
	const show = async (units: readonly string[]) => {
		const properties = `--property=${["Id", "ActiveState", ...RELATIONS].join(",")}`;
		return parseProperties((await systemctl(["show", properties, "--", ...units])).stdout);
	};
	/** Those that run, or ran until another service was stopped, and what goes down with them in turn. */
	const note = async (service: string, units: readonly string[]): Promise<void> => {
		const seen = new Set(units);
		for (let asked = units; asked.length > 0; ) {
			const named = (await show(asked)).flatMap((unit) =>
				RELATIONS.flatMap((relation) => (unit.get(relation) ?? "").split(" ")),
			);
			const found = [...new Set(named)].filter((unit) => unit !== "" && !seen.has(unit) && !isOf(unit, own));
			for (const unit of found) seen.add(unit);
			const states = found.length === 0 ? [] : await show(found);
			asked = states.flatMap((unit) => {
				const id = unit.get("Id") ?? "";
				return UP.has(unit.get("ActiveState") ?? "") || down.has(id) ? [id] : [];
			});
			for (const unit of asked) down.set(unit, new Set([...(down.get(unit) ?? []), service]));
		}
	};
	const startAgain = async (service: string): Promise<void> => {
		const again: string[] = [];
		for (const [unit, waitsFor] of down) {
			waitsFor.delete(service);
			if (waitsFor.size > 0) continue;
			down.delete(unit);
			// A target would bring up what else it wants, and somebody may have stopped that.
			if (!unit.endsWith(".target")) again.push(unit);
		}
		if (again.length === 0) return;
		log.info("starting what stopped with a service", { service, units: again });
		await systemctl(["start", "--no-block", "--", ...again.sort()]);
	};
	/** Whatever becomes of them, the switch goes on. */
	const quietly = async (what: string, act: () => Promise<unknown>): Promise<void> => {
		try {
			await act();
		} catch (error) {
			log.warn(what, { error: asKeyturnError(error) });
		}
	};
	return {
		...services,
		async stop(service, units) {
			if (units.length > 0)
				await quietly("what stops with a service cannot be told", async () => note(service, units));
			await services.stop(service, units);
		},
		async start(service, units) {
			await services.start(service, units);
			await quietly("what stopped with a service was not started", async () => startAgain(service));
		},
	};
}

/** A unit of a service, or an instance of it. */
function isOf(unit: string, services: readonly string[]): boolean {
	return services.some((service) => {
		const name = service.replace(/\.service$/, "");
		return unit === `${name}.service` || (unit.startsWith(`${name}@`) && unit.endsWith(".service"));
	});
}
