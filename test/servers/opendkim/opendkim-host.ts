/** A real OpenDKIM for a test: its files in a directory that its user trusts, run on a socket of the test's choice. */

import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { setMaxListeners } from "node:events";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ProgramRequest, Programs } from "../../../src/ports/programs.ts";
import type { Signer } from "../../../src/ports/signer.ts";
import type { SocketTarget } from "../../../src/ports/sockets.ts";
import { createOpenDkimSigner } from "../../../src/signers/opendkim/signer.ts";
import { answerProbe } from "../../../src/signers/socket-probe.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createSystemDisk } from "../../../src/system/disk.ts";
import { createMailVerifier } from "../../../src/system/mail-verifier.ts";
import { createSystemPrograms } from "../../../src/system/programs.ts";
import { createSystemSockets } from "../../../src/system/sockets.ts";
import { freePort, type Program, startProgram } from "../program.ts";

export const OPENDKIM = "/usr/sbin/opendkim";
/** Another user is needed, so root is; and the program. */
export const mayRun = existsSync(OPENDKIM) && process.getuid?.() === 0;

export const disk = createSystemDisk();
export const verifier = createMailVerifier();
const clock = createSystemClock();
const sockets = createSystemSockets();
const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER);

export interface TestKey {
	readonly pem: string;
	readonly record: string;
}

export interface OpenDkimHost {
	readonly directory: string;
	readonly configPath: string;
	readonly keyTable: string;
	readonly uid: number;
	readonly gid: number;
	/** Writes a key file that OpenDKIM trusts; answers its path. */
	writeKey(name: string, key: TestKey): Promise<string>;
	/** Writes a file of the signer's user below the directory; answers its path. */
	write(name: string, text: string): Promise<string>;
	/** Renames a new key table into place. */
	replaceKeyTable(text: string): Promise<void>;
	signer(swap?: "restart" | "reload"): Signer;
	start(): Promise<Program>;
}

export function makeKey(): TestKey {
	const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
	const spki = publicKey.export({ format: "der", type: "spki" }).toString("base64");
	return {
		pem: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
		record: `v=DKIM1;k=rsa;p=${spki}`,
	};
}

/** `extra` goes into opendkim.conf; the tables are files `key.table` and `signing.table` in the directory. */
export async function prepareHost(
	options: {
		readonly socket?: "inet" | "unix";
		readonly extra?: string;
		readonly signing?: string;
		/** How the key table is named: `refile:`, or nothing. */
		readonly keys?: string;
		/** What names the keys, instead of the two tables. */
		readonly naming?: (directory: string) => string;
		/** Called with the directory before anything is written there. */
		readonly onDirectory?: ((directory: string) => Promise<void>) | undefined;
	} = {},
): Promise<OpenDkimHost> {
	const directory = await mkdtemp("/var/lib/keyturn-opendkim-");
	onTestFinished(() => rm(directory, { recursive: true, force: true }));
	await options.onDirectory?.(directory);
	const uid = idOf("-u");
	const gid = idOf("-g");
	await chown(directory, uid, gid);
	await chmod(directory, 0o750);
	const port = await freePort();
	const target: SocketTarget =
		options.socket === "unix"
			? { kind: "unix", path: join(directory, "opendkim.sock") }
			: { kind: "inet", host: "127.0.0.1", port };
	const write = async (name: string, text: string): Promise<string> => {
		const path = join(directory, name);
		await writeFile(path, text, "latin1");
		await chown(path, uid, gid);
		await chmod(path, 0o600);
		return path;
	};
	const keyTable = join(directory, "key.table");
	const configPath = await write(
		"opendkim.conf",
		[
			"# a test",
			"syslog no",
			"UserID opendkim",
			options.naming?.(directory) ??
				`KeyTable ${options.keys ?? ""}${keyTable}\nSigningTable ${options.signing ?? "refile:"}${join(directory, "signing.table")}`,
			"Canonicalization relaxed/simple",
			"Mode sv",
			"OversignHeaders From",
			target.kind === "unix" ? `Socket local:${target.path}` : `Socket inet:${target.port}@127.0.0.1`,
			`PidFile ${join(directory, "opendkim.pid")}`,
			options.extra ?? "",
			"",
		].join("\n"),
	);
	return {
		directory,
		configPath,
		keyTable,
		uid,
		gid,
		write,
		writeKey: async (name, key) => {
			await mkdir(join(directory, "keys"), { recursive: true, mode: 0o700 });
			await chown(join(directory, "keys"), uid, gid);
			return write(`keys/${name}.private`, key.pem);
		},
		replaceKeyTable: async (text) => {
			await rename(await write("key.table.new", text), keyTable);
		},
		signer: (swap = "restart") =>
			createOpenDkimSigner({
				name: "main",
				settings: { config: configPath, keys: join(directory, "keys"), program: OPENDKIM },
				service: "keyturn-test-opendkim",
				swap,
				disk,
				programs: createSystemPrograms(),
				runProbe: async (request) => answerProbe({ sockets, verifier, clock }, request, NEVER),
			}),
		start: async () => start(directory, configPath, target),
	};
}

/** Signs a message from `sender` with the host's own configuration; the selector, or null if it was not signed. */
export async function signWith(host: OpenDkimHost, sender: string): Promise<string | null> {
	const request: ProgramRequest = {
		argv: [OPENDKIM, "-b", "s", "-x", host.configPath, "-t", "-"],
		input: `From: <${sender}>\r\nTo: <b@example.net>\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\n\r\nhello\r\n`,
		timeoutMs: 20_000,
		owner: { uid: host.uid, gid: host.gid },
	};
	const programs: Programs = createSystemPrograms();
	const { status, stdout } = await programs.run(request, NEVER);
	if (status !== 0) return null;
	return /\bs=([^;]+);/.exec(stdout)?.[1] ?? null;
}

async function start(directory: string, configPath: string, target: SocketTarget): Promise<Program> {
	const program = await startProgram(OPENDKIM, ["-f", "-x", configPath], {
		log: join(directory, "log"),
		cwd: directory,
		ready: async () => {
			const request = {
				kind: "milter",
				socket: target,
				expectations: [],
				timeoutMs: 50,
				settleMs: 0,
			} as const;
			return (await answerProbe({ sockets, verifier, clock }, request, NEVER)).isUp;
		},
	});
	// SIGTERM takes it seconds (libmilter polls).
	onTestFinished(async () => {
		program.signal("SIGKILL");
		await program.stop();
	});
	return program;
}

function idOf(option: "-u" | "-g"): number {
	return Number(execFileSync("/usr/bin/id", [option, "opendkim"], { encoding: "utf8" }));
}
