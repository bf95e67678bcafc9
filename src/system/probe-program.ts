/** Runs the probe where it reaches the signer's sockets: the door has no network, and a new member of the signer's group breaks its safe-key rule. */

import { isIP } from "node:net";
import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";
import type { ProgramRequest, Programs } from "../ports/programs.ts";
import type { SocketTarget } from "../ports/sockets.ts";
import { inTransientUnit, isSystemd } from "./transient-unit.ts";

export interface ProbeProgramOptions {
	readonly programs: Programs;
	readonly disk: Disk;
	/** `node probe.js`, absolute. */
	readonly argv: readonly [string, string];
	/** Those of a host name, at least one; fails with `signer.probe` where it has none. */
	readonly addressesOf: (host: string) => Promise<readonly string[]>;
}

export interface ProbeRun {
	/** As `probe.ts` reads it. */
	readonly request: { readonly kind: string; readonly socket?: SocketTarget };
	readonly owner: { readonly uid: number; readonly gid: number };
	/** Killed after this many milliseconds. */
	readonly timeoutMs: number;
}

const NEVER = new AbortController().signal;

/** Resolves to the answer as JSON; fails with `signer.probe`. */
export function createProbeProgram({ programs, disk, argv, addressesOf }: ProbeProgramOptions) {
	return async ({ request, owner, timeoutMs }: ProbeRun): Promise<string> => {
		const run = (await isSystemd(disk))
			? await asUnit(argv, { request, owner, timeoutMs }, addressesOf)
			: { argv, input: JSON.stringify(request), owner };
		const result = await programs.run({ ...run, timeoutMs, outputLimitBytes: 16 * 1024 * 1024 }, NEVER);
		if (result.status === 0) return result.stdout;
		throw new KeyturnError(
			"signer.probe",
			`the probe did not run: ${result.stderr.trim().slice(0, 300) || (result.signal ?? `status ${result.status}`)}`,
			{ retry: true },
		);
	};
}

interface Reached {
	/** In place of the request's, where its host is a name: the probe asks nobody what that stands for. */
	readonly socket?: SocketTarget;
	/** What is opened to the probe beside loopback. */
	readonly addresses: readonly string[];
}

/** Only loopback and what is to be proven can be reached from it, and nothing can be gained in it. */
async function asUnit(
	argv: readonly [string, string],
	{ request, owner, timeoutMs }: ProbeRun,
	addressesOf: ProbeProgramOptions["addressesOf"],
): Promise<Pick<ProgramRequest, "argv" | "input">> {
	const { addresses, ...reached } = await reach(request.socket, addressesOf);
	const properties = [
		"IPAddressDeny=any",
		"IPAddressAllow=localhost",
		...addresses.map((address) => `IPAddressAllow=${withoutScope(address)}`),
		"NoNewPrivileges=yes",
		"ProtectSystem=strict",
	];
	const description = "keyturn's probe";
	const unit = inTransientUnit({ description, owner, limitMs: timeoutMs, properties }, argv);
	return { argv: unit, input: JSON.stringify({ ...request, ...reached }) };
}

/** A name is asked for once: an answer that changed meanwhile would lead to an address that is not allowed. */
async function reach(
	socket: SocketTarget | undefined,
	addressesOf: ProbeProgramOptions["addressesOf"],
): Promise<Reached> {
	if (socket?.kind !== "inet" || isLocalhost(socket.host)) return { addresses: [] };
	if (isIP(socket.host) !== 0) return { addresses: [socket.host] };
	const addresses = await addressesOf(socket.host);
	return { socket: { ...socket, addresses }, addresses };
}

/** A name of loopback alone (RFC 6761 section 6.3), to which the way is open without asking anybody. */
function isLocalhost(host: string): boolean {
	return host.toLowerCase() === "localhost";
}

/** `fe80::1%eth0`: what filters addresses knows no interfaces. */
function withoutScope(address: string): string {
	return address.replace(/%.*$/, "");
}
