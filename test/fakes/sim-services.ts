/** The services of a simulated host as its door sees them: units that run or do not, and what is told of each start and stop. */

import { KeyturnError } from "../../src/errors.ts";
import type { ServiceInstance, Services } from "../../src/ports/services.ts";
import type { SimProcess } from "./sim-process.ts";

export interface SimService {
	readonly service: string;
	state: ServiceInstance["state"];
	startedAt: Date | null;
	/** Throws where the program would not come up. */
	readonly onStart?: () => void;
	readonly onStop?: () => void;
	readonly onReload?: () => void;
	/** How many of the next stops, starts and reloads fail. */
	failingStops: number;
	failingStarts: number;
	failingReloads: number;
	/** What its preflight says. */
	complaint: string | null;
}

export class SimServices {
	readonly all = new Map<string, SimService>();
	phase: "starting" | "running" | "stopping" = "running";
	/** What shows that packages are being installed. */
	packageWork: string | null = null;
	isArmed = false;
	readonly calls: string[] = [];
	readonly #now: () => Date;

	constructor(now: () => Date) {
		this.#now = now;
	}

	add(service: string, hooks: Pick<SimService, "onStart" | "onStop" | "onReload"> = {}): SimService {
		const made: SimService = {
			...hooks,
			service,
			state: "stopped",
			startedAt: null,
			failingStops: 0,
			failingStarts: 0,
			failingReloads: 0,
			complaint: null,
		};
		this.all.set(service, made);
		return made;
	}

	of(service: string): SimService {
		const found = this.all.get(service);
		if (found === undefined) throw new KeyturnError("service.failed", `${service}: no such service`);
		return found;
	}

	runs(service: string): boolean {
		return this.of(service).state === "running";
	}

	start(service: string): void {
		const found = this.of(service);
		if (found.state === "running") return;
		if (found.state === "masked") throw new KeyturnError("service.failed", `${service} is masked`);
		if (found.failingStarts > 0) {
			found.failingStarts -= 1;
			found.state = "failed";
			throw new KeyturnError("service.failed", `${service}: exited with status 78`);
		}
		found.onStart?.();
		found.state = "running";
		found.startedAt = this.#now();
	}

	stop(service: string): void {
		const found = this.of(service);
		if (found.failingStops > 0) {
			found.failingStops -= 1;
			throw new KeyturnError("service.failed", `${service}: does not stop`);
		}
		found.state = "stopped";
		found.startedAt = null;
		found.onStop?.();
	}

	/** All processes are gone, as after a power loss. */
	powerOff(): void {
		for (const found of this.all.values()) {
			found.state = "stopped";
			found.startedAt = null;
			found.onStop?.();
		}
	}

	open(process: SimProcess): Services {
		const enter = async (call: string) => {
			await process.before(`services.${call}`);
			this.calls.push(call);
		};
		return {
			look: async (name) => {
				await enter(`look ${name}`);
				const service = name.replace(/\.service$/, "");
				const { state, startedAt } = this.of(service);
				return { service, instances: [{ unit: `${service}.service`, state, startedAt }] };
			},
			stop: async (service) => {
				await enter(`stop ${service}`);
				this.stop(service);
			},
			start: async (service) => {
				await enter(`start ${service}`);
				this.start(service);
			},
			reload: async (service) => {
				await enter(`reload ${service}`);
				if (!this.runs(service)) throw new KeyturnError("service.failed", `${service}: does not run`);
				if (this.of(service).failingReloads > 0) {
					this.of(service).failingReloads -= 1;
					throw new KeyturnError("service.failed", `${service}: does not reload`);
				}
				this.of(service).onReload?.();
			},
			preflight: async (service) => {
				await enter(`preflight ${service}`);
				return this.of(service).complaint;
			},
			answers: async (service) => {
				await enter(`answers ${service}`);
				return this.runs(service);
			},
			packageWork: async () => this.packageWork,
			hostPhase: async () => {
				await enter("hostPhase");
				return this.phase;
			},
			armDeadMan: async () => {
				await enter("armDeadMan");
				this.isArmed = true;
			},
			disarmDeadMan: async () => {
				await enter("disarmDeadMan");
				this.isArmed = false;
			},
		};
	}
}
