/** The man pages, made from what the command line and the settings say of themselves. */

import type { Command } from "commander";
import { commandsOf, exitStatus, nameOf } from "../test/docs/commands.ts";

export interface ManualGiven {
	readonly version: string;
	/** Of the release: `2026-11-26`. */
	readonly date: string;
}

/** keyturn(1). */
export function commandsManual(program: Command, { version, date }: ManualGiven): string {
	return [
		heading("KEYTURN", 1, version, date),
		section("NAME", ["keyturn \\- turns the DKIM keys of a mail host on schedule"]),
		section("SYNOPSIS", [
			".B keyturn",
			"[\\fB\\-\\-config\\fR \\fIfile\\fR] \\fIcommand\\fR [\\fIoption\\fR...]",
		]),
		section("DESCRIPTION", paragraphs(DESCRIPTION)),
		section(
			"OPTIONS",
			program.options.flatMap((option) => term(bold(option.flags), option.description)),
		),
		section("COMMANDS", commandsOf(program).flatMap(commandEntry)),
		section("EXIT STATUS", exitStatusEntries(program)),
		section(
			"FILES",
			FILES.flatMap(([path, what]) => term(`\\fI${escape(path)}\\fR`, what)),
		),
		section("SEE ALSO", ["keyturn.yaml(5), opendkim(8), opendkim.conf(5), systemctl(1)"]),
	].join("\n");
}

/** keyturn.yaml(5), from the rows of the configuration's reference: path, default and meaning, in Markdown. */
export function settingsManual(
	rows: readonly (readonly [string, string, string])[],
	given: ManualGiven,
): string {
	return [
		heading("KEYTURN.YAML", 5, given.version, given.date),
		section("NAME", ["keyturn.yaml \\- configuration of keyturn"]),
		section("SYNOPSIS", [".I /etc/keyturn/keyturn.yaml"]),
		section("DESCRIPTION", paragraphs(SETTINGS)),
		section(
			"KEYS",
			rows.flatMap(([path, preset, meaning]) =>
				term(
					path.split(", ").map(inline).join(", ") +
						(preset === "" ? "" : ` (default ${inline(preset)})`).replace("default (required)", "required"),
					meaning,
				),
			),
		),
		section("EXAMPLE", [".nf", ...EXAMPLE.split("\n").map(escape), ".fi"]),
		section("SEE ALSO", ["keyturn(1)"]),
	].join("\n");
}

const DESCRIPTION = `keyturn makes a new key when one is due, publishes its record, waits until every name server serves it, switches the signer to it, proves that the new key signs, and removes the old record when no mail under way needs it any more.

The daemon (\`keyturn run\`, started by keyturn.service) does what is due by itself. The other commands ask it, or do the same beside it. When something cannot go on, the old key goes on signing, and \`keyturn status\` says why.`;

const SETTINGS = `A YAML file that only root may write. An unknown key is an error, and all faults are told at once, each with its line. Durations are 90s, 15m, 36h, 14d. Secrets are never written into it but named: { file: PATH }, { env: NAME } or { credential: NAME }.`;

const EXAMPLE = `schedule: "0 3 1 * *"
signer:
  type: opendkim
  config: /etc/opendkim.conf
  keys: /etc/opendkim/keys
providers:
  home: { type: rfc2136, server: "127.0.0.1:53", keyfile: /etc/keyturn/tsig.key }
domains:
  - { name: example.com, provider: home }`;

const FILES = [
	["/etc/keyturn/keyturn.yaml", "The configuration; see keyturn.yaml(5)."],
	["/var/lib/keyturn", "What keyturn remembers, and history.jsonl, what it did."],
	["/var/lib/keyturn-door", "How far a switch got; written by root alone."],
] as const;

function heading(name: string, part: number, version: string, date: string): string {
	return `.TH ${name} ${part} ${date} "keyturn ${version}"`;
}

function section(title: string, lines: readonly string[]): string {
	return [`.SH ${title}`, ...lines].join("\n");
}

function paragraphs(text: string): readonly string[] {
	return text
		.split("\n\n")
		.flatMap((paragraph, index) => [...(index === 0 ? [] : [".PP"]), inline(paragraph)]);
}

function term(what: string, meaning: string): readonly string[] {
	return [".TP", what, inline(meaning)];
}

function commandEntry(command: Command): readonly string[] {
	const words = command.registeredArguments.map((argument) => {
		const name = `\\fI${escape(argument.name())}\\fR${argument.variadic ? "..." : ""}`;
		return argument.required ? name : `[${name}]`;
	});
	return [
		".TP",
		[bold(nameOf(command)), ...words].join(" "),
		inline(command.description()),
		...(command.options.length === 0
			? []
			: [".RS", ...command.options.flatMap((option) => term(bold(option.flags), option.description)), ".RE"]),
	];
}

function exitStatusEntries(program: Command): readonly string[] {
	return exitStatus(program)
		.split("\n")
		.flatMap((line) => {
			const [, status, meaning] = /^ +(\d+) +(.*)$/.exec(line) ?? [];
			return status === undefined ? [] : term(`\\fB${status}\\fR`, meaning ?? "");
		});
}

function bold(text: string): string {
	return `\\fB${escape(text)}\\fR`;
}

/** Code of Markdown is bold. */
function inline(text: string): string {
	return text
		.replaceAll("&emsp;", "")
		.replaceAll("\\|", "|")
		.split("`")
		.map((part, index) => (index % 2 === 1 ? bold(part) : escape(part).replaceAll(/\*([^*]+)\*/g, "$1")))
		.join("");
}

/** groff_char(7): what would be read as a request or an escape; a hyphen that is to be copied stays one. */
function escape(text: string): string {
	return text
		.replaceAll("\\", "\\e")
		.replaceAll("-", "\\-")
		.replace(/^([.'])/gm, "\\&$1");
}
