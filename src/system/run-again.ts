/**
 * Runs a command again where the credentials that it needs exist: in a transient unit that is given them from where the
 * agent's own unit has them (systemd.exec(5), CREDENTIALS).
 */

import { KeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { Programs } from "../ports/programs.ts";
import type { Random } from "../ports/random.ts";
import { MARK, type OutsideTheUnit } from "./secrets.ts";
import { inTransientUnit, isSystemd } from "./transient-unit.ts";
import { AGENT_UNIT, loadedCredentials } from "./unit-credentials.ts";

export interface Command {
	/** As it was started: the program, absolute, and its arguments. */
	readonly argv: readonly [string, ...string[]];
	/** Where it was started; absolute. */
	readonly directory: string;
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly isDaemon: boolean;
}

export interface RunAgainPorts {
	readonly programs: Programs;
	readonly disk: Pick<Disk, "stat">;
	readonly random: Random;
	readonly clock: Clock;
	/** Starts a program as root with our own input and outputs; resolves to its exit status, null if a signal ended it. */
	readonly start: (argv: readonly [string, ...string[]]) => Promise<number | null>;
}

export interface Stopping {
	/** Aborts when the process is asked to end. */
	readonly signal: AbortSignal;
	/** The signal that asked. */
	stoppedBy(): string | null;
}

/** The command in its unit, not started yet; or why it stays where it is, and has no credentials. */
export type Again =
	| {
			readonly kind: "again";
			readonly unit: string;
			/** The properties by which it gets the credentials. */
			readonly loads: readonly string[];
			readonly argv: readonly [string, ...string[]];
	  }
	| ({ readonly kind: "stays" } & OutsideTheUnit);

/** What of the environment a command heeds. A secret among its variables stays behind: everybody could read it there. */
const HEEDED =
	/^(?:PATH|TZ|LANG|LC_[A-Z]+|TERM|COLORTERM|NO_COLOR|FORCE_COLOR|COLUMNS|LINES|UV_THREADPOOL_SIZE|NODE_OPTIONS|NODE_EXTRA_CA_CERTS)$/;
/** systemd.exec(5), "Process Exit Codes": what systemd gives a unit that it could not start. */
const NOT_STARTED = { from: 200, to: 245 };
const AGAIN_MS = 100;
const DEADLINE_MS = 20_000;
const ROOT = { uid: 0, gid: 0 };
const NEVER = new AbortController().signal;

/** Changes nothing. Of `names`, those that the agent's unit loads go along; one that it does not load is missed when it is read. */
export async function planAgain(
	{ programs, disk, random }: RunAgainPorts,
	{ argv, directory, env, isDaemon }: Command,
	names: readonly string[],
): Promise<Again> {
	if (isDaemon) return stays("this daemon was started outside of it", `\`systemctl start ${AGENT_UNIT}\``);
	if (env[MARK] !== undefined)
		return stays("its unit was given none", "see `journalctl -t systemd` for the reason");
	if (!(await isSystemd(disk)))
		return process.getuid?.() === 0
			? stays("no systemd runs here", "name a file in keyturn.yaml instead: { file: PATH }")
			: stays("only root can run a command with it", "run the command as root");
	const loaded = await loadedCredentials(programs);
	if (typeof loaded === "string")
		return stays(`what it loads could not be asked for: ${loaded}`, "is dbus running, and busctl installed?");
	const wanted = loaded.filter(({ name }) => names.includes(name));
	if (wanted.length === 0) return stays("that unit does not load it");
	const loads = wanted.map(({ property }) => property);
	const unit = `keyturn-command-${random.id().slice(0, 12)}`;
	const properties = [...loads, `WorkingDirectory=${directory}`, "KillMode=mixed", "LimitCORE=0"];
	const heeded = Object.entries(env).filter(([name]) => HEEDED.test(name));
	const given = Object.fromEntries(heeded.map(([name, value]) => [name, value ?? ""]));
	return {
		kind: "again",
		unit: `${unit}.service`,
		loads,
		argv: inTransientUnit(
			{
				description: "a command of keyturn, with the credentials of its unit",
				name: unit,
				env: { ...given, [MARK]: "1" },
				properties,
			},
			argv,
		),
	};
}

/** Without a hint of its own, what mends it is to have the agent's unit load the credential. */
function stays(why: string, hint: string | null = null): Again {
	return { kind: "stays", why, hint };
}

/**
 * Resolves to the exit status of the command when it has ended. When it is asked to end, so is the command, by the same
 * signal. Fails with `config.unreadable` where systemd could not start it, a credential's file being absent, say.
 */
export async function runAgain(
	ports: RunAgainPorts,
	again: Again & { readonly kind: "again" },
	stopping: Stopping,
): Promise<number> {
	const { signal } = stopping;
	signal.throwIfAborted();
	const { unit, loads, argv } = again;
	const ended = new AbortController();
	let passing = Promise.resolve();
	const onAbort = (): void => {
		passing = passOn(ports, unit, stopping.stoppedBy() ?? "SIGTERM", ended.signal);
	};
	signal.addEventListener("abort", onAbort, { once: true });
	const status = await ports.start(argv).finally(() => {
		signal.removeEventListener("abort", onAbort);
		ended.abort();
	});
	await passing;
	if (status === null)
		throw new KeyturnError("program.failed", `systemd-run was killed: ${unit} may still be at work`, {
			hint: `see \`systemctl status ${unit}\``,
		});
	if (status < NOT_STARTED.from || status > NOT_STARTED.to) return status;
	throw new KeyturnError(
		"config.unreadable",
		`the command needs credentials, and systemd could not start it with ${loads.join(" and ")}: ${unit} ended with status ${status}`,
		{ hint: `is the file there? \`journalctl -u ${unit}\` says more` },
	);
}

/** Tried until the unit is there to take it, or has ended. */
async function passOn(
	{ programs, clock }: RunAgainPorts,
	unit: string,
	name: string,
	ended: AbortSignal,
): Promise<void> {
	const kill = ["kill", "--kill-who=main", `--signal=${name}`, "--", unit];
	const request = { argv: ["/usr/bin/systemctl", ...kill], timeoutMs: DEADLINE_MS, owner: ROOT } as const;
	do {
		const result = await programs.run(request, NEVER).catch(() => null);
		if (result?.status === 0) return;
		await clock.sleep(AGAIN_MS, ended);
	} while (!ended.aborted);
}
