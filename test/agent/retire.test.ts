import { describe, expect, it } from "vitest";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });

describe("a key file that the door does not delete", () => {
	it("is a trouble with a start and an end", async () => {
		const world = new AgentWorld([{ ...quick, schedule: scheduleOf("0 3 1 6 *") }]);
		await world.wish(["example.com"]);
		await world.tick();
		world.pass(MINUTE_MS);
		await world.wish(["example.com"], "w2");
		await world.tick();
		let isKept = true;
		world.refuse = (request) =>
			request.act === "drop" && isKept
				? {
						act: "drop",
						keys: request.keys.map((key) => ({ ...key, gone: false, reason: "a live table names it" })),
					}
				: null;
		for (const days of [15, 91]) {
			world.pass(days * DAY_MS);
			await world.tick();
		}
		expect(world.told("retire_failed")).toEqual(["start"]);
		const told = world.events.find((event) => event.event === "retire_failed");
		expect(told?.summary).toContain("key file");
		expect(told?.detail).toContain("a live table names it");
		isKept = false;
		world.pass(DAY_MS);
		await world.tick();
		expect(world.told("retire_failed").at(-1)).toBe("end");
	});
});
