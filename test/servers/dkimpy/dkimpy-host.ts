/** A real dkimpy-milter for a test: its files in a directory of its user, on a port of the test's choice. */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { Signer } from "../../../src/ports/signer.ts";
import { createDkimpySigner } from "../../../src/signers/dkimpy/signer.ts";
import { answerProbe } from "../../../src/signers/socket-probe.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createSystemDisk } from "../../../src/system/disk.ts";
import { createMailVerifier } from "../../../src/system/mail-verifier.ts";
import { createSystemSockets } from "../../../src/system/sockets.ts";
import { freePort, type Program, startProgram } from "../program.ts";

const PROGRAM = "/usr/bin/dkimpy-milter";
export const mayRun = existsSync(PROGRAM) && process.getuid?.() === 0;
export const verifier = createMailVerifier();
const tools = { verifier, sockets: createSystemSockets(), clock: createSystemClock() };

export interface DkimpyHost {
	readonly signer: Signer;
	/** Writes a file of its user below the directory; answers its path. */
	write(name: string, text: string): Promise<string>;
	/** Starts it with these lines in its configuration besides. */
	start(lines: readonly string[]): Promise<{ restart(): Promise<void>; kill(): Promise<void> }>;
}

export async function prepareHost(): Promise<DkimpyHost> {
	const directory = await mkdtemp("/var/lib/keyturn-dkimpy-");
	onTestFinished(() => rm(directory, { recursive: true, force: true }));
	const [uid, gid] = ["-u", "-g"].map((option) =>
		Number(execFileSync("/usr/bin/id", [option, "dkimpy-milter"], { encoding: "utf8" })),
	) as [number, number];
	await chmod(directory, 0o755);
	const write = async (name: string, text: string): Promise<string> => {
		const path = join(directory, name);
		if ((await mkdir(dirname(path), { recursive: true, mode: 0o700 })) !== undefined)
			await chown(dirname(path), uid, gid);
		await writeFile(path, text, { mode: 0o600 });
		await chown(path, uid, gid);
		return path;
	};
	const port = await freePort();
	const target = { kind: "inet", host: "127.0.0.1", port } as const;
	const request = { kind: "milter", socket: target, expectations: [], timeoutMs: 50, settleMs: 0 } as const;
	const isUp = async () => (await answerProbe(tools, request, new AbortController().signal)).isUp;
	const config = join(directory, "dkimpy-milter.conf");
	return {
		signer: createDkimpySigner({
			name: "main",
			service: "keyturn-test-dkimpy",
			swap: "restart",
			disk: createSystemDisk(),
			runProbe: async (asked) => answerProbe(tools, asked, new AbortController().signal),
			settings: { config, keys: join(directory, "keys") },
		}),
		write,
		start: async (lines) => {
			const own = ["Syslog no", `Socket inet:${port}@127.0.0.1`, "UserID dkimpy-milter", "Mode s"];
			await write("dkimpy-milter.conf", [...own, ...lines, ""].join("\n"));
			const run = async (): Promise<Program> =>
				startProgram(PROGRAM, [config], { log: join(directory, "log"), cwd: directory, ready: isUp });
			let program = await run();
			const kill = async (): Promise<void> => {
				program.signal("SIGKILL");
				await program.stop();
			};
			onTestFinished(kill);
			const restart = async (): Promise<void> => {
				await kill();
				program = await run();
			};
			return { restart, kill };
		},
	};
}
