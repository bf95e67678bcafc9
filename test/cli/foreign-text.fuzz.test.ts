/** Others' words on a terminal, in alerts and in the history: shown, never obeyed, and no line of theirs looks like ours. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { newHostState } from "../../src/agent/host-state.ts";
import { raise, tell } from "../../src/agent/troubles.ts";
import { nagiosReport } from "../../src/cli/doctor-nagios.ts";
import { doctorText } from "../../src/cli/doctor-text.ts";
import { finding } from "../../src/doctor/finding.ts";
import { history } from "../../src/cli/history.ts";
import { createProgress } from "../../src/cli/progress.ts";
import { render } from "../../src/cli/status.ts";
import { verify } from "../../src/cli/verify.ts";
import { inLocalTime, plain, wrap } from "../../src/report/words.ts";
import { inLines } from "../../src/dkim/foreign-text.ts";
import type { LookReport, ServerReport } from "../../src/ports/propagation.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { FakeTerminal } from "../fakes/fake-terminal.ts";
import { fuzzed, PATIENCE } from "../fuzz/fuzzing.ts";
import { anyText, NEVER_SHOWN } from "../fuzz/nasty-text.ts";

const NOW = new Date("2026-11-22T12:00:00Z");
/** How a line of ours begins; theirs stand behind or below, indented. */
const FORGED = "ok     202611._domainkey.example.com";
const foreign = fc.oneof(
	anyText,
	anyText.map((text) => `${text}\n${FORGED}\r\n${text}`),
	fc.constantFrom("9999-99-99T99:99:99Z", "0000-00-00T00:00:00Z", "2026-11-22T24:00:00.123456789Z"),
	fc.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
);

/** As `main` prints it. */
function isShown(printed: string): void {
	for (const line of plain(printed).split("\n")) {
		expect(line.replaceAll("\t", "")).not.toMatch(NEVER_SHOWN);
		expect(line.startsWith(FORGED)).toBe(false);
	}
}

test("a sentence with what looks like a time in it is told, whatever time that is", PATIENCE, () => {
	fc.assert(
		fc.property(foreign, (text) => {
			isShown(wrap(inLocalTime(`it said: ${text}`, "Europe/Berlin"), 79, "", "  "));
		}),
		fuzzed(200),
	);
	expect(inLocalTime("at 9999-99-99T99:99:99Z", "UTC")).toBe("at 9999-99-99T99:99:99Z");
});

test("the doctor shows others' words, in words and to a monitoring system", PATIENCE, () => {
	fc.assert(
		fc.property(foreign, foreign, foreign, (subject, summary, said) => {
			const findings = [
				finding("dns.warning", subject, { summary, advice: said, command: said }),
				finding("dns.warning", `${subject} 202611`, { summary, command: summary }),
			];
			isShown(doctorText(findings, { domains: 1, checks: 1 }));
			const report = nagiosReport({ at: NOW, domains: 1, oldestKeySeconds: null, findings });
			isShown(report);
			expect(report.split("\n")).toHaveLength(3);
			expect(report.split("|")).toHaveLength(2);
		}),
		fuzzed(200),
	);
});

test("the status shows others' words", PATIENCE, () => {
	fc.assert(
		fc.property(foreign, foreign, foreign, (one, two, three) => {
			const trouble = {
				event: "verification_failed",
				severity: "warning",
				domains: ["example.com"],
				summary: one,
				detail: two,
				hint: three,
				since: NOW.toISOString(),
			};
			const domain = {
				domain: "example.com",
				active: null,
				next: null,
				nextDueAt: null,
				failures: 0,
				keys: [],
				leaving: false,
				step: null,
			};
			const key = {
				selector: one,
				state: "active",
				since: NOW.toISOString(),
				algorithm: "rsa",
				bits: 2048,
				origin: "adopted",
				record: two,
				value: two,
				publishedAt: null,
				usedFrom: null,
				usedUntil: null,
				removableFrom: null,
				reason: three,
			} as const;
			const built = {
				schema: 1,
				at: NOW.toISOString(),
				host: "mx1",
				daemon: false,
				lastTickAt: null,
				undelivered: 0,
				unchecked: [],
				troubles: [trouble],
				domains: [
					{ ...domain, waits: [{ selector: null, until: null, reason: one }], damaged: null },
					{ ...domain, waits: [], damaged: two },
					{ ...domain, active: key, keys: [key], waits: [], step: three, damaged: null },
				],
			} as const;
			isShown(
				render(built, { timezoneOf: () => "Europe/Berlin", timezone: "UTC", daemonStart: "keyturn run" }),
			);
		}),
		fuzzed(100),
	);
});

