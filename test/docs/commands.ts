/** The command line as it describes itself: for the table in README.md, and for the manuals. */

import type { Command } from "commander";
import { createProgram } from "../../src/cli/program.ts";

export function commandTable(): string {
	const program = describedProgram();
	return [
		"| command | does |",
		"| --- | --- |",
		...commandsOf(program).flatMap(rows),
		"",
		"```text",
		exitStatus(program),
		"```",
	].join("\n");
}

/** With everything that it says of itself, and nothing that it could run. */
export function describedProgram(version = "0"): Command {
	const never = (): never => {
		throw new Error("no command is run to be described");
	};
	return createProgram({
		version,
		context: never,
		print: () => undefined,
		say: () => undefined,
		ended: () => undefined,
	});
}

/** Those below others with them, without the ones that only hold them. */
export function commandsOf(program: Command): readonly Command[] {
	return program.commands.flatMap((command) =>
		command.commands.length === 0 ? [command] : command.commands,
	);
}

function rows(command: Command): readonly string[] {
	const words = command.registeredArguments.map((argument) =>
		argument.required ? `<${argument.name()}>` : `[${argument.name()}${argument.variadic ? "..." : ""}]`,
	);
	const options = command.options.filter((option) => option.long !== "--json");
	return [
		`| \`${["keyturn", nameOf(command), ...words].join(" ")}\` | ${command.description()} |`,
		...options.map((option) => `| &emsp;\`${option.flags}\` | ${option.description} |`),
	];
}

/** With the name of the command that it is part of. */
export function nameOf(command: Command): string {
	const whole = command.parent?.name() ?? "keyturn";
	return whole === "keyturn" ? command.name() : `${whole} ${command.name()}`;
}

/** It stands after the options, so it is only in what is printed. */
export function exitStatus(program: Command): string {
	let printed = "";
	program.configureOutput({
		writeOut: (text) => {
			printed += text;
		},
	});
	program.outputHelp();
	const begin = printed.indexOf("Exit status:");
	if (begin === -1) throw new Error("expected the exit status in the help, found none");
	return printed.slice(begin).trimEnd();
}
