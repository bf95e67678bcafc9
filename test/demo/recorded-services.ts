/** Stands in for systemd: the signer is really stopped and started, around the mail server whatever the demo does. */

import type { Services } from "../../src/ports/services.ts";

export interface ServiceUnit {
	start(): Promise<void>;
	stop(): Promise<void>;
}

/** By the real clock: what the services' start is compared with are the times of files. */
export function createRecordedServices(
	units: ReadonlyMap<string, ServiceUnit>,
	/** Each act once it is done. */
	record: (act: "stop" | "start", service: string) => void,
): Services {
	const started = new Map<string, Date>();
	const unitOf = (service: string): ServiceUnit => {
		const unit = units.get(service);
		if (unit === undefined) throw new Error(`${service}: no such service in the demo`);
		return unit;
	};
	return {
		async look(service) {
			const startedAt = started.get(service) ?? null;
			const state = startedAt === null ? "stopped" : "running";
			return { service, instances: [{ unit: service, state, startedAt }] };
		},
		async stop(service) {
			if (!started.has(service)) return;
			await unitOf(service).stop();
			started.delete(service);
			record("stop", service);
		},
		async start(service) {
			if (started.has(service)) return;
			await unitOf(service).start();
			started.set(service, new Date());
			record("start", service);
		},
		reload: async (service) => {
			throw new Error(`${service}: the demo switches by restart`);
		},
		preflight: async () => null,
		packageWork: async () => null,
		answers: async () => true,
		hostPhase: async () => "running",
		armDeadMan: async () => undefined,
		disarmDeadMan: async () => undefined,
	};
}
