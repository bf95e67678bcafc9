import type { AgentWorld } from "./agent-world.ts";

const MINUTE_MS = 60_000;

/** Keys that were made ahead are verified and due on 1 December at three, an hour after services were stopped for others; a new process is to tick. */
export async function dueSoonAfterStop(world: AgentWorld): Promise<void> {
	await world.tick();
	world.at = new Date("2026-12-01T02:58:00Z");
	world.restart();
	await world.advance(MINUTE_MS);
	world.lastPauseAt = "2026-12-01T02:00:00Z";
	world.at = new Date("2026-12-01T03:01:00Z");
	world.restart();
}
