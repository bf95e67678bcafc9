import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ERROR_CODES } from "../../src/errors.ts";

const rows = readFileSync("docs/errors.md", "utf8")
	.split("\n")
	.filter((line) => line.startsWith("| `"))
	.map((line) => line.split("|").map((cell) => cell.trim()));

const sources = ["src", "providers"]
	.flatMap((root) => readdirSync(root, { recursive: true, encoding: "utf8" }).map((name) => join(root, name)))
	.filter((path) => path.endsWith(".ts") && path !== "src/errors.ts")
	.map((path) => readFileSync(path, "utf8"))
	.join("\n");

describe("docs/errors.md", () => {
	test("has exactly the codes that there are, in their order", () => {
		expect(rows.map(([, code]) => code?.replaceAll("`", ""))).toEqual(ERROR_CODES);
	});

	test.each(ERROR_CODES)("says what %s means and what to do", (code) => {
		const row = rows.find(([, name]) => name === `\`${code}\``);
		expect(row).toHaveLength(5);
		expect(row?.[2]?.length).toBeGreaterThan(20);
		expect(row?.[3]?.length).toBeGreaterThan(5);
	});

	test.each(ERROR_CODES.filter((code) => code !== "bug"))(
		"%s is raised somewhere, not only looked for",
		(code) => {
			const compared = new RegExp(`[!=]== "${code}"`, "g");
			expect(sources.replaceAll(compared, "")).toContain(`"${code}"`);
		},
	);
});
