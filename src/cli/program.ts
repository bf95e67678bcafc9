/** The command line: names, options and help of every command; what each does stands in its own file. */

import { Argument, Command, InvalidArgumentError, Option } from "commander";
import type { Shell } from "./completion.ts";
import { wrap } from "../report/words.ts";
import type { CommandContext } from "./workbench.ts";

export interface ProgramGiven {
	readonly version: string;
	/** The context for a configuration file, and whether the command is the daemon. */
	readonly context: (configPath: string, isDaemon: boolean) => CommandContext;
	/** Where a result goes that no configuration is needed for. */
	readonly print: (text: string) => void;
	/** Where usage errors go. */
	readonly say: (text: string) => void;
	/** Called with the exit status of the command that ran. */
	readonly ended: (status: number) => void;
}

export const DEFAULT_CONFIG = "/etc/keyturn/keyturn.yaml";

export function createProgram({ version, context, print, say, ended }: ProgramGiven): Command {
	const program = new Command("keyturn")
		.description("Turns the DKIM keys of this mail host on schedule.")
		.version(version)
		.option("--config <file>", "the configuration", DEFAULT_CONFIG)
		.helpOption("-h, --help", "show this help")
		.addHelpText("after", EXIT_STATUS)
		.configureOutput({ writeErr: (text) => say(isHelp(text) ? text.trimEnd() : wrap(text.trimEnd(), 79)) })
		.showHelpAfterError("keyturn --help shows what there is")
		.exitOverride();
	const here = (isDaemon = false): CommandContext =>
		context(program.opts<{ config: string }>().config, isDaemon);

	program
		.command("run")
		.description("the daemon: does what is due, until SIGTERM")
		.action(async () => ended(await (await import("./daemon.ts")).runDaemon(here(true))));

	program
		.command("rotate")
		.description("do what is due, without waiting; --now turns keys whether due or not")
		.argument("[domain...]", "only these domains")
		.option("--now", "turn now, and wait until the new keys sign")
		.option("--dry-run", "print every change, and do none")
		.option("--no-wait", "with --now: do not wait; ends with 3 if something still waits")
		.option("--wait-max <duration>", "with --now: wait at most this long (90s, 15m, 36h)", parseWait)
		.option("--no-soak", "with --now: do not wait until resolvers forget what was at the name before")
		.option("--json", "the result as JSON")
		.action(async (domains: string[], given: RotateGiven) => {
			const { rotate } = await import("./rotate.ts");
			ended(await rotate(here(), domains, { ...UNASKED, ...given, waitMaxMs: given.waitMax ?? null }));
		});

	waiting(program.command("add"))
		.description("a first key for a domain that nothing signs yet; into the configuration with it, too")
		.argument("<domain>")
		.option("--provider <name>", "the DNS provider of its zone, where several are configured")
		.option(
			"--signer <name>",
			"its signer, where several are configured; two of them, a,b, where each of its keys has one",
		)
		.option("--no-soak", "do not wait until resolvers forget what was at the name before")
		.option("--dry-run", "print every change, and do none")
		.action(async (domain: string, given: AddGiven) => {
			const { add } = await import("./add.ts");
			const { provider = null, signer = null, dryRun = false } = given;
			ended(await add(here(), { domain, provider, signer }, { ...waitOptions(given), dryRun }));
		});

	waiting(program.command("remove"))
		.description("the way out: sign no more for a domain; its records go after grace")
		.argument("<domain>")
		.option("--dry-run", "print every change, and do none")
		.action(async (domain: string, given: WaitGiven & { dryRun?: true }) => {
			const { remove } = await import("./remove.ts");
			ended(await remove(here(), domain, { ...waitOptions(given), dryRun: given.dryRun ?? false }));
		});

	waiting(program.command("rollback"))
		.description("back to the key that signed before, while its record stands")
		.argument("<domain>")
		.action(async (domain: string, given: WaitGiven) =>
			ended(await (await import("./rollback.ts")).rollback(here(), domain, waitOptions(given))),
		);

	waiting(program.command("revoke"))
		.description("a compromised key: turn it at once, then empty its record (p=)")
		.argument("<domain>")
		.argument("<selector>")
		.option("--no-soak", "do not wait until resolvers forget what was at the name before")
		.option("--use-standby", "let a key that is published ahead take its place, instead of a fresh one")
		.option("--unsigned", "empty its record at once: mail is unsigned until the new key is everywhere")
		.action(async (domain: string, selector: string, given: RevokeGiven) => {
			const { revoke } = await import("./revoke.ts");
			const { useStandby = false, unsigned = false } = given;
			const options = { ...waitOptions(given), useStandby, unsigned };
			ended(await revoke(here(), domain, selector, options));
		});

	waiting(program.command("retire"))
		.description("remove an old record, an adopted one too, once no mail under way needs it")
		.argument("<domain>")
		.argument("<selector>")
		.action(async (domain: string, selector: string, given: WaitGiven) =>
			ended(await (await import("./retire.ts")).retire(here(), domain, selector, waitOptions(given))),
		);

	program
		.command("status")
		.description("is it well, what happens next, and when")
		.option("--json", "the result as JSON")
		.option("--watch", "again every two seconds, until interrupted")
		.option("--html <file>", "as a page with a time line and every server's answer; - for standard output")
		.action(async (given: Json & { watch?: true; html?: string }) => {
			const { json = false, watch = false, html = null } = given;
			ended(await (await import("./status.ts")).status(here(), { json, watch, html }));
		});

	program
		.command("verify")
		.description("every key in use against DNS, as a receiver would see it")
		.argument("[domain...]", "only these domains")
		.option("--json", "the result as JSON")
		.action(async (domains: string[], given: Json) =>
			ended(await (await import("./verify.ts")).verify(here(), domains, { ...UNASKED, ...given })),
		);

	program
		.command("doctor")
		.description("the whole host: what is wrong, what will go wrong, and the command that mends it")
		.option("--json", "the result as JSON")
		.addOption(
			new Option("--format <format>", "for a monitoring system; ends with 0, 1, 2 or 3").choices(["nagios"]),
		)
		.action(async (given: Json & { format?: "nagios" }) => {
			const { doctor } = await import("./doctor.ts");
			const form = given.format ?? (given.json === true ? "json" : "text");
			ended(await doctor(here(), { form }));
		});

	program
		.command("init")
		.description("look at what is installed, and write a first configuration; never over another")
		.option("--yes", "take what is proposed, and ask nothing")
		.action(async (given: { yes?: true }) =>
			ended(await (await import("./init.ts")).init(here(), { yes: given.yes ?? false })),
		);

	program
		.command("recover")
		.description("have an interrupted switch finished or undone")
		.option("--json", "the result as JSON")
		.action(async (given: Json) =>
			ended(await (await import("./recover.ts")).recover(here(), { ...UNASKED, ...given })),
		);

	program
		.command("alert")
		.description("the ways of telling")
		.command("test")
		.description("tell a trouble that is none, and its end, through every alert configured")
		.option("--json", "the result as JSON")
		.action(async (given: Json) =>
			ended(await (await import("./alert-test.ts")).alertTest(here(), { ...UNASKED, ...given })),
		);

	program
		.command("record")
		.description("the TXT record, for a zone file, a web form, or nsupdate")
		.argument("[domain]")
		.argument("[selector]")
		.option("--removals", "instead, of all domains: the old records still to be removed, and when")
		.option("--json", "the result as JSON")
		.action(async (...args: [string | undefined, string | undefined, RecordGiven, Command]) => {
			const [domain, selector = null, { json = false, removals: isOfRemovals = false }, command] = args;
			const { record, removals } = await import("./record.ts");
			if (isOfRemovals) return ended(await removals(here(), { json }));
			if (domain === undefined) return command.error("error: expected a domain, or --removals");
			return ended(await record(here(), domain, selector, { json }));
		});

	program
		.command("provider")
		.description("`provider check`: whether a DNS provider does what keyturn needs of it")
		.command("check")
		.description("write a long scratch record, see what becomes of it, and remove it")
		.argument("<name>", "the provider, as keyturn.yaml names it")
		.option("--zone <zone>", "where to write, if not where its first domain is")
		.option("--wait-max <duration>", "look for it at the name servers this long (30m)", parseWait)
		.option("--json", "the result as JSON")
		.action(async (name: string, given: Json & { zone?: string; waitMax?: number }) => {
			const { providerCheck } = await import("./provider-check.ts");
			const { zone = null, waitMax = null, json = false } = given;
			ended(await providerCheck(here(), name, { zone, waitMaxMs: waitMax, json }));
		});

	program
		.command("history")
		.description("what was done, when, and why")
		.argument("[domain]")
		.option("--limit <count>", "the newest so many entries", parseCount, 200)
		.option("--json", "the result as JSON")
		.action(async (domain: string | undefined, given: Json & { limit: number }) =>
			ended(await (await import("./history.ts")).history(here(), domain ?? null, { ...UNASKED, ...given })),
		);

	program
		.command("completion")
		.description("a script that completes commands and options")
		.addArgument(new Argument("<shell>").choices(["bash", "zsh", "fish"]))
		.action(async (shell: Shell) => {
			print((await import("./completion.ts")).completionFor(shell, program));
			ended(0);
		});

	for (const command of program.commands.flatMap((one) => [one, ...one.commands]))
		command.exitOverride().showHelpAfterError(`${fullName(command)} --help shows what it takes`);
	return program;
}

