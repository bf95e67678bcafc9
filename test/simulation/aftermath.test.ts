import { describe, expect, it } from "vitest";
import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";
import { type Aftermath, neverSilent } from "./aftermath.ts";

const AT = "2026-11-01T05:00:00.000Z";

function eventOf(changes: Partial<KeyturnEvent>): KeyturnEvent {
	return {
		event: "switched",
		phase: null,
		severity: "info",
		at: AT,
		trouble: null,
		domains: ["a.test"],
		summary: "mail is signed with 202611",
		...changes,
	} as KeyturnEvent;
}

const NEWS = eventOf({});
const FAILED = eventOf({
	event: "retire_failed",
	phase: "start",
	severity: "critical",
	trouble: "retire a.test",
	summary: "the record was not emptied",
});

function after(changes: Partial<Aftermath>): Aftermath {
	return {
		silentWaits: [],
		lastSwitchMs: new Map(),
		toldByMs: new Map(),
		delivered: new Map(),
		full: new Set(),
		halves: new Set(),
		broken: new Set(),
		...changes,
	} as unknown as Aftermath;
}

describe("never silent, once the trouble is over", () => {
	it("finds what one sink alone was told, but for news where so much waited that the oldest were given up", () => {
		const delivered = (told: KeyturnEvent) =>
			new Map([
				["webhook", [told]],
				["email", []],
			]);
		const full = new Set(["email"]);
		expect(neverSilent(after({ delivered: delivered(NEWS) }))).toEqual([
			expect.stringMatching(/^email never got/),
		]);
		expect(neverSilent(after({ delivered: delivered(NEWS), full }))).toEqual([]);
		expect(neverSilent(after({ delivered: delivered(NEWS), full: new Set(["webhook"]) }))).toHaveLength(1);
		expect(neverSilent(after({ delivered: delivered(FAILED), full, halves: new Set(["a.test"]) }))).toEqual([
			expect.stringMatching(/^email never got retire_failed/),
		]);
	});

	it("has a line that was left in a key table told, and nothing else stand", () => {
		const halves = new Set(["a.test"]);
		const delivered = new Map([["webhook", [FAILED]]]);
		expect(neverSilent(after({ delivered, halves }))).toEqual([]);
		expect(neverSilent(after({ delivered }))).toEqual([expect.stringContaining("its end was not told")]);
		expect(neverSilent(after({ halves }))).toEqual([expect.stringContaining("nobody was told")]);
		const drifted = new Map([
			["webhook", [FAILED, { ...FAILED, event: "drift_detected" as const, trouble: "drift" }]],
		]);
		expect(neverSilent(after({ delivered: drifted, halves }))).toEqual([
			expect.stringContaining("drift_detected of a.test is over"),
		]);
	});
});