test("verify shows others' words", PATIENCE, async () => {
	let shown = 0;
	await fc.assert(
		fc.asyncProperty(foreign, foreign, async (one, two) => {
			const world = new AgentWorld();
			const server: ServerReport = {
				server: one,
				address: two,
				outcome: "wrong_key",
				sentence: two,
				at: NOW.toISOString(),
				serial: 1,
				ttlSeconds: 60,
				txtRecords: 1,
				chunks: [1],
				signed: null,
			};
			const look: LookReport = {
				at: NOW.toISOString(),
				owner: one,
				zone: two,
				verdict: "wrong",
				summary: one,
				servers: [server, { ...server, outcome: "right" }],
				resolvers: [server],
				warnings: [one, two],
				negativeTtlSeconds: 300,
				dnssec: false,
			};
			const { context, terminal } = commandBench(world, {
				changes: { propagation: { ...world.ports.propagation, look: async () => Promise.resolve(look) } },
			});
			await verify(context, [], { json: false });
			const printed = terminal.results.join("\n");
			shown += printed.includes("FAIL") ? 1 : 0;
			isShown(printed);
		}),
		fuzzed(100),
	);
	expect(shown).toBeGreaterThan(0);
});

test("progress is one line a domain, and nothing else", PATIENCE, () => {
	fc.assert(
		fc.property(fc.array(foreign, { minLength: 1, maxLength: 4 }), (texts) => {
			const piped = new FakeTerminal({ isLive: false });
			createProgress(piped).show(texts.map((text) => `example.com: ${text}`));
			for (const line of piped.said) expect(line).not.toMatch(NEVER_SHOWN);
			const live = new FakeTerminal({ isLive: true });
			createProgress(live).show(texts.map((text) => `example.com: ${text}`));
			expect(live.drawn.replaceAll("\n", "")).not.toMatch(NEVER_SHOWN);
			expect(live.screen()).toHaveLength(texts.length);
		}),
		fuzzed(100),
	);
});

test("an alert and the history hold others' words as they may be printed", PATIENCE, async () => {
	await fc.assert(
		fc.asyncProperty(foreign, foreign, foreign, async (summary, detail, hint) => {
			const audience = { host: "mx1", sinks: [], newId: () => "1" };
			const telling = { severity: "warning", domains: ["example.com"], selector: "a" } as const;
			const words = { ...telling, summary, detail, hint };
			const trouble = { ...words, cause: "verify", event: "verification_failed" } as const;
			const told = [
				...tell(newHostState(NOW), NOW, audience, "recovered", words).history,
				...raise(newHostState(NOW), NOW, audience, trouble).history,
			];
			expect(told).toHaveLength(2);
			for (const event of told) {
				expect(event.summary).not.toMatch(NEVER_SHOWN);
				expect(JSON.stringify(event)).not.toMatch(NEVER_SHOWN);
			}
			const world = new AgentWorld();
			const { context, terminal } = commandBench(world, {
				changes: { store: { ...world.ports.store, history: async () => Promise.resolve(told) } },
			});
			await history(context, null, { json: false, limit: 10 });
			isShown(terminal.results.join("\n"));
		}),
		fuzzed(200),
	);
});

test(
	"JSON with others' words is still JSON that says the same once it is fit for a terminal",
	PATIENCE,
	() => {
		fc.assert(
			fc.property(fc.dictionary(anyText, foreign), (value) => {
				const printed = inLines(JSON.stringify(value, null, 2));
				expect(printed.replaceAll("\n", "")).not.toMatch(NEVER_SHOWN);
				expect(JSON.parse(printed)).toEqual(value);
			}),
			fuzzed(100),
		);
	},
);