function fullName(command: Command): string {
	return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

/** It is laid out already. */
function isHelp(text: string): boolean {
	return text.startsWith("Usage: ");
}

/** The options of every command that leaves a wish and watches it. */
function waiting(command: Command): Command {
	return command
		.option("--no-wait", "do not wait; ends with 3 if something still waits")
		.option("--wait-max <duration>", "wait at most this long (90s, 15m, 36h)", parseWait)
		.option("--json", "the result as JSON");
}

function waitOptions({ wait, waitMax, soak, json }: WaitGiven) {
	return { wait, waitMaxMs: waitMax ?? null, soak: soak ?? true, json: json ?? false };
}

/** Commander leaves out what was not given; a default would stand in the help. */
type Json = { readonly json?: true };
type WaitGiven = Json & { readonly wait: boolean; readonly waitMax?: number; readonly soak?: boolean };
type AddGiven = WaitGiven & {
	readonly provider?: string;
	readonly signer?: string;
	readonly dryRun?: true;
};
type RecordGiven = Json & { readonly removals?: true };
type RevokeGiven = WaitGiven & { readonly useStandby?: true; readonly unsigned?: true };
type RotateGiven = Json & {
	readonly now?: true;
	readonly dryRun?: true;
	readonly wait: boolean;
	readonly soak: boolean;
	readonly waitMax?: number;
};

const UNASKED = { json: false, now: false, dryRun: false } as const;

const EXIT_STATUS = `
Exit status:
  0   done, or nothing due
  1   failed; the old key still signs (doctor: something was found)
  2   usage or configuration
  3   waiting: published, not yet verified or switched
  4   a key in use does not verify (verify)
  75  another keyturn holds the lock`;

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function parseWait(text: string): number {
	const match = /^(\d{1,9})([smhd])$/.exec(text);
	if (match === null) throw new InvalidArgumentError("expected a duration such as 90s, 15m, 36h or 14d");
	return Number(match[1]) * (UNITS_MS[match[2] ?? ""] ?? 0);
}

function parseCount(text: string): number {
	if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError("expected a whole number");
	return Number(text);
}
