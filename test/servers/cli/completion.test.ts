import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { completionFor, type Shell } from "../../../src/cli/completion.ts";
import { createProgram } from "../../../src/cli/program.ts";
import { makeDirectory, removeDirectory } from "../program.ts";

const never = (): never => {
	throw new Error("nothing is run");
};
const program = createProgram({ version: "0", context: never, print: never, say: never, ended: never });

/** What the shell itself offers for a line that is typed so far. */
const ASK: Record<Shell, (script: string, words: readonly string[]) => readonly string[]> = {
	bash: (script, words) =>
		run("bash", [
			"-euc",
			`${script}\nCOMP_WORDS=(keyturn ${words.map((word) => `'${word}'`).join(" ")})\nCOMP_CWORD=${words.length}\n_keyturn\nprintf '%s\\n' "\${COMPREPLY[@]}"`,
		]),
	zsh: (script, words) =>
		run("zsh", [
			"-fc",
			`compdef() { :; }\n_files() { print files; }\n_describe() { print -l -- "\${(@P)2}"; }\n${script}\nwords=(keyturn ${words.map((word) => `'${word}'`).join(" ")}); CURRENT=${words.length + 1}\n_keyturn`,
		]).map((line) => line.replace(/:.*/, "")),
	fish: (script, words) =>
		run("fish", ["--no-config", "-c", `${script}\ncomplete -C "keyturn ${words.join(" ")}"`]).map((line) =>
			line.replace(/\t.*/, ""),
		),
};

function run(shell: string, argv: readonly string[]): readonly string[] {
	const { status, stdout, stderr } = spawnSync(shell, argv, {
		encoding: "utf8",
		env: { PATH: process.env["PATH"], HOME: home },
	});
	if (status !== 0) throw new Error(`${shell}: ${stderr}`);
	return stdout.split("\n").filter((line) => line !== "");
}

const COMMANDS = program.commands.map((command) => command.name());

let home: string;
beforeAll(async () => {
	home = await makeDirectory("home");
});
afterAll(async () => removeDirectory(home));

describe.each(["bash", "zsh", "fish"] as const)("%s completes", (shell) => {
	const script = completionFor(shell, program);
	const ask = (...words: string[]) => ASK[shell](script, words);

	test("the commands", () => {
		expect(ask("")).toEqual(expect.arrayContaining(COMMANDS));
	});

	test("a command's own options, and no other's", () => {
		const found = ask("rotate", "--");
		expect(found).toContain("--dry-run");
		expect(found).not.toContain("--use-standby");
		expect(ask("revoke", "example.com", "202611", "--")).toContain("--use-standby");
	});

	test("the command below a command, and its options", () => {
		expect(ask("provider", "")).toContain("check");
		expect(ask("provider", "")).not.toContain("rotate");
		expect(ask("provider", "check", "--")).toContain("--zone");
	});
});
