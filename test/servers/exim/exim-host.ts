/** A real Exim for a test, from files beside the installed mail server; its configuration as docs/signers.md prints it. */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Signer } from "../../../src/ports/signer.ts";
import { createEximSigner } from "../../../src/signers/exim/signer.ts";
import { answerProbe } from "../../../src/signers/socket-probe.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createSystemDisk } from "../../../src/system/disk.ts";
import { createMailVerifier } from "../../../src/system/mail-verifier.ts";
import { createSystemPrograms } from "../../../src/system/programs.ts";
import { createSystemSockets } from "../../../src/system/sockets.ts";
import { UNPACKED } from "../../run/suites.ts";

const EXIM = join(UNPACKED, "usr/sbin/exim4");
const USER = "Debian-exim";
export const mayRun = existsSync(EXIM) && process.getuid?.() === 0;
export const verifier = createMailVerifier();

const tools = { verifier, sockets: createSystemSockets(), clock: createSystemClock() };

export interface EximHost {
	readonly directory: string;
	readonly config: string;
	readonly table: string;
	readonly program: string;
	readonly signer: Signer;
	/** Writes a file of Exim's user; answers its path. */
	write(name: string, text: string, mode?: number): Promise<string>;
	/** Delivers a message by SMTP to the port that the host was made with; resolves when Exim has done it. */
	deliver(sender: string): Promise<void>;
}

export async function prepareExim(port = 9): Promise<EximHost> {
	const directory = await mkdtemp("/var/lib/keyturn-exim-");
	onTestFinished(() => rm(directory, { recursive: true, force: true }));
	const uid = Number(execFileSync("/usr/bin/id", ["-u", USER], { encoding: "utf8" }));
	const gid = Number(execFileSync("/usr/bin/id", ["-g", USER], { encoding: "utf8" }));
	const [config, table, program] = ["exim.conf", "table", "exim"].map((name) => join(directory, name)) as [
		string,
		string,
		string,
	];
	await chmod(directory, 0o755);
	for (const name of ["spool", "keys"]) {
		await mkdir(join(directory, name), { mode: 0o700 });
		await chown(join(directory, name), uid, gid);
	}
	await symlink(EXIM, program);
	await writeFile(config, configuration({ directory, table, port }), { mode: 0o644 });
	const programs = createSystemPrograms();
	return {
		directory,
		config,
		table,
		program,
		signer: createEximSigner({
			name: "main",
			service: "keyturn-test-exim",
			swap: "reload",
			disk: createSystemDisk(),
			programs,
			runProbe: async (request) => answerProbe(tools, request, new AbortController().signal),
			settings: { table, keys: join(directory, "keys"), program, config, user: USER },
		}),
		write: async (name, text, mode = 0o600) => {
			const path = join(directory, name);
			await writeFile(path, text, { mode });
			await chown(path, uid, gid);
			return path;
		},
		deliver: async (sender) => {
			const input = `From: <${sender}>\nTo: <b@example.net>\nDate: Thu, 01 Jan 1970 00:00:00 +0000\nMessage-ID: <1@x>\n\nhello\n`;
			const argv = [EXIM, "-C", config, "-odi", "-f", sender, "b@example.net"] as const;
			const { status, stderr } = await programs.run(
				{ argv, input, timeoutMs: 30_000 },
				new AbortController().signal,
			);
			if (status !== 0) throw new Error(`exim: ${stderr}`);
		},
	};
}

/** The three macros are those of docs/signers.md. */
function configuration(given: {
	readonly directory: string;
	readonly table: string;
	readonly port: number;
}): string {
	const { directory, table, port } = given;
	return `DKIM_DOMAIN = \${lookup{\${lc:$sender_address_domain}}lsearch{${table}}{\${lc:$sender_address_domain}}}
DKIM_SELECTOR = \${extract{selector}{\${lookup{$dkim_domain}lsearch{${table}}}}}
DKIM_PRIVATE_KEY = \${extract{key}{\${lookup{$dkim_domain}lsearch{${table}}}}}

exim_path = ${EXIM}
keep_environment =
spool_directory = ${directory}/spool
log_file_path = ${directory}/spool/%slog
primary_hostname = mx.example.com
never_users =
begin routers
sink:
  driver = manualroute
  route_list = * 127.0.0.1 byname
  self = send
  transport = remote_smtp
begin transports
remote_smtp:
  driver = smtp
  port = ${port}
  hosts_try_fastopen =
  dkim_domain = DKIM_DOMAIN
  dkim_selector = DKIM_SELECTOR
  dkim_private_key = DKIM_PRIVATE_KEY
local:
  driver = smtp
begin retry
* * F,1h,10m
`;
}
