import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FINDINGS } from "../../src/doctor/finding.ts";

const rows = readFileSync("docs/doctor.md", "utf8")
	.split("\n")
	.filter((line) => line.startsWith("| `"))
	.map((line) => line.split("|").map((cell) => cell.trim()));

describe("docs/doctor.md", () => {
	test("has exactly the codes that there are, in their order, each as grave as it is", () => {
		expect(rows.map(([, code, severity]) => [code?.replaceAll("`", ""), severity])).toEqual(
			Object.entries(FINDINGS),
		);
	});

	test.each(Object.keys(FINDINGS))("says what %s means and what to do", (code) => {
		const row = rows.find(([, name]) => name === `\`${code}\``);
		expect(row).toHaveLength(6);
		expect(row?.[3]?.length).toBeGreaterThan(20);
		expect(row?.[4]?.length).toBeGreaterThan(5);
	});
});
