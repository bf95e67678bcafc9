import { CommanderError } from "commander";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { createProgram } from "../../src/cli/program.ts";
import { formatFaults } from "../../src/settings/faults.ts";
import { parseSettings } from "../../src/settings/parse-settings.ts";
import { readYaml } from "../../src/settings/yaml-source.ts";
import { schemas } from "../settings/schemas.ts";
import { type Block, blocksOf, documents, firstLine, isRun, NOT_RUN, RUN } from "./blocks.ts";

/** Of docs/plug-ins.md: whatever they want of their settings. */
const plugIns = { "./my-provider.js": z.looseObject({}), "keyturn-provider-other": z.looseObject({}) };
const all = documents().flatMap(blocksOf);
const inLanguage = (language: string): readonly Block[] => all.filter((block) => block.language === language);
const place = ({ document, line }: Block): string => `${document}:${line}`;

describe("every block of the documents", () => {
	test("says by its language whether it is typed or read", () => {
		expect(documents()).toContain("docs/guides/first-rotation.md");
		const known = ["sh", "text", "yaml", "json", "python", "mermaid"];
		expect(all.filter(({ language }) => !known.includes(language)).map(place)).toEqual([]);
	});

	test("that is typed is run by test/e2e/documents.test.ts, or not for a reason given", () => {
		const typed = inLanguage("sh");
		expect(new Set(typed.map(({ document }) => document))).toEqual(new Set(RUN));
		const left = typed.filter((block) => !isRun(block)).map(({ text }) => firstLine(text));
		expect(left).toEqual(Object.keys(NOT_RUN));
	});

	test("that is only to be read holds no command of keyturn", () => {
		const read = all.filter(({ language, answers }) => language !== "sh" && answers === null);
		expect(read.filter(({ text }) => /^\s*(?:[$#] )?keyturn [a-z]/m.test(text)).map(place)).toEqual([]);
	});

	test.each(inLanguage("json").map((block) => [place(block), block.text]))("%s is JSON", (_, text) => {
		expect(JSON.parse(text)).toBeTypeOf("object");
	});

	test.each(inLanguage("yaml").map((block) => [place(block), block.text]))(
		"%s is understood as keyturn.yaml, together with what it leaves out",
		(where, text) => {
			const read = understood(where, text);
			expect("faults" in read ? formatFaults(read.faults) : "").toBe("");
		},
	);
});

describe("the services of the documents' signers", () => {
	const signers = inLanguage("yaml").flatMap((block) => {
		const read = understood(place(block), block.text);
		return "settings" in read ? read.settings.signers : [];
	});
	const namesOf = (of: typeof signers) => new Set(of.flatMap(({ services }) => services.stop));

	test("are those of a host that has the signer", () => {
		const others = signers.filter(({ type }) => type !== "opendkim");
		expect(others.map(({ type }) => type)).toContain("command");
		expect([...namesOf(others)]).not.toContain("opendkim");
	});

	test("start after what repairs files at boot, but for those that never read a table of keyturn's", () => {
		const unit = readFileSync("systemd/keyturn-recover.service", "utf8");
		const before = [...unit.matchAll(/^Before=(.*)$/gm)].flatMap(([, units = ""]) => units.split(" "));
		const byUnit = signers.filter(
			({ type, services }) => type !== "command" && services.manager === "systemd",
		);
		expect(byUnit.length).toBeGreaterThan(5);
		expect(before).toEqual(
			expect.arrayContaining([...namesOf(byUnit)].map((service) => `${service}.service`)),
		);
		const byCommand = signers.filter(({ services }) => services.manager === "command");
		expect(JSON.stringify(byCommand)).toContain("/docker");
		expect(before).toContain("docker.service");
	});
});

describe("keyturn as the documents call it", () => {
	const typed = inLanguage("sh").flatMap((block) =>
		[...block.text.matchAll(/^(?:.*[|;&] *)?keyturn (.*)$/gm)].map((match) => [place(block), match[1] ?? ""]),
	);
	const inWords = documents().flatMap((document) =>
		[...withoutBlocks(document).matchAll(/`keyturn ([a-z][^`]*)`/g)].map((match) => [
			document,
			(match[1] ?? "").replaceAll("\n", " "),
		]),
	);

	test.each([...typed, ...inWords].map(([where = "", words = ""]) => [where, words]))(
		"%s: %s",
		async (_, words) => {
			const argv = argvOf(words);
			const why = await whatIsWrong(argv);
			// A command that is only named is no call of it.
			const isName =
				argv.every((word) => /^[a-z]+$/.test(word)) && why?.includes("missing required argument");
			expect(isName === true ? null : why).toBeNull();
		},
	);

	test("would be found out", async () => {
		expect(inWords.length).toBeGreaterThan(20);
		expect(typed.length).toBeGreaterThan(20);
		expect(await whatIsWrong(["rotate", "--nowadays"])).toContain("unknown option");
		expect(await whatIsWrong(["revoke", "example.com"])).toContain("missing required argument");
		expect(await whatIsWrong(["turn"])).toContain("unknown command");
	});
});

function understood(where: string, text: string): ReturnType<typeof parseSettings> {
	return parseSettings(readYaml(completed(text), where), {
		path: where,
		schemas: { ...schemas, providers: { ...schemas.providers, ...plugIns } },
		host: "mx1",
		timezone: "UTC",
	});
}

/** A part of keyturn.yaml, with what every file has to have: the names that it uses stand for whatever they are elsewhere. */
function completed(text: string): string {
	const has = (key: string): boolean => new RegExp(`^${key}:`, "m").test(text);
	const used = [...text.matchAll(/provider: (?:\[([^\]]*)\]|([\w-]+))/g)].flatMap(
		([, several = "", one = ""]) => [...several.split(/, */), one].filter((name) => name !== ""),
	);
	const provider = /^ {2}([\w-]+): *(?:$|\{)/m.exec(text.slice(text.search(/^providers:/m)))?.[1] ?? "home";
	const parts = [
		has("signer") || has("signers")
			? ""
			: // The one of which a list of keys is understood, too.
				"signer: { type: rspamd, keys: /var/lib/rspamd/dkim }",
		has("providers")
			? ""
			: `providers:\n${[...new Set([...used, "home"])]
					.map(
						(name) => `  ${name}: { type: rfc2136, server: "127.0.0.1:53", keyfile: /etc/keyturn/tsig.key }`,
					)
					.join("\n")}`,
		has("domains")
			? ""
			: `domains:\n  - { name: example.com, provider: ${has("providers") ? provider : "home"} }`,
	];
	return `${text}\n${parts.join("\n")}\n`;
}

function withoutBlocks(document: string): string {
	return readFileSync(document, "utf8").replaceAll(/^ *```[^]*?^ *```$/gm, "");
}

/** Up to what belongs to the shell. */
function argvOf(words: string): readonly string[] {
	const [own = ""] = words.split(/\s+(?:#|[|&]|[0-9]?>)/);
	return own.replace("<shell>", "bash").trim().split(/\s+/);
}

/** What commander says to it; null where it would run it. Nothing is run. */
async function whatIsWrong(argv: readonly string[]): Promise<string | null> {
	const program = createProgram({
		version: "0",
		context: () => {
			throw new Error("it would be run");
		},
		print: () => undefined,
		say: () => undefined,
		ended: () => undefined,
	});
	try {
		await program.parseAsync(argv, { from: "user" });
	} catch (thrown) {
		if (thrown instanceof CommanderError && thrown.exitCode !== 0) return thrown.message;
	}
	return null;
}
