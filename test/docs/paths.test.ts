import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

const documents = [".", "docs", "docs/guides"].flatMap((directory) =>
	readdirSync(directory)
		.filter((name) => name.endsWith(".md"))
		.map((name) => join(directory, name)),
);

/** In words: `src/main.ts`, `test/servers/NAME/` (a placeholder in capitals is none). */
const PATH = /`((?:src|test|providers|config|systemd|docs)\/[\w@./-]+)`/g;
const LINK = /\]\((?!https?:|#)([^)#\s]+)/g;

describe.each(documents)("%s", (document) => {
	const text = readFileSync(document, "utf8");

	test("names files that are there", () => {
		const named = [...text.matchAll(PATH)].map((match) => match[1] ?? "");
		const linked = [...text.matchAll(LINK)].map((match) => join(dirname(document), match[1] ?? ""));
		const real = [...named, ...linked].filter((path) => !/\bNAME\b/.test(path));
		expect(real.filter((path) => !existsSync(path))).toEqual([]);
	});

	test("has no line that a reader would have to scroll for, but in tables and code", () => {
		let isCode = false;
		const long = text.split("\n").filter((line) => {
			if (line.startsWith("```")) isCode = !isCode;
			return !isCode && !line.startsWith("|") && !line.startsWith("- ") && line.length > 130;
		});
		expect(long).toEqual([]);
	});
});

test("the documents are looked at", () => {
	expect(documents).toContain("README.md");
	expect(documents).toContain("docs/errors.md");
});

test("ARCHITECTURE.md has the folders of src/, and no others", () => {
	const text = readFileSync("ARCHITECTURE.md", "utf8");
	const plan = /\nsrc\/\n([^]*?)\nproviders\//.exec(text)?.[1] ?? "";
	const planned = [...plan.matchAll(/^ {2}([\w.-]+\/?) /gm)].map((match) => match[1]);
	const found = readdirSync("src", { withFileTypes: true }).map((entry) =>
		entry.isDirectory() ? `${entry.name}/` : entry.name,
	);
	expect(new Set(planned)).toEqual(new Set(found));
});
