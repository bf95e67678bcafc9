/** Resolves the secrets that keyturn.yaml names by reference; none is kept here, and none is in an error. */

import { join } from "node:path";
import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";
import type { SecretReference, Secrets } from "../ports/secrets.ts";

/** Far above any token or key; a log file named by mistake is told as such. */
const LIMIT_BYTES = 65_536;
const OTHERS_MAY_READ = 0o004;
const OTHERS_MAY_WRITE = 0o022;

export function createSecrets(options: {
	readonly disk: Disk;
	readonly env: Readonly<Record<string, string | undefined>>;
}): Secrets {
	const { disk, env } = options;
	return {
		async read(reference) {
			const where = describe(reference);
			const text = await fetchText(reference, where, disk, env);
			const secret = text.trim();
			if (secret === "") throw unreadable(where, "is empty", "put the secret there");
			return secret;
		},
	};
}

async function fetchText(
	reference: SecretReference,
	where: string,
	disk: Disk,
	env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
	if ("env" in reference) {
		const value = env[reference.env];
		if (value === undefined) throw unreadable(where, "is not set", "set it for the unit, or use a file");
		return value;
	}
	if ("file" in reference) return readFile(reference.file, where, disk);
	const directory = env["CREDENTIALS_DIRECTORY"];
	if (directory === undefined)
		throw unreadable(
			where,
			"exists inside the systemd unit only, and this process has no CREDENTIALS_DIRECTORY",
			`add LoadCredential=${reference.credential}:PATH to the unit`,
		);
	if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(reference.credential))
		throw unreadable(where, "has a name that no credential has", "see systemd.exec(5)");
	// systemd's own directory: its modes are systemd's business.
	return readFile(join(directory, reference.credential), where, disk);
}

async function readFile(path: string, where: string, disk: Disk): Promise<string> {
	const found = await disk.stat(path);
	if (found === null)
		throw unreadable(where, "is not there", "create it, mode 0600, owned by keyturn's user");
	if (found.kind !== "file") throw unreadable(where, `is no file but a ${found.kind}`, "name a file");
	const wrong = found.mode & (OTHERS_MAY_READ | OTHERS_MAY_WRITE);
	if (wrong !== 0)
		throw new KeyturnError(
			"config.unsafe",
			`${where} has mode 0${found.mode.toString(8)}: ${(wrong & OTHERS_MAY_READ) === 0 ? "others than its owner may change it" : "everybody may read it"}, expected 0600 or 0640`,
			{ hint: `\`chmod 0600 ${path}\`, and change the secret if others may have read it` },
		);
	const bytes = await readBytes(path, where, disk);
	if (bytes === null) throw unreadable(where, "has gone", "create it again");
	return Buffer.from(bytes).toString("utf8");
}

async function readBytes(path: string, where: string, disk: Disk): Promise<Uint8Array | null> {
	try {
		return await disk.read(path, LIMIT_BYTES);
	} catch (cause) {
		if (!(cause instanceof KeyturnError)) throw cause;
		throw new KeyturnError("config.unreadable", `${where} cannot be read: ${cause.message}`, {
			cause,
			hint: "its owner has to be keyturn's user, and the directories above have to let it pass",
		});
	}
}

function describe(reference: SecretReference): string {
	if ("file" in reference) return `the secret file ${reference.file}`;
	if ("env" in reference) return `the environment variable ${reference.env}`;
	return `the credential ${reference.credential}`;
}

function unreadable(where: string, what: string, hint: string): KeyturnError {
	return new KeyturnError("config.unreadable", `${where} ${what}`, { hint });
}
