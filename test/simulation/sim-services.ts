/** The Services port over the simulated mail host, for one process: postfix and opendkim as units that may refuse. */

import { KeyturnError } from "../../src/errors.ts";
import type { ServiceInstance, Services } from "../../src/ports/services.ts";
import type { SimProcess } from "../fakes/sim-process.ts";
import type { MailHost } from "./mail-host.ts";
import type { SimTime } from "./sim-time.ts";

export interface ServiceFaults {
	/** How many of the next starts fail. */
	readonly failingStarts: { postfix: number; opendkim: number };
	/** How many of the next stops fail. */
	readonly failingStops: { postfix: number; opendkim: number };
	/** What holds every swap: a configuration that does not check, a held dpkg lock. */
	complaint: string | null;
	phase: "starting" | "running" | "stopping";
}

export interface DeadMan {
	/** Arms, or arms anew, the recovery that runs when nobody disarms it. */
	arm(afterMs: number): void;
	disarm(): void;
}

export function createSimServices(given: {
	readonly host: MailHost;
	readonly time: SimTime;
	readonly process: SimProcess;
	readonly faults: ServiceFaults;
	readonly deadMan: DeadMan;
	/** How long connections stay open over a reload. */
	readonly oldConnectionsMs: () => number;
	readonly onChange: (what: string) => void;
	/** An injected fault kept a service from starting or stopping. */
	readonly onRefusal: (service: string) => void;
}): Services {
	const { host, process, faults, onChange } = given;
	const isRunning = (service: string) =>
		service === "opendkim" ? host.signer.running : host.mailServer.running;
	const startedAt = (service: string) =>
		service === "opendkim" ? host.signer.startedAt : host.mailServer.startedAt;
	return {
		look: async (service) => {
			await process.before(`services.look ${service}`);
			const running = isRunning(service);
			const instance: ServiceInstance = {
				unit: unitOf(service),
				state: running ? "running" : "stopped",
				startedAt: running ? startedAt(service) : null,
			};
			return { service, instances: [instance] };
		},
		stop: async (service) => {
			await process.before(`services.stop ${service}`);
			if (take(faults.failingStops, service)) {
				given.onRefusal(service);
				throw failure(service, "stop", "timed out");
			}
			if (!isRunning(service)) return;
			if (service === "opendkim") host.stopSigner();
			else host.mailServer.running = false;
			onChange(`${service} stopped`);
		},
		start: async (service) => {
			await process.before(`services.start ${service}`);
			if (isRunning(service)) return;
			if (take(faults.failingStarts, service)) {
				given.onRefusal(service);
				throw failure(service, "start", "exited with status 78");
			}
			if (service === "opendkim") {
				if (host.startSigner() === "failed") throw failure(service, "start", "its tables do not parse");
			} else Object.assign(host.mailServer, { running: true, startedAt: given.time.wall() });
			onChange(`${service} started`);
		},
		reload: async (service) => {
			await process.before(`services.reload ${service}`);
			if (!isRunning(service)) throw failure(service, "reload", "it does not run");
			if (service === "opendkim") host.askReload(given.oldConnectionsMs());
			onChange(`${service} asked to reload`);
		},
		preflight: async (service) => {
			await process.before(`services.preflight ${service}`);
			return faults.complaint;
		},
		answers: async (service) => {
			await process.before(`services.answers ${service}`);
			return isRunning(service);
		},
		packageWork: async () => null,
		hostPhase: async () => {
			await process.before("services.hostPhase");
			return faults.phase;
		},
		armDeadMan: async (afterMs) => {
			await process.before("services.armDeadMan");
			given.deadMan.arm(afterMs);
		},
		disarmDeadMan: async () => {
			await process.before("services.disarmDeadMan");
			given.deadMan.disarm();
		},
	};
}

function unitOf(service: string): string {
	return service === "postfix" ? "postfix@-.service" : `${service}.service`;
}

function take(counts: { postfix: number; opendkim: number }, service: string): boolean {
	const name = service === "opendkim" ? "opendkim" : "postfix";
	if (counts[name] <= 0) return false;
	counts[name] -= 1;
	return true;
}

function failure(service: string, act: string, why: string): KeyturnError {
	return new KeyturnError("service.failed", `${unitOf(service)}: ${act} failed: ${why}`);
}
