import { describe, expect, test } from "vitest";
import { createProgram } from "../../src/cli/program.ts";

const never = (): never => {
	throw new Error("no command is run");
};

describe("the help", () => {
	test.each(["", "run", "rotate", "status", "verify", "recover", "record", "history"])(
		"of %s",
		async (command) => {
			let printed = "";
			const program = createProgram({
				version: "1.2.3",
				context: never,
				print: never,
				say: never,
				ended: never,
			});
			for (const one of [program, ...program.commands])
				one.configureOutput({ writeOut: (text) => (printed += text), getOutHelpWidth: () => 80 });
			await expect(
				program.parseAsync(["node", "keyturn", command, "--help"].filter((word) => word !== "")),
			).rejects.toMatchObject({ exitCode: 0 });
			for (const line of printed.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
			expect(printed).toMatchSnapshot();
		},
	);
});

test.each([
	[["rotate", "--now", "--wait-max", "15"], "expected a duration"],
	[["rotate", "--now", "--wait-max", "9999999999d"], "expected a duration"],
	[["history", "--limit", "0"], "expected a whole number"],
	[["rotate", "--nwo"], "unknown option '--nwo'"],
	[["nothing"], "unknown command 'nothing'"],
])("%j makes no sense, and says where help is", async (args, words) => {
	const said: string[] = [];
	const program = createProgram({
		print: () => undefined,
		version: "1",
		context: never,
		say: (text) => said.push(text),
		ended: never,
	});
	await expect(program.parseAsync(["node", "keyturn", ...args])).rejects.toMatchObject({ exitCode: 1 });
	expect(said.join("\n").replaceAll("\n", " ")).toContain(words);
	expect(said.join("\n")).toContain("keyturn --help");
	for (const line of said.join("\n").split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});

test("without a command the help is told as it was laid out", async () => {
	const said: string[] = [];
	const program = createProgram({
		print: () => undefined,
		version: "1",
		context: never,
		say: (text) => said.push(text),
		ended: never,
	});
	await expect(program.parseAsync(["node", "keyturn"])).rejects.toMatchObject({ exitCode: 1 });
	const lines = said.join("\n").split("\n");
	expect(lines.filter((line) => line.length > 80)).toEqual([]);
	const commands = lines.slice(lines.indexOf("Commands:") + 1, lines.indexOf("Exit status:") - 1);
	expect(commands.filter((line) => !/^ {2}[a-z]| {39}\S/.test(line))).toEqual([]);
	expect(commands.length).toBeGreaterThan(12);
});
