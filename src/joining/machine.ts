/** This machine, for the agent and the commands: what is cheap at once, what takes its time to load when it is first asked for. */

import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { TakeLock } from "../ports/lock.ts";
import type { Log } from "../ports/log.ts";
import type { Programs } from "../ports/programs.ts";
import type { Propagation } from "../ports/propagation.ts";
import type { Random } from "../ports/random.ts";
import type { Resolver } from "../ports/resolver.ts";
import type { Meters } from "../report/meters.ts";
import { createSystemClock } from "../system/clock.ts";
import { createSystemDisk } from "../system/disk.ts";
import { createTakeLock } from "../system/lock.ts";
import { createPulse, type Pulse } from "../system/pulse.ts";
import { createSystemRandom } from "../system/random.ts";

export interface Machine {
	readonly clock: Clock;
	readonly random: Random;
	readonly disk: Disk;
	readonly takeLock: TakeLock;
	/** Tells by the calls of the watched ports whether the agent gets on. */
	readonly pulse: Pulse;
	readonly propagation: Propagation;
	readonly log: () => Promise<Log>;
	readonly programs: () => Promise<Programs>;
	/** Whose ends are no sign that the agent gets on. */
	readonly unwatchedPrograms: () => Promise<Programs>;
	readonly resolver: () => Promise<Resolver>;
	readonly meters: () => Promise<Meters>;
}

/** `isDaemon` is asked when something is logged for the first time: a daemon tells all, a command its errors. */
export function createMachine(isDaemon: () => boolean): Machine {
	const clock = createSystemClock();
	const pulse = createPulse(clock);
	const random = createSystemRandom();
	const unwatchedPrograms = once(async () => (await import("../system/programs.ts")).createSystemPrograms());
	const resolver = once(async () => {
		const { createWireResolver } = await import("../dns/wire-resolver.ts");
		const { readSystemResolvers } = await import("../system/resolv-conf.ts");
		const { createWire } = await import("../system/wire.ts");
		return createWireResolver({
			wire: pulse.watch(createWire()),
			random,
			clock,
			systemServers: () => readSystemResolvers(),
		});
	});
	const openPropagation = once(async () => {
		const { createPropagation } = await import("../dns/propagation.ts");
		return createPropagation({ resolver: await resolver(), clock });
	});
	return {
		clock,
		random,
		disk: pulse.watch(createSystemDisk()),
		takeLock: pulse.watch({ takeLock: createTakeLock(clock) }).takeLock,
		pulse,
		propagation: {
			look: async (request, signal) => (await openPropagation()).look(request, signal),
			vacancy: async (domain, selector, verify, signal) =>
				(await openPropagation()).vacancy(domain, selector, verify, signal),
		},
		log: once(async () => {
			const { createLog } = await import("../system/log.ts");
			return createLog(
				isDaemon() ? { level: "info", destination: "stdout" } : { level: "error", destination: "stderr" },
			);
		}),
		programs: once(async () => pulse.watch(await unwatchedPrograms())),
		unwatchedPrograms,
		resolver,
		meters: once(async () => (await import("../report/meters.ts")).createMeters(clock)),
	};
}

/** Made at the first asking, the same for all. */
export function once<Made>(make: () => Promise<Made>): () => Promise<Made> {
	let made: Promise<Made> | null = null;
	return () => (made ??= make());
}
