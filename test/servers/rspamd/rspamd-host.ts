/** A real rspamd for a test: nothing but its signing module, in a directory of its user, on a port of the test's choice. */

import { execFileSync } from "node:child_process";
import { setMaxListeners } from "node:events";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { Signer } from "../../../src/ports/signer.ts";
import { createRspamdSigner } from "../../../src/signers/rspamd/signer.ts";
import { answerProbe } from "../../../src/signers/socket-probe.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createSystemDisk } from "../../../src/system/disk.ts";
import { createMailVerifier } from "../../../src/system/mail-verifier.ts";
import { createSystemPrograms } from "../../../src/system/programs.ts";
import { createSystemSockets } from "../../../src/system/sockets.ts";
import { freePort, type Program, startProgram } from "../program.ts";

const RSPAMD = "/usr/bin/rspamd";
/** It runs as a user of its own. */
export const mayRun = existsSync(RSPAMD) && process.getuid?.() === 0;

const tools = {
	sockets: createSystemSockets(),
	verifier: createMailVerifier(),
	clock: createSystemClock(),
};
const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER);

export interface RspamdHost {
	readonly directory: string;
	/** The file with `domain { }`. */
	readonly configPath: string;
	/** The main configuration. */
	readonly mainPath: string;
	/** Of its normal worker, on loopback. */
	readonly port: number;
	readonly signer: Signer;
	/** Writes a file of rspamd's user below the directory; answers its path. */
	write(name: string, text: string): Promise<string>;
	start(): Promise<RunningRspamd>;
}

export interface RunningRspamd {
	/** As its service's reload does. */
	reload(): Promise<void>;
	/** Main process, workers and helpers at once. */
	kill(): Promise<void>;
	/** Killed, and started again. */
	restart(): Promise<void>;
}

export interface HostOptions {
	/** `keys` of keyturn.yaml, below the directory. */
	readonly keys?: string;
	/** Which worker listens at its port; Debian's controller asks loopback for no password. */
	readonly worker?: "normal" | "controller";
	/** Where the keys are in Redis: its socket, and the name of the table below the directory. */
	readonly redis?: { readonly socket: string; readonly table: string };
}

export async function prepareHost({
	keys = "keys",
	worker = "normal",
	redis,
}: HostOptions = {}): Promise<RspamdHost> {
	const directory = await mkdtemp("/var/lib/keyturn-rspamd-");
	onTestFinished(() => rm(directory, { recursive: true, force: true }));
	const [uid, gid] = [idOf("-u"), idOf("-g")];
	await chown(directory, uid, gid);
	await chmod(directory, 0o750);
	await mkdir(join(directory, "keys"), { mode: 0o700 });
	await chown(join(directory, "keys"), uid, gid);
	const port = await freePort();
	const write = async (name: string, text: string): Promise<string> => {
		const path = join(directory, name);
		if ((await mkdir(dirname(path), { recursive: true, mode: 0o700 })) !== undefined)
			await chown(dirname(path), uid, gid);
		await writeFile(path, text);
		await chown(path, uid, gid);
		await chmod(path, 0o600);
		return path;
	};
	const configPath = join(directory, "dkim_signing.conf");
	await write("tld", "com\nnet\norg\n");
	const mainPath = await write(
		"rspamd.conf",
		mainConfiguration({ directory, port, worker, redisSocket: redis?.socket ?? "" }),
	);
	const signer = createRspamdSigner({
		name: "main",
		settings: {
			config: configPath,
			keys: join(directory, keys),
			redis:
				redis === undefined
					? null
					: { ...redis, table: join(directory, redis.table), database: 0, password_file: null },
			user: "_rspamd",
			listen: `127.0.0.1:${port}`,
			main: mainPath,
			program: "/usr/bin/rspamadm",
		},
		service: "keyturn-test-rspamd",
		swap: "reload",
		disk: createSystemDisk(),
		programs: createSystemPrograms(),
		sockets: tools.sockets,
		runProbe: async (request) => answerProbe(tools, request, NEVER),
	});
	return {
		directory,
		configPath,
		mainPath,
		port,
		signer,
		write,
		start: async () => start(directory, mainPath, port),
	};
}

/** Nothing is asked of DNS, and the short list of top domains is quickly compiled. */
function mainConfiguration({
	directory,
	port,
	worker,
	redisSocket,
}: {
	readonly directory: string;
	readonly port: number;
	readonly worker: "normal" | "controller";
	readonly redisSocket: string;
}): string {
	return `options {
	pidfile = "${directory}/pid"; filters = "dkim"; local_addrs = ["127.0.0.0/8"]; tempdir = "${directory}";
	dns { nameserver = ["127.0.0.1:9"]; timeout = 0.2s; retransmits = 1; }
	url_tld = "${directory}/tld"; cache_file = "${directory}/symbols.cache"; hs_cache_dir = "${directory}";
}
logging { type = "file"; filename = "${directory}/log"; level = "info"; }
worker "${worker}" { bind_socket = "127.0.0.1:${port}"; count = 1; password = "q1"; secure_ip = "127.0.0.1"; }
lua = "/usr/share/rspamd/rules/rspamd.lua";
modules { path = "/usr/share/rspamd/plugins/dkim_signing.lua"; }
metric { name = "default"; actions { reject = 15; } }
dkim { }
${redisSocket === "" ? "" : `redis { servers = "${redisSocket}"; }`}
dkim_signing {
	.include(try=false,priority=1,duplicate=merge) "${directory}/dkim_signing.conf"
}
`;
}

/** In a process namespace of its own, so that no worker outlives it. */
async function start(directory: string, mainPath: string, port: number): Promise<RunningRspamd> {
	const apart = ["--pid", "--fork"];
	const user = ["/usr/bin/setpriv", "--reuid=_rspamd", "--regid=_rspamd", "--clear-groups"];
	const program = await startProgram("/usr/bin/unshare", [...apart, ...user, RSPAMD, "-f", "-c", mainPath], {
		log: join(directory, "out"),
		cwd: directory,
		ready: async () => {
			const socket = { kind: "inet", host: "127.0.0.1", port } as const;
			const request = { kind: "rspamd", socket, expectations: [], timeoutMs: 50, settleMs: 0 } as const;
			return (await answerProbe(tools, request, NEVER)).isUp;
		},
	});
	const main = await mainProcess(program);
	const kill = async (): Promise<void> => {
		if (existsSync(`/proc/${main}`)) process.kill(main, "SIGKILL");
		await program.stop();
	};
	onTestFinished(kill);
	return {
		kill,
		restart: async () => {
			await kill();
			await start(directory, mainPath, port);
		},
		reload: async () => {
			process.kill(main, "SIGHUP");
			return Promise.resolve();
		},
	};
}

/** The first in the namespace: all others go with it. */
async function mainProcess({ pid }: Program): Promise<number> {
	return Number((await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim());
}

function idOf(option: "-u" | "-g"): number {
	return Number(execFileSync("/usr/bin/id", [option, "_rspamd"], { encoding: "utf8" }));
}
