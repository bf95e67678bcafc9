/** The fenced blocks of the documents: what is to be typed, what a program answers, and what is only to be read. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Block {
	readonly document: string;
	/** Of the opening fence, from 1. */
	readonly line: number;
	/** `sh` is typed by a reader as root; everything else is read. */
	readonly language: string;
	readonly text: string;
	/** What the block before it prints: a `text` block with nothing but blank lines between. */
	readonly answers: Block | null;
}

/** The documents with blocks to be typed, in the order in which test/e2e/documents.test.ts runs them on one host. */
export const RUN = [
	"README.md",
	"docs/guides/opendkim-short-names.md",
	"docs/guides/opendkim-ed25519.md",
	"docs/guides/first-rotation.md",
	"docs/doctor.md",
	"docs/monitoring.md",
	"docs/emergency.md",
	"docs/providers.md",
	"docs/signers.md",
	"docs/guides/opendkim-one-key.md",
	"docs/guides/opendkim-directories.md",
	"docs/guides/docker-mailserver.md",
	"docs/guides/dkimproxy.md",
	// Whatever stands below _domainkey of the zone is hidden from then on.
	"docs/guides/delegating-domainkey.md",
] as const;

/** Blocks that no test can run, by their first line, and why. */
export const NOT_RUN: Readonly<Record<string, string>> = {
	"npm ci && npm run package": "needs the npm registry; what it makes is what the test installs",
	"git clone URL /opt/keyturn && cd /opt/keyturn":
		"needs the npm registry; systemd/install is run by every other booted host",
};

export function documents(): readonly string[] {
	const top = readdirSync(".").filter((name) => name.endsWith(".md"));
	const below = readdirSync("docs", { recursive: true, encoding: "utf8" })
		.filter((name) => name.endsWith(".md"))
		.map((name) => join("docs", name));
	return [...top, ...below].toSorted();
}

export function blocksOf(document: string): readonly Block[] {
	const lines = readFileSync(document, "utf8").split("\n");
	const blocks: Block[] = [];
	let before: { readonly block: Block; readonly end: number } | null = null;
	for (let index = 0; index < lines.length; index += 1) {
		const [, indent = "", language = ""] = /^( *)```(.*)$/.exec(lines[index] ?? "") ?? [];
		if (!/^ *```/.test(lines[index] ?? "")) continue;
		const end = lines.indexOf(`${indent}\`\`\``, index + 1);
		if (end === -1) throw new Error(`${document}:${index + 1}: a block without an end`);
		const text = lines
			.slice(index + 1, end)
			.map((line) => line.replace(indent, ""))
			.join("\n");
		const isAnswer =
			language === "text" && before !== null && lines.slice(before.end + 1, index).every((one) => one === "");
		const answers: Block | null = isAnswer ? (before?.block ?? null) : null;
		const block: Block = { document, line: index + 1, language, text, answers };
		blocks.push(block);
		before = language === "sh" ? { block, end } : null;
		index = end;
	}
	return blocks;
}

export function isRun({ text }: Block): boolean {
	return !Object.hasOwn(NOT_RUN, firstLine(text));
}

export function firstLine(text: string): string {
	return (text.split("\n")[0] ?? "").replace(/\s+#.*$/, "").trim();
}
