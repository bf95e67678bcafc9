/** What `keyturn init` sees of this host and leaves on it. */

import type { InitHost } from "../cli/init-host.ts";
import { directoryOf, durableCreate } from "../durable.ts";
import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";
import { publicAddresses, systemTimezone } from "../system/identity.ts";
import { isBooted } from "../system/transient-unit.ts";
import { CONFIG_LIMIT_BYTES, type Configuration } from "./configuration.ts";
import type { Machine } from "./machine.ts";

interface InitHostGiven {
	readonly machine: Machine;
	readonly configuration: Configuration;
	/** Who runs this, and whose what it makes becomes. */
	readonly owner: Owner;
	readonly signal: AbortSignal;
}

interface Owner {
	readonly uid: number;
	readonly gid: number;
}

const ROOT = 0;

/** Everything is read as whoever runs it: root, since what signs is nobody else's to read. */
export async function joinInitHost(given: InitHostGiven): Promise<InitHost> {
	const { discoverSigners } = await import("../signers/discovery/discovery.ts");
	const { findZoneOf } = await import("../dns/found-zone.ts");
	const { findTsigKeys } = await import("../system/tsig-keys.ts");
	const { guessProvider } = await import("../../providers/guess.ts");
	const { createProgramTrust } = await import("../system/program-trust.ts");
	const { createSystemSockets } = await import("../system/sockets.ts");
	const { machine, configuration, owner, signal } = given;
	const { disk } = machine;
	const programs = await machine.programs();
	const resolver = await machine.resolver();
	const isThere = async (path: string): Promise<boolean> => (await disk.lstat(path)) !== null;
	const runProbe = async (): Promise<never> => {
		throw new KeyturnError("bug", "a signer is only read here");
	};
	return {
		signers: async () =>
			discoverSigners({
				disk,
				programs,
				outside: programs,
				sockets: createSystemSockets(),
				clock: machine.clock,
				runProbe,
				programTrust: createProgramTrust(disk, ROOT),
			}),
		mailServer: async () => {
			if (await isThere("/usr/sbin/postfix")) return "postfix";
			if (await isThere("/usr/sbin/exim4")) return "exim4";
			return (await isThere("/usr/sbin/exim")) ? "exim" : null;
		},
		zoneOf: async (domain) => findZoneOf(domain, { resolver, addresses: publicAddresses(), signal }),
		guess: guessProvider,
		tsigKeys: async () => findTsigKeys(disk),
		timezone: await systemTimezone(disk),
		hasSystemd: await isBooted(disk),
		isThere,
		copyKey: async (from, to) => copyKey(disk, from, to, owner),
		write: async (path, text) => configuration.writeFirst(path, text),
	};
}

/** The group `keyturn` may read it, where there is one. */
async function copyKey(disk: Disk, from: string, to: string, owner: Owner): Promise<"copied" | "exists"> {
	const { readAccounts } = await import("../signers/accounts.ts");
	const bytes = await disk.read(from, CONFIG_LIMIT_BYTES);
	if (bytes === null) throw new KeyturnError("disk.failed", `${from}: expected a TSIG key, found nothing`);
	const group = (await readAccounts(disk)).groups.find((one) => one.group === "keyturn");
	await disk.makeDirectory(directoryOf(to), 0o755);
	const made = await durableCreate(disk, to, bytes, {
		mode: 0o640,
		owner: { uid: owner.uid, gid: group?.gid ?? owner.gid },
	});
	return made === "created" ? "copied" : "exists";
}
