/** dkimpy-milter held to the contract of all signers. */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, onTestFinished } from "vitest";
import { createDkimpySigner } from "../../../src/signers/dkimpy/signer.ts";
import { answerProbe } from "../../../src/signers/socket-probe.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createSystemDisk } from "../../../src/system/disk.ts";
import { createMailVerifier } from "../../../src/system/mail-verifier.ts";
import { createSystemSockets } from "../../../src/system/sockets.ts";
import { describeSignerContract, type SignerBench } from "../../signers/contract.ts";
import { makeKey } from "../opendkim/opendkim-host.ts";
import { freePort, type Program, startProgram } from "../program.ts";

const PROGRAM = "/usr/bin/dkimpy-milter";
const mayRun = existsSync(PROGRAM) && process.getuid?.() === 0;
const verifier = createMailVerifier();
const tools = { verifier, sockets: createSystemSockets(), clock: createSystemClock() };
const old = makeKey();
const others = makeKey();

describe.skipIf(!mayRun)("dkimpy-milter", () => {
	describeSignerContract("with a KeyTable", { start, makeKey, verifier, unsigned: "example.net" });
});

async function start(): Promise<SignerBench> {
	const directory = await mkdtemp("/var/lib/keyturn-dkimpy-");
	onTestFinished(() => rm(directory, { recursive: true, force: true }));
	const [uid, gid] = ["-u", "-g"].map((option) =>
		Number(execFileSync("/usr/bin/id", [option, "dkimpy-milter"], { encoding: "utf8" })),
	) as [number, number];
	await chmod(directory, 0o755);
	await mkdir(join(directory, "keys"), { mode: 0o700 });
	await chown(join(directory, "keys"), uid, gid);
	const write = async (name: string, text: string): Promise<string> => {
		const path = join(directory, name);
		await writeFile(path, text, { mode: 0o600 });
		await chown(path, uid, gid);
		return path;
	};
	const first = await write("keys/first", old.pem);
	const second = await write("keys/second", others.pem);
	const keyTable = await write(
		"keytable",
		`# what signs\nshop\texample.com:202610:${first}\n\nother example.org:202609:${second}\n`,
	);
	const signingTable = await write("signingtable", "*@example.com shop\n*@example.org other\n");
	const port = await freePort();
	const lines = [
		"Syslog no",
		`Socket inet:${port}@127.0.0.1`,
		"UserID dkimpy-milter",
		`KeyTable file:${keyTable}`,
		`SigningTable refile:${signingTable}`,
		"Mode s",
	];
	const config = await write("dkimpy-milter.conf", `${lines.join("\n")}\n`);
	const target = { kind: "inet", host: "127.0.0.1", port } as const;
	const isUp = async () =>
		(
			await answerProbe(
				tools,
				{ kind: "milter", socket: target, expectations: [], timeoutMs: 50, settleMs: 0 },
				new AbortController().signal,
			)
		).isUp;
	const run = async (): Promise<Program> =>
		startProgram(PROGRAM, [config], { log: join(directory, "log"), cwd: directory, ready: isUp });
	let program = await run();
	const kill = async (): Promise<void> => {
		program.signal("SIGKILL");
		await program.stop();
	};
	onTestFinished(kill);
	return {
		signer: createDkimpySigner({
			name: "main",
			service: "keyturn-test-dkimpy",
			swap: "restart",
			disk: createSystemDisk(),
			runProbe: async (request) => answerProbe(tools, request, new AbortController().signal),
			settings: { config, keys: join(directory, "keys") },
		}),
		domain: "example.com",
		inUse: { selector: "202610", record: old.record },
		other: "example.org",
		reload: async () => {
			await kill();
			program = await run();
		},
		kill,
		spoilConfiguration: async () => rm(signingTable),
	};
}
