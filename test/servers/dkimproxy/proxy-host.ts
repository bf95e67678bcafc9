/**
 * A DKIMproxy for a test: its files, and something that greets where it listens. The program itself is in no current Debian; what
 * signs in it, Perl's Mail::DKIM, is, and the signer asks that.
 */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Signer } from "../../../src/ports/signer.ts";
import { createDkimproxySigner } from "../../../src/signers/dkimproxy/signer.ts";
import { settingsSchema } from "../../../src/signers/dkimproxy/settings.ts";
import { answerProbe } from "../../../src/signers/socket-probe.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createSystemDisk } from "../../../src/system/disk.ts";
import { createMailVerifier } from "../../../src/system/mail-verifier.ts";
import { createSystemPrograms } from "../../../src/system/programs.ts";
import { createSystemSockets } from "../../../src/system/sockets.ts";

/** Any account but root and nobody, which has no rights of its own. */
const USER = "daemon";
export const mayRun = existsSync("/usr/share/perl5/Mail/DKIM.pm") && process.getuid?.() === 0;

const tools = {
	verifier: createMailVerifier(),
	sockets: createSystemSockets(),
	clock: createSystemClock(),
};

export interface ProxyHost {
	readonly directory: string;
	readonly config: string;
	readonly signer: Signer;
	/** Writes a file that its user may read; answers its path. */
	write(name: string, text: string): Promise<string>;
	/** Greets, as the proxy does while the mail server behind it is stopped; answers where. */
	listen(): Promise<{ readonly listen: string; readonly kill: () => Promise<void> }>;
}

export async function prepareProxy(): Promise<ProxyHost> {
	const directory = await mkdtemp("/var/lib/keyturn-dkimproxy-");
	onTestFinished(() => rm(directory, { recursive: true, force: true }));
	const [uid, gid] = ["-u", "-g"].map((option) =>
		Number(execFileSync("/usr/bin/id", [option, USER], { encoding: "utf8" })),
	) as [number, number];
	await chmod(directory, 0o755);
	await mkdir(join(directory, "keys"), { mode: 0o700 });
	await chown(join(directory, "keys"), uid, gid);
	const config = join(directory, "dkimproxy_out.conf");
	return {
		directory,
		config,
		signer: createDkimproxySigner({
			name: "main",
			service: "keyturn-test-dkimproxy",
			swap: "restart",
			disk: createSystemDisk(),
			programs: createSystemPrograms(),
			runProbe: async (request) => answerProbe(tools, request, new AbortController().signal),
			settings: settingsSchema.parse({ config, keys: join(directory, "keys"), user: USER }),
		}),
		write: async (name, text) => {
			const path = join(directory, name);
			await writeFile(path, text, { mode: 0o600 });
			await chown(path, uid, gid);
			return path;
		},
		listen,
	};
}

async function listen(): Promise<{ readonly listen: string; readonly kill: () => Promise<void> }> {
	const server = createServer((socket) => {
		socket.on("error", () => socket.destroy());
		socket.end("421 Internal error (Next hop is down)\r\n");
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const kill = async (): Promise<void> => {
		// It listens no more at once; connections that are open may end later.
		if (server.listening) server.close();
		return Promise.resolve();
	};
	onTestFinished(kill);
	return { listen: `127.0.0.1:${(server.address() as AddressInfo).port}`, kill };
}
