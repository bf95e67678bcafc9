import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram } from "../../src/cli/program.ts";

const never = (): never => {
	throw new Error("no command is run");
};

/** Of a program that runs no command. */
function fresh(say: (text: string) => void = never): Command {
	return createProgram({ version: "1.2.3", context: never, print: never, say, ended: never });
}

function all(program: Command): readonly Command[] {
	return program.commands.flatMap((one) => [one, ...all(one)]);
}

function wordsOf(command: Command): readonly string[] {
	return command.parent === null ? [] : [...wordsOf(command.parent), command.name()];
}

describe("the help", () => {
	test.each(["", ...all(fresh()).map((command) => wordsOf(command).join(" "))])("of %s", async (words) => {
		let printed = "";
		const program = fresh();
		for (const one of [program, ...all(program)])
			one.configureOutput({ writeOut: (text) => (printed += text), getOutHelpWidth: () => 80 });
		const args = words.split(" ").filter((word) => word !== "");
		await expect(program.parseAsync(["node", "keyturn", ...args, "--help"])).rejects.toMatchObject({
			exitCode: 0,
		});
		for (const line of printed.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
		expect(printed).toMatchSnapshot();
	});
});

test.each([
	[["rotate", "--now", "--wait-max", "15"], "expected a duration", "keyturn rotate --help"],
	[["rotate", "--now", "--wait-max", "9999999999d"], "expected a duration", "keyturn rotate --help"],
	[["history", "--limit", "0"], "expected a whole number", "keyturn history --help"],
	[["rotate", "--nwo"], "unknown option '--nwo'", "keyturn rotate --help"],
	[["nothing"], "unknown command 'nothing'", "keyturn --help"],
	[["revoke", "example.com"], "missing required argument 'selector'", "keyturn revoke --help"],
	[["record"], "expected a domain, or --removals", "keyturn record --help"],
	[["provider", "check"], "missing required argument 'name'", "keyturn provider check --help"],
])("%j makes no sense, and says where help on it is", async (args, words, help) => {
	const said: string[] = [];
	const program = fresh((text) => said.push(text));
	await expect(program.parseAsync(["node", "keyturn", ...args])).rejects.toMatchObject({ exitCode: 1 });
	expect(said.join("\n").replaceAll("\n", " ")).toContain(words);
	expect(said.join("\n")).toContain(help);
	for (const line of said.join("\n").split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});

test("without a command the help is told as it was laid out", async () => {
	const said: string[] = [];
	const program = fresh((text) => said.push(text));
	await expect(program.parseAsync(["node", "keyturn"])).rejects.toMatchObject({ exitCode: 1 });
	const lines = said.join("\n").split("\n");
	expect(lines.filter((line) => line.length > 80)).toEqual([]);
	const commands = lines.slice(lines.indexOf("Commands:") + 1, lines.indexOf("Exit status:") - 1);
	expect(commands.filter((line) => !/^ {2}[a-z]| {39}\S/.test(line))).toEqual([]);
	expect(commands.length).toBeGreaterThan(12);
});
