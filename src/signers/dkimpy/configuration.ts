/** Reads a dkimpy-milter.conf as dkimpy-milter does: an option and its value a line, the last of a name counts (config.py). */

import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { SocketTarget } from "../../ports/sockets.ts";
import { parseSocket } from "../opendkim/configuration.ts";

export interface DkimpyConfiguration {
	readonly keyTable: string;
	readonly signingTable: string;
	readonly user: string;
	readonly socket: SocketTarget;
	/** The table of the Ed25519 keys that sign the same mail once more; null where there is none. */
	readonly keyTableEd25519: string | null;
}

const LIMIT_BYTES = 1024 * 1024;

/** Fails with `signer.config` where the keys are named in a way that has no turn. */
export async function readDkimpy(disk: Disk, config: string): Promise<DkimpyConfiguration> {
	const bytes = await disk.read(config, LIMIT_BYTES);
	if (bytes === null)
		throw new KeyturnError("signer.config", `${config}: expected dkimpy-milter.conf, found nothing`);
	const options = optionsIn(Buffer.from(bytes).toString("utf8"));
	const socket = options.get("Socket");
	if (socket === undefined)
		throw new KeyturnError("signer.config", `${config} has no Socket`, {
			hint: "Name it there, with the value that the mail server has in smtpd_milters.",
		});
	const ed25519 = options.get("KeyTableEd25519");
	return {
		keyTable: fileOf(config, "KeyTable", options.get("KeyTable")),
		signingTable: fileOf(config, "SigningTable", options.get("SigningTable")),
		user: options.get("UserID") ?? "dkimpy-milter",
		socket: parseSocket(socket),
		keyTableEd25519: ed25519 === undefined ? null : fileOf(config, "KeyTableEd25519", ed25519),
	};
}

function optionsIn(text: string): ReadonlyMap<string, string> {
	const options = new Map<string, string>();
	for (const line of text.split("\n")) {
		const [words = ""] = line.split("#", 1);
		const [name = "", ...value] = words.trim().split(/\s+/);
		if (value.length > 0) options.set(name, value.join(" "));
	}
	return options;
}

function fileOf(config: string, name: string, value: string | undefined): string {
	const path = value?.replace(/^(?:re)?file:/, "");
	if (path?.startsWith("/") === true) return path;
	throw new KeyturnError("signer.config", `${config}: ${name}: expected a file, got ${value ?? "nothing"}`, {
		hint: "One key by KeyFile and Selector is not handled: name it in a KeyTable and a SigningTable.",
	});
}
