/** What has to be true before anything is stopped: nobody else's fault may become our outage. */

import { hashOfFile } from "../durable.ts";
import type { RefusedAnswer } from "../ports/door.ts";
import type { ServiceInstance } from "../ports/services.ts";
import type { SignerReading } from "../ports/signer.ts";
import { signerNamed, type SwapContext } from "./context.ts";
import type { RanService } from "./journal.ts";
import { refuse } from "./refusal.ts";
import { readLeft } from "./results.ts";

/** Managers tell the start of a process in whole seconds. */
const ROUNDING_MS = 1_000;

/** Why no service may be touched now; null if they may. */
export async function refuseByHost({ services }: SwapContext): Promise<RefusedAnswer | null> {
	const phase = await services.hostPhase();
	if (phase !== "running")
		return refuse("not_now", `the host is ${phase}: no service is touched`, {
			hint: phase === "starting" ? "what it still waits for: systemctl list-jobs" : null,
		});
	const work = await services.packageWork();
	if (work === null) return null;
	return refuse(
		"packages",
		`packages are being installed (${work}): no service is touched until that is over`,
	);
}

/** Which units of the service run; a refusal while it is changing. */
export async function lookAtService(
	{ services }: SwapContext,
	service: string,
): Promise<{ readonly ran: RanService; readonly instances: readonly ServiceInstance[] } | RefusedAnswer> {
	const { instances } = await services.look(service);
	const changing = instances.find(({ state }) => state === "changing");
	if (changing !== undefined) return refuse("not_now", `${changing.unit} is just being started or stopped`);
	const running = instances.filter(({ state }) => state === "running");
	return { ran: { service, units: running.map(({ unit }) => unit) }, instances: running };
}

export async function refuseByPreflight(
	context: SwapContext,
	name: string,
	reading: SignerReading,
	running: readonly ServiceInstance[],
	services: readonly string[],
): Promise<RefusedAnswer | null> {
	const domains = reading.lines.map((line) => line.domain);
	for (const service of services) {
		const why = await context.services.preflight(service);
		if (why !== null) return refuse("preflight", `${service}: ${why}`);
	}
	const why = await signerNamed(context, name).signer.preflight();
	if (why !== null) return refuse("preflight", `signer ${name}: ${why}`, { domains });
	const newer = await findNewer(context, reading, running);
	if (newer === null) return null;
	const { path, modifiedAt } = newer;
	return refuse("preflight", `${path}: it was changed since the signer was started`, {
		domains,
		hint:
			modifiedAt > context.clock.now()
				? `its time is ${modifiedAt.toISOString()}, in the future: touch it, then restart the signer once by hand`
				: "restart the signer once by hand, so that a fault in it does not show in the middle of a switch",
	});
}

/** A file of the signer's configuration that its process has never read, unless the last switch left it so. */
async function findNewer(
	context: SwapContext,
	reading: SignerReading,
	running: readonly ServiceInstance[],
): Promise<{ readonly path: string; readonly modifiedAt: Date } | null> {
	const starts = running.flatMap(({ startedAt }) => (startedAt === null ? [] : [startedAt.getTime()]));
	if (starts.length === 0) return null;
	const startedAt = Math.min(...starts);
	const { files: left } = await readLeft(context);
	const { configuration, takenUp = [], files } = reading;
	for (const path of new Set([...configuration, ...takenUp, ...files.map((file) => file.path)])) {
		const stat = await context.disk.stat(path);
		if (stat === null || stat.modifiedAt.getTime() <= startedAt + ROUNDING_MS) continue;
		const hash = await hashOfFile(context.disk, path);
		const real = (await context.disk.realpath(path)) ?? path;
		if (hash === null || left[real] !== hash) return { path, modifiedAt: stat.modifiedAt };
	}
	return null;
}
