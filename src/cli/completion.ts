/** `keyturn completion SHELL`: a script that completes commands and options, made from the command line itself. */

import type { Command } from "commander";

export type Shell = "bash" | "zsh" | "fish";

interface Entry {
	/** As it is typed, without the program: `provider check`; empty for the program itself. */
	readonly path: string;
	readonly description: string;
	/** Names of commands below, and options, each with what it does. */
	readonly words: readonly (readonly [word: string, description: string])[];
}

export function completionFor(shell: Shell, program: Command): string {
	const entries = entriesOf(program, "");
	switch (shell) {
		case "bash":
			return bash(entries);
		case "zsh":
			return zsh(entries);
		case "fish":
			return fish(entries);
	}
}

function entriesOf(command: Command, path: string): readonly Entry[] {
	const below = command.commands.filter((one) => one.name() !== "help");
	return [
		{
			path,
			description: command.description(),
			words: [
				...below.map((one) => [one.name(), firstLine(one.description())] as const),
				...command.options.map(({ long, description }) => [long ?? "", description] as const),
				["--help", "show this help"] as const,
			].filter(([word]) => word !== ""),
		},
		...below.flatMap((one) => entriesOf(one, `${path} ${one.name()}`.trim())),
	];
}

/** What was typed before the word that is completed, without options, decides which words follow. */
function bash(entries: readonly Entry[]): string {
	const cases = entries.map(
		({ path, words }) => `\t\t${quoted(path)}) words=${quoted(words.map(([word]) => word).join(" "))} ;;`,
	);
	return `# bash completion for keyturn
_keyturn() {
	local word path="" words="" current="\${COMP_WORDS[COMP_CWORD]}"
${walk(entries, "path", "${COMP_WORDS[@]:1:COMP_CWORD-1}")}
	case "\${path//\\// }" in
${cases.join("\n")}
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	[ "\${COMP_WORDS[COMP_CWORD-1]}" = --config ] && mapfile -t COMPREPLY < <(compgen -f -- "$current")
	return 0
}
complete -F _keyturn keyturn
`;
}

/** For bash and zsh (to which `path` is something else): which command was typed, with / between its words. */
function walk(entries: readonly Entry[], name: string, typed: string): string {
	const known = entries.flatMap(({ path }) => (path === "" ? [] : [path.replaceAll(" ", "/")])).join(" ");
	const longer = `\${${name}:+$${name}/}$word`;
	return `	for word in "${typed}"; do
		case "$word" in
		-*) ;;
		*) case " ${known} " in *" ${longer} "*) ${name}="${longer}" ;; esac ;;
		esac
	done`;
}

function zsh(entries: readonly Entry[]): string {
	const cases = entries.map(({ path, words }) => {
		const described = words.map(([word, description]) => quoted(`${word}:${firstLine(description)}`));
		return `\t\t${quoted(path)}) described=(${described.join(" ")}) ;;`;
	});
	return `#compdef keyturn
_keyturn() {
	local word path_="" described=()
${walk(entries, "path_", "${(@)words[2,CURRENT-1]}")}
	case "\${path_//\\// }" in
${cases.join("\n")}
	esac
	[ "\${words[CURRENT-1]}" = --config ] && { _files; return; }
	_describe keyturn described
}
if [ "$funcstack[1]" = _keyturn ]; then _keyturn "$@"; else compdef _keyturn keyturn; fi
`;
}

function fish(entries: readonly Entry[]): string {
	const names = (path: string): readonly string[] =>
		entries.filter((one) => parentOf(one.path) === path && one.path !== "").map((one) => lastOf(one.path));
	const lines = entries.flatMap(({ path, words }) => {
		const seen = path === "" ? [] : path.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`);
		const below = names(path);
		const here = [
			...seen,
			...(below.length === 0 ? [] : [`not __fish_seen_subcommand_from ${below.join(" ")}`]),
		];
		const condition = here.length === 0 ? "" : ` -n ${quoted(here.join("; and "))}`;
		return words.map(([word, description]) =>
			word.startsWith("--")
				? `complete -c keyturn${path === "" ? "" : condition} -l ${word.slice(2)}${word === "--config" ? " -r" : " -f"} -d ${quoted(firstLine(description))}`
				: `complete -c keyturn${condition} -f -a ${word} -d ${quoted(firstLine(description))}`,
		);
	});
	return `# fish completion for keyturn\ncomplete -c keyturn -f\n${lines.join("\n")}\n`;
}

function parentOf(path: string): string {
	return path.includes(" ") ? path.slice(0, path.lastIndexOf(" ")) : "";
}

function lastOf(path: string): string {
	return path.slice(path.lastIndexOf(" ") + 1);
}

function firstLine(text: string): string {
	return text.replace(/\n.*$/s, "");
}

/** For a shell, as one word that means itself. */
function quoted(text: string): string {
	return `'${text.replaceAll("'", "'\\''")}'`;
}
