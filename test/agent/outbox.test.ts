import { expect, test } from "vitest";
import type { Undelivered } from "../../src/agent/host-state.ts";
import { nextDeliveries } from "../../src/agent/outbox.ts";
import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";

function waiting(sink: string, notBefore: string): Undelivered {
	return { sink, event: {} as KeyturnEvent, tries: 0, notBefore };
}

test("what stands behind an undelivered event wakes nobody before that event does", () => {
	const outbox = [
		waiting("web", "2026-11-01T04:00:00.000Z"),
		waiting("web", "2026-11-01T03:00:00.000Z"),
		waiting("gone", "2026-11-01T01:00:00.000Z"),
	];
	expect(nextDeliveries({ outbox }, [{ name: "web" }, { name: "email" }])).toEqual([
		new Date("2026-11-01T04:00:00.000Z"),
	]);
});
