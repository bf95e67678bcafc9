import { expect, test } from "vitest";
import { beat, beatOf } from "../../src/agent/heartbeat.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { AlertSink, Beat } from "../../src/ports/alert-sink.ts";
import { AgentWorld } from "../fakes/agent-world.ts";

const { signal } = new AbortController();
const domain = (name: string, error: KeyturnError | null = null) => ({
	domain: name,
	state: null,
	did: [],
	waits: [],
	error,
});

test("a domain that failed makes the tick a failure, and says why", () => {
	const failed = new KeyturnError("dns.failed", "no server answers");
	expect(beatOf({ domains: [domain("a.test"), domain("b.test", failed)], nextAt: null })).toEqual({
		phase: "fail",
		text: "b.test: no server answers",
	});
	expect(beatOf({ domains: [domain("a.test"), domain("b.test")], nextAt: null })).toMatchObject({
		phase: "success",
	});
	expect(beatOf("held")).toMatchObject({ phase: "success" });
});

test("one receiver that is down keeps neither the others nor the tick", async () => {
	const got: Beat[] = [];
	const sink = (name: string, given: AlertSink["beat"]): AlertSink => ({
		name,
		on: [],
		repeatMs: 0,
		deliver: () => Promise.resolve(undefined),
		...(given === undefined ? {} : { beat: given }),
	});
	const world = new AgentWorld();
	const down = sink("down", () => Promise.reject(new KeyturnError("alert.undelivered", "gone")));
	const up = sink("up", async (one) => void got.push(one));
	await beat(
		{ ...world.ports, sinks: [down, up, sink("events only", undefined)] },
		{ phase: "start", text: "" },
		signal,
	);
	expect(got).toEqual([{ phase: "start", text: "" }]);
});
