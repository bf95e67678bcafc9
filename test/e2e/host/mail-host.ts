/** A throwaway host with a real systemd: this machine's own root under an overlay, with a network and a disk of its own. */

import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { INSIDE } from "../../build.ts";
import { eventually } from "./eventually.ts";

/** The checkout as the host sees it, and the node that runs it. */
export const CHECKOUT = "/opt/keyturn";
export const NODE = "/opt/keyturn-node";
/** What is not of the host but of the world around it: no full disk of the host fills it, no pulled plug ends it. */
export const OUTSIDE = "/srv/outside";

export interface Outcome {
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
}

export interface RunOptions {
	readonly input?: string;
	readonly env?: Readonly<Record<string, string>>;
	/** Killed after this long; 60 s if left out. */
	readonly timeoutSeconds?: number;
}

export interface HostOptions {
	/** Of its disk, which is memory. */
	readonly diskMegabytes?: number;
}

export interface MailHost {
	readonly name: string;
	/** A directory of this machine that the host sees as OUTSIDE. */
	readonly outside: string;
	/** Runs a command inside as root, whatever its exit status. */
	in(argv: readonly string[], options?: RunOptions): Promise<Outcome>;
	/** The same, but fails unless it ends with 0; answers what it wrote on standard output. */
	must(argv: readonly string[], options?: RunOptions): Promise<string>;
	/** A shell script inside, stopped at its first failure. */
	script(text: string, options?: RunOptions): Promise<string>;
	/** A program left running inside; it dies with the host. */
	start(argv: readonly string[]): ChildProcessWithoutNullStreams;
	write(path: string, text: string, as?: { readonly mode?: string; readonly owner?: string }): Promise<void>;
	read(path: string): Promise<string>;
	/** The plug is pulled: every process is gone at once, the disk stays as it was. */
	cut(): Promise<void>;
	/** As an administrator does it: services are stopped in their order. Resolves when all is gone. */
	shutDown(): Promise<void>;
	/** Boots it again, from the disk as it is. */
	boot(): Promise<void>;
	/** Ends it and forgets it; can be repeated. */
	down(): Promise<void>;
}

let hostsMade = 0;

/** Boots a host. It ends with `down`, and at the latest with this process, however that ends. */
export async function upHost({ diskMegabytes = 4096 }: HostOptions = {}): Promise<MailHost> {
	hostsMade += 1;
	const name = `keyturn-e2e-${process.pid}-${hostsMade}`;
	const directory = await mkdtemp(join(tmpdir(), "keyturn-host-"));
	await Promise.all(["disk", "root", "outside"].map(async (part) => mkdir(join(directory, part))));
	const groups = controlGroups(name);
	const keeper = await startKeeper(directory, diskMegabytes, groups);
	const host = new BootedHost(name, directory, groups, keeper, await checkoutBinds());
	try {
		await host.boot();
	} catch (thrown) {
		await host.down();
		throw thrown;
	}
	return host;
}

class BootedHost implements MailHost {
	readonly name: string;
	readonly outside: string;
	readonly #directory: string;
	readonly #groups: readonly string[];
	readonly #keeper: ChildProcessWithoutNullStreams;
	readonly #binds: Readonly<Record<string, string>>;
	#nspawn: ChildProcess | null = null;
	#leader: number | null = null;
	/** What was started inside and has not ended. */
	readonly #entered = new Set<ChildProcess>();

	constructor(
		name: string,
		directory: string,
		groups: readonly string[],
		keeper: ChildProcessWithoutNullStreams,
		binds: Readonly<Record<string, string>>,
	) {
		this.name = name;
		this.outside = join(directory, "outside");
		this.#directory = directory;
		this.#groups = groups;
		this.#keeper = keeper;
		this.#binds = binds;
	}

