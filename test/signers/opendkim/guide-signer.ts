/** An OpenDKIM signer on a simulated disk that stands as the first guide leaves it, with short names and `example.private`. */

import { generateKeyPairSync } from "node:crypto";
import type { ProgramRequest, ProgramResult } from "../../../src/ports/programs.ts";
import { createOpenDkimSigner } from "../../../src/signers/opendkim/signer.ts";
import type { ProbeAnswer, ProbeRequest } from "../../../src/signers/probe-protocol.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";

export const PASSWD = "root:x:0:0:root:/root:/bin/sh\nopendkim:x:107:113::/run/opendkim:/usr/sbin/nologin\n";
export const GROUP = "root:x:0:\nopendkim:x:113:\nmail:x:8:somebody\n";
export const CONFIG = [
	"UserID opendkim",
	"KeyTable /etc/opendkim/key.table",
	"SigningTable refile:/etc/opendkim/signing.table",
	"Socket local:/run/opendkim/opendkim.sock",
	"",
].join("\n");
export const OWNER = { uid: 107, gid: 113 };
export const signed: ProgramResult = {
	status: 0,
	signal: null,
	stdout: "opendkim: (stdin):\nDKIM-Signature: v=1; d=example.com;\r\n\tb=abc\r\n",
	stderr: "",
};

export function keyPair() {
	const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
	return {
		pem: privateKey.export({ format: "pem", type: "pkcs1" }).toString(),
		spki: publicKey.export({ format: "der", type: "spki" }).toString("base64"),
	};
}

export const key = keyPair();

/** The guide's host: short names, example.private. */
export function guideHost(
	files: Readonly<Record<string, string>> = {},
	swap: "restart" | "reload" = "restart",
	/** What the probe answers; that each key signs, where it is left out. */
	answer: ProbeAnswer | null = null,
) {
	const sim = new SimDisk(() => new Date("2026-10-31T12:00:00Z"));
	const all = {
		"/etc/passwd": PASSWD,
		"/etc/group": GROUP,
		"/etc/opendkim.conf": CONFIG,
		"/etc/opendkim/key.table": "example example.com:202610:/etc/opendkim/keys/example.private\n",
		"/etc/opendkim/signing.table": "*@example.com example\n",
		...files,
	};
	sim.put("/etc/opendkim/keys/example.private", key.pem, 0o600, OWNER);
	for (const [path, text] of Object.entries(all)) sim.put(path, text);
	const ran: ProgramRequest[] = [];
	/** Of each program that ran, the configuration that it was given. */
	const given: string[] = [];
	const asked: ProbeRequest[] = [];
	const signer = createOpenDkimSigner({
		name: "main",
		settings: { config: "/etc/opendkim.conf", keys: "/etc/opendkim/keys", program: "/usr/sbin/opendkim" },
		service: "opendkim",
		swap,
		disk: sim.open({ process: createSimProcess() }),
		programs: {
			run: async (request) => {
				ran.push(request);
				given.push(sim.text(request.argv[request.argv.indexOf("-x") + 1] ?? "") ?? "");
				return signed;
			},
		},
		runProbe: async (request): Promise<ProbeAnswer> => {
			asked.push(request);
			const expectations = request.kind === "milter" ? request.expectations : [];
			const verdicts = expectations.map(({ domain, selector }) => ({
				domain,
				selector,
				outcome: "signed" as const,
				reason: null,
			}));
			return answer ?? { isUp: true, reason: null, verdicts };
		},
	});
	return { sim, signer, ran, given, asked };
}
