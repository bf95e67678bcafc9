/** What a fault does, and when: acts that move the clock to their moment and wait for what has to come of it. */

import type { AgentHost } from "../e2e/host/agent-host.ts";
import { eventually } from "../e2e/host/eventually.ts";
import { isActive, kill, runsAgain } from "../e2e/host/processes.ts";
import { type Alerts, nameOf } from "./alert-count.ts";
import type { Month } from "./calendar.ts";
import type { MailFlow } from "./mail-flow.ts";
import type { MovedClock } from "./moved-clock.ts";
import { eventsOf } from "./year-host.ts";

export interface World {
	readonly host: AgentHost;
	readonly clock: MovedClock;
	readonly mail: MailFlow;
	readonly month: Month;
	/** What became due by the way a fault went. */
	becomesDue(alerts: Alerts): void;
}

/** It moves the clock itself. */
export type Act = (world: World, at: Date) => Promise<void>;

export interface Fault {
	readonly name: string;
	/** By hours from the due date of the month. */
	readonly acts: ReadonlyMap<number, Act>;
	readonly due: Alerts;
}

/** When a turn is looked for, in hours from its due date. */
export const TURN = 0.02;
export const HOUR_MS = 3_600_000;

export const tick: Act = async ({ clock }, at) => clock.tickAt(at);

export function before(deed: (host: AgentHost) => Promise<unknown>): Act {
	return async ({ host, clock }, at) => {
		await deed(host);
		await clock.tickAt(at);
	};
}

export function hourly(from: number, to: number): readonly (readonly [number, Act])[] {
	return Array.from({ length: to - from + 1 }, (_, index) => [from + index, tick] as const);
}

export function later(clock: MovedClock, ms: number): Date {
	return new Date(clock.now().getTime() + ms);
}

export function killing(victim: "door" | "main"): Act {
	return async (world, at) => {
		const { host, clock } = world;
		await inThePause(world, at, async () => {
			if (!(await kill(host, victim))) throw new Error(`there was no ${victim} to kill`);
			if (victim === "main") await eventually("services run", async () => runsAgain(host));
			await clock.tickSoon();
		});
	};
}

/** The deed is done between stop and start of the switch at the turn; afterwards the services run. */
export async function inThePause(
	{ host, clock, mail }: World,
	at: Date,
	deed: () => Promise<void>,
): Promise<void> {
	await mail.expectingRefusals(async () => {
		await clock.moveTo(at);
		await eventually("OpenDKIM is being stopped", async () => !(await isActive(host, "opendkim")));
		await deed();
		await eventually("services run", async () => runsAgain(host), { seconds: 120 });
	});
}

export async function told(host: AgentHost, name: string): Promise<void> {
	await eventually(`told: ${name}`, async () =>
		(await eventsOf(host)).some((event) => nameOf(event) === name),
	);
}