	async boot(): Promise<void> {
		const console = await open(join(this.#directory, "console.log"), "a");
		const binds = Object.entries(this.#binds).map(([inside, outside]) => `--bind-ro=${outside}:${inside}`);
		binds.push(`--bind=${this.outside}:${OUTSIDE}`);
		const script = join(import.meta.dirname, "boot.sh");
		const enter = ["-t", String(this.#keeper.pid), "-m", "unshare", "-m", "--propagation", "slave"];
		const nspawn = spawn(
			"nsenter",
			[...enter, "sh", script, this.#directory, this.name, this.#groups.join(":"), ...binds],
			{ detached: true, stdio: ["ignore", console.fd, console.fd] },
		);
		this.#nspawn = nspawn;
		await console.close();
		await eventually(`${this.name} boots`, async () => this.#isUp(nspawn), {
			seconds: 60,
			explain: async () => readFile(join(this.#directory, "console.log"), "utf8"),
		});
	}

	async #isUp(nspawn: ChildProcess): Promise<boolean> {
		this.#leader ??= await leaderOf(nspawn.pid);
		if (this.#leader === null) return false;
		const state = await this.in(["systemctl", "is-system-running"]).catch(() => null);
		return ["running", "degraded"].includes(state?.stdout.trim() ?? "");
	}

	start(argv: readonly string[]): ChildProcessWithoutNullStreams {
		return this.#enter(argv, {});
	}

	#enter(argv: readonly string[], env: Readonly<Record<string, string>>): ChildProcessWithoutNullStreams {
		if (this.#leader === null) throw new Error(`${this.name} is not running`);
		const clean = { HOME: "/root", TERM: "dumb", LANG: "C.UTF-8", PATH: PATH_INSIDE, ...env };
		const variables = Object.entries(clean).map(([key, value]) => `${key}=${value}`);
		const namespaces = ["-t", String(this.#leader), "-m", "-u", "-i", "-n", "-p", "-C"];
		const child = spawn("nsenter", [...namespaces, "env", "-i", ...variables, ...argv], { stdio: "pipe" });
		this.#entered.add(child);
		child.once("exit", () => this.#entered.delete(child));
		return child;
	}

	async in(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
		const limit = ["timeout", "--signal=KILL", String(options.timeoutSeconds ?? 60)];
		const child = this.#enter([...limit, ...argv], options.env ?? {});
		return outcomeOf(child, options.input ?? "");
	}

	async must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
		const outcome = await this.in(argv, options);
		if (outcome.code !== 0)
			throw new Error(
				`${argv.join(" ")} ended ${outcome.code} in ${this.name}: ${outcome.stdout}${outcome.stderr}`,
			);
		return outcome.stdout;
	}

	async script(text: string, options: Omit<RunOptions, "input"> = {}): Promise<string> {
		// With a socket as its input, as node gives it, bash would read the machine's .bashrc first.
		return this.must(["bash", "--norc", "-euo", "pipefail", "-c", text], options);
	}

	async write(path: string, text: string, as: { mode?: string; owner?: string } = {}): Promise<void> {
		const how = ["-D", "-m", as.mode ?? "0644", "-o", as.owner ?? "root", "-g", as.owner ?? "root"];
		// Not install's own copying: it cannot open a socket, which is what node gives a child as its input.
		await this.must(
			["sh", "-euc", 'path=$1; shift; install "$@" /dev/null "$path"; cat >"$path"', "sh", path, ...how],
			{
				input: text,
			},
		);
	}

	async read(path: string): Promise<string> {
		return this.must(["cat", path]);
	}

	async cut(): Promise<void> {
		const nspawn = this.#nspawn;
		if (this.#leader !== null) killIfThere(this.#leader);
		this.#leader = null;
		this.#nspawn = null;
		if (nspawn === null || nspawn.exitCode !== null || nspawn.signalCode !== null) return;
		const ended = once(nspawn, "exit");
		const impatient = setTimeout(() => nspawn.kill("SIGKILL"), 5_000);
		await ended;
		clearTimeout(impatient);
	}

	async shutDown(): Promise<void> {
		const nspawn = this.#nspawn;
		if (nspawn === null) throw new Error(`${this.name} is not running`);
		const ended = once(nspawn, "exit");
		await this.in(["systemctl", "poweroff"]);
		// Going down, systemd stops every process (SIGSTOP); nsenter stops with its child, and then never collects it.
		const waking = setInterval(() => this.#entered.forEach((child) => child.kill("SIGCONT")), 200);
		await ended.finally(() => clearInterval(waking));
		this.#leader = null;
		this.#nspawn = null;
	}

	async down(): Promise<void> {
		await this.cut();
		if (this.#keeper.exitCode !== null || this.#keeper.signalCode !== null) return;
		const ended = once(this.#keeper, "exit");
		this.#keeper.stdin.end();
		await ended;
	}
}

const PATH_INSIDE = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** In both hierarchies where a machine has two; a stock Debian has one. */
function controlGroups(name: string): string[] {
	const mounts = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"].filter((path) => existsSync(path));
	return (mounts.length > 0 ? mounts : ["/sys/fs/cgroup"]).map((path) => join(path, name));
}

/** What of the checkout a host may see: read-only, at one path wherever the checkout is, readable by every user. */
async function checkoutBinds(): Promise<Record<string, string>> {
	const root = join(import.meta.dirname, "../../..");
	const parts = ["dist", "node_modules", "src", "test", "systemd", "config", "package.json", INSIDE];
	const there = parts.filter((part) => existsSync(join(root, part)));
	const binds = await Promise.all(
		there.map(async (part) => [`${CHECKOUT}/${part}`, await realpath(join(root, part))] as const),
	);
	return { ...Object.fromEntries(binds), [NODE]: await realpath(process.execPath) };
}

async function startKeeper(
	directory: string,
	diskMegabytes: number,
	groups: readonly string[],
): Promise<ChildProcessWithoutNullStreams> {
	const script = join(import.meta.dirname, "keeper.sh");
	const keeper = spawn("unshare", ["-m", "sh", script, directory, String(diskMegabytes), ...groups], {
		detached: true,
		stdio: "pipe",
	});
	let said = "";
	keeper.stderr.on("data", (chunk: Buffer) => {
		said += chunk.toString();
	});
	const first = await Promise.race([once(keeper.stdout, "data"), once(keeper, "exit")]);
	if (!String(first[0]).startsWith("ready")) {
		await rm(directory, { recursive: true });
		throw new Error(`the disk of a host could not be made: ${said}`);
	}
	return keeper;
}

/** The host's init: the child of nspawn that is process 1 in its own process namespace. */
async function leaderOf(nspawn: number | undefined): Promise<number | null> {
	const entries = await readdir("/proc");
	const pids = entries.filter((entry) => /^\d+$/.test(entry));
	const found = await Promise.all(pids.map(async (pid) => isLeader(pid, nspawn)));
	const index = found.indexOf(true);
	return index === -1 ? null : Number(pids[index]);
}

async function isLeader(pid: string, nspawn: number | undefined): Promise<boolean> {
	const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
	const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
	return (
		field("PPid") === String(nspawn) &&
		field("NSpid").split(/\s+/).at(-1) === "1" &&
		field("Name") === "systemd"
	);
}

async function outcomeOf(child: ChildProcessWithoutNullStreams, input: string): Promise<Outcome> {
	const written = { stdout: "", stderr: "" };
	child.stdout.setEncoding("utf8").on("data", (chunk: string) => (written.stdout += chunk));
	child.stderr.setEncoding("utf8").on("data", (chunk: string) => (written.stderr += chunk));
	// A command that does not read its input ends without it.
	child.stdin.on("error", () => undefined);
	child.stdin.end(input);
	const [code] = (await once(child, "close")) as [number | null];
	return { code: code ?? -1, ...written };
}

function killIfThere(pid: number): void {
	try {
		process.kill(pid, "SIGKILL");
	} catch (thrown) {
		if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
	}
}
