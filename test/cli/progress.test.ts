import { describe, expect, test } from "vitest";
import { createProgress } from "../../src/cli/progress.ts";
import { FakeTerminal } from "../fakes/fake-terminal.ts";

describe("in a pipe", () => {
	test("each change is a line, and nothing is said twice in a row", () => {
		const terminal = new FakeTerminal({ isLive: false });
		const progress = createProgress(terminal);
		progress.show(["a: one", "b: one"]);
		progress.show(["a: one", "b: two"]);
		progress.note("the daemon has been asked");
		progress.show(["a: one", "b: two"]);
		progress.end();
		expect(terminal.said).toEqual(["a: one", "b: one", "b: two", "the daemon has been asked"]);
		expect(terminal.drawn).toBe("");
	});
});

describe("at a terminal", () => {
	test("the lines are drawn over one another, and leave nothing behind", () => {
		const terminal = new FakeTerminal({ isLive: true });
		const progress = createProgress(terminal);
		progress.show(["a: one", "b: one"]);
		expect(terminal.screen()).toEqual(["a: one", "b: one"]);
		progress.show(["a: two", "b: one", "c: one"]);
		expect(terminal.screen()).toEqual(["a: two", "b: one", "c: one"]);
		progress.show(["a: three"]);
		expect(terminal.screen()).toEqual(["a: three"]);
		progress.note("the daemon has been asked");
		expect(terminal.screen()).toEqual(["the daemon has been asked", "a: three"]);
		progress.show(["a: four"]);
		expect(terminal.screen()).toEqual(["the daemon has been asked", "a: four"]);
		progress.end();
		expect(terminal.screen()).toEqual(["the daemon has been asked"]);
	});

	test("what is said once is broken between words, and the lines stay below it", () => {
		const terminal = new FakeTerminal({ isLive: true, columns: 20 });
		const progress = createProgress(terminal);
		progress.show(["a: one"]);
		progress.note("the next tick goes on with it");
		expect(terminal.screen()).toEqual(["the next tick goes", "  on with it", "a: one"]);
	});

	test("no line wraps, scrolls the first away, or brings escape sequences", () => {
		const terminal = new FakeTerminal({ isLive: true, columns: 20, rows: 6 });
		createProgress(terminal).show(
			Array.from({ length: 30 }, (_, index) => `${index} \u001b[2J\n${"long ".repeat(9)}`),
		);
		const lines = terminal.screen();
		expect(lines).toHaveLength(4);
		for (const line of lines) expect(line.length).toBeLessThan(20);
		expect(lines[0]).toBe("0 \\u001b[2J long l…");
	});
});
