/** Whether a write of a whole zone has lost hosts of others, known once its hosts were read again: the answer alone proves nothing. */

import { KeyturnError } from "../../src/errors.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Host } from "./answers.ts";

export interface KeptHosts {
	/** Before a write: what it sends again, and where the zone is kept as it was. */
	note(zone: string, hosts: readonly Host[], copy: string): void;
	/** The write was not carried out. */
	forget(zone: string): void;
	/**
	 * Fails with `provider.loss` where hosts of the last write are not among those shown. Once all were there nothing is compared
	 * any more, and hours after the first failure neither: whoever takes a host out later does so by himself. `services`: what
	 * is shown apart, asked for where the write had some.
	 */
	compare(zone: string, shown: readonly Host[], services: () => Promise<readonly Host[]>): Promise<void>;
}

/** Longer than the agent's longest pause between two attempts, of which the first may have told it as "unknown". */
const TOLD_MS = 3 * 3_600_000;

interface Write {
	readonly hosts: readonly Host[];
	readonly copy: string;
	/** On the clock that never goes back; null before the first comparison. */
	toldUntilMs: number | null;
}

export function createKeptHosts(provider: string, clock: Clock): KeptHosts {
	const writes = new Map<string, Write>();
	return {
		note: (zone, hosts, copy) => void writes.set(zone, { hosts, copy, toldUntilMs: null }),
		forget: (zone) => void writes.delete(zone),
		async compare(zone, shown, services) {
			const write = writes.get(zone);
			if (write === undefined) return;
			write.toldUntilMs ??= clock.uptimeMs() + TOLD_MS;
			if (clock.uptimeMs() >= write.toldUntilMs) return void writes.delete(zone);
			const apart = write.hosts.some(({ type }) => type === "SRV") ? await services() : [];
			const there = new Set([...shown, ...apart].map(identityOf));
			const lost = write.hosts.map(identityOf).filter((identity) => !there.has(identity));
			if (lost.length === 0) return void writes.delete(zone);
			throw new KeyturnError(
				"provider.loss",
				`${provider}: ${zone} was written, and no longer shows ${lost.join(", ")}`,
				{ hint: `put it back by hand: ${write.copy} has the whole zone as it was` },
			);
		},
	};
}

function identityOf({ name, type, address }: Host): string {
	return `${name} ${type} ${address}`;
}
