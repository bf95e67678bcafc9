import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseEvent } from "../../src/agent/host-state.ts";
import { EVENTS, TROUBLES } from "../../src/ports/alert-sink.ts";

const text = readFileSync("docs/alerts.md", "utf8");
const rows = text.split("\n").filter((line) => /^\| `\w+` \|/.test(line));
const agent = ["src/agent", "src/cli"]
	.flatMap((directory) => readdirSync(directory).map((name) => `${directory}/${name}`))
	.map((path) => readFileSync(path, "utf8"))
	.join("\n");

describe("docs/alerts.md", () => {
	test("has every event and trouble once, and no other", () => {
		const named = rows.map((row) => /`(\w+)`/.exec(row)?.[1]);
		expect(named).toHaveLength(EVENTS.length + TROUBLES.length);
		expect(new Set(named)).toEqual(new Set([...EVENTS, ...TROUBLES]));
	});

	test.each([...EVENTS, ...TROUBLES])("says whether %s is raised", (name) => {
		const isRaised = new RegExp(
			`\\btell\\("${name}"|\\bevent: (?:\\w+ \\? "\\w+" : )?"${name}"|\\? "${name}" :`,
		);
		const row = rows.find((line) => line.startsWith(`| \`${name}\` |`)) ?? "";
		expect(row.includes("*Not raised yet.*")).toBe(!isRaised.test(agent));
	});

	test.each([...EVENTS, ...TROUBLES])("says of %s what it means and what to do", (name) => {
		const cells = (rows.find((line) => line.startsWith(`| \`${name}\` |`)) ?? "").split(" | ");
		expect(cells.length).toBeGreaterThanOrEqual(3);
		expect(cells.at(-2)?.length).toBeGreaterThan(20);
		expect(cells.at(-1)?.length).toBeGreaterThan(8);
	});

	test("shows an event as it is kept and sent", () => {
		const example = /```json\n([^]*?)```/.exec(text)?.[1] ?? "";
		expect(() => parseEvent(JSON.parse(example), "event")).not.toThrow();
	});
});
