/** A host on which `keyturn init` finds signers: its files, and what the programs say that it asks; nothing can be written. */

import { generateKeyPairSync } from "node:crypto";
import type { Disk } from "../../src/ports/disk.ts";
import type { Sockets } from "../../src/ports/sockets.ts";
import type { DiscoveryTools } from "../../src/signers/discovery/proposal.ts";
import { createProgramTrust } from "../../src/system/program-trust.ts";
import { SimDisk } from "./sim-disk.ts";
import { createSimProcess } from "./sim-process.ts";
import { createSleepingClock } from "./sleeping-clock.ts";

export interface HostFile {
	readonly text: string;
	readonly mode?: number;
	/** Root where it is left out. */
	readonly uid?: number;
}

export interface FoundHost {
	/** By path; directories above are made. */
	readonly files: Readonly<Record<string, string | HostFile>>;
	/** What is printed, by the words of the command. */
	readonly programs?: Readonly<Record<string, string>>;
	/** Files that OpenDKIM's user cannot open. */
	readonly unreadable?: readonly string[];
	readonly sockets?: Sockets;
}

export const RSA_KEY = generateKeyPairSync("rsa", { modulusLength: 1024 })
	.privateKey.export({ format: "pem", type: "pkcs8" })
	.toString();
/** As rspamd and dkimpy-milter read one. */
export const ED25519_KEY = generateKeyPairSync("ed25519")
	.privateKey.export({ format: "der", type: "pkcs8" })
	.subarray(-32)
	.toString("base64");

/** Users of the signers, each with an id of its own. */
export const UID = { opendkim: 110, _rspamd: 111, "dkimpy-milter": 112, dkimproxy: 113, "Debian-exim": 114 };

export function foundHost({ files, programs = {}, unreadable = [], sockets }: FoundHost): DiscoveryTools {
	const disk = new SimDisk(() => new Date());
	for (const [path, file] of Object.entries({ ...ACCOUNTS, ...files })) {
		disk.putDirectory(path.slice(0, path.lastIndexOf("/")));
		const { text, mode, uid = 0 }: HostFile = typeof file === "string" ? { text: file } : file;
		disk.put(path, text, mode, { uid, gid: uid });
	}
	const run: DiscoveryTools["programs"]["run"] = async ({ argv, owner }) => {
		if (/\/opendkim -n -x /.test(argv.join(" "))) {
			const stderr =
				owner === undefined
					? ""
					: unreadable.map((path) => `opendkim: ${path}: Permission denied`).join("\n");
			return Promise.resolve({ status: stderr === "" ? 0 : 78, signal: null, stdout: "", stderr });
		}
		const stdout = programs[argv.join(" ")];
		if (stdout === undefined) throw new Error(`nothing else is run: ${argv.join(" ")}`);
		return Promise.resolve({ status: 0, signal: null, stdout, stderr: "" });
	};
	const never = async (): Promise<never> => Promise.reject(new Error("nothing is asked of a running signer"));
	return {
		disk: readOnly(disk.open({ process: createSimProcess() })),
		programs: { run },
		outside: { run },
		sockets: sockets ?? { connect: never },
		clock: createSleepingClock(),
		runProbe: never,
		programTrust: createProgramTrust(disk.open({ process: createSimProcess() }), 0),
	};
}

const USERS = Object.entries(UID);
const ACCOUNTS = {
	"/etc/passwd": `root:x:0:0::/root:/bin/sh\n${USERS.map(([name, id]) => `${name}:x:${id}:${id}::/:/bin/false\n`).join("")}`,
	"/etc/group": USERS.map(([name, id]) => `${name}:x:${id}:\n`).join(""),
};

const READS = ["read", "stat", "lstat", "realpath", "list"];

function readOnly(disk: Disk): Disk {
	return new Proxy(disk, {
		get: (target, name) => {
			if (!READS.includes(String(name)))
				throw new Error(`${String(name)}: nothing is written to find a signer`);
			const member: unknown = Reflect.get(target, name);
			return typeof member === "function" ? (member as () => unknown).bind(target) : member;
		},
	});
}
