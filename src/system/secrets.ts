/** Resolves the secrets that keyturn.yaml names by reference; none is kept here, and none is in an error. */

import { join } from "node:path";
import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";
import type { SecretReference, Secrets } from "../ports/secrets.ts";
import { AGENT_UNIT } from "./unit-credentials.ts";

/** Far above any token or key; a log file named by mistake is told as such. */
const LIMIT_BYTES = 65_536;
const OTHERS_MAY_READ = 0o004;
const OTHERS_MAY_WRITE = 0o022;

/** Set in the environment of a command that was run again in a unit, for its credentials. */
export const MARK = "KEYTURN_RUN_AGAIN";

/** Why a process outside of the agent's unit has no credentials. */
export interface OutsideTheUnit {
	/** A clause, such as "only root can run a command with it". */
	readonly why: string;
	/** Null: to have the unit load it. */
	readonly hint: string | null;
}

export interface SecretsOptions {
	readonly disk: Disk;
	readonly env: Readonly<Record<string, string | undefined>>;
	/** Credentials read before, by name: as `holdCredentials` does. */
	readonly held: ReadonlyMap<string, string>;
	/** Null where the process is in a unit that has credentials. */
	readonly outside: OutsideTheUnit | null;
}

export function createSecrets(options: SecretsOptions): Secrets {
	return {
		async read(reference) {
			const where = describe(reference);
			const text = await fetchText(reference, where, options);
			const secret = text.trim();
			if (secret === "") throw unreadable(where, "is empty", "put the secret there");
			return secret;
		},
	};
}

/**
 * Reads what is there of `names`, while the process is still root: systemd lets nobody else at the credentials of root's
 * unit. What cannot be read is told when it is needed.
 */
export async function holdCredentials(
	given: Pick<SecretsOptions, "disk" | "env">,
	names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
	const held = new Map<string, string>();
	const secrets = createSecrets({ ...given, held, outside: null });
	for (const credential of names) {
		const secret = await secrets.read({ credential }).catch(() => null);
		if (secret !== null) held.set(credential, secret);
	}
	return held;
}

async function fetchText(
	reference: SecretReference,
	where: string,
	{ disk, env, held, outside }: SecretsOptions,
): Promise<string> {
	if ("env" in reference) {
		const value = env[reference.env];
		if (value === undefined) throw unreadable(where, "is not set", hintForVariable(reference.env, env));
		return value;
	}
	if ("file" in reference)
		return readFile(reference.file, where, disk, "create it, mode 0600, owned by keyturn's user");
	const name = reference.credential;
	const directory = env["CREDENTIALS_DIRECTORY"];
	const loading = `add LoadCredential=${name}:PATH to the unit: \`systemctl edit ${AGENT_UNIT}\`, and restart it`;
	if (directory === undefined || outside !== null)
		throw unreadable(
			where,
			`exists inside ${AGENT_UNIT} only, and ${outside?.why ?? "this process has no CREDENTIALS_DIRECTORY"}`,
			outside?.hint ?? loading,
		);
	if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name))
		throw unreadable(where, "has a name that no credential has", "see systemd.exec(5)");
	// systemd's own directory: its modes are systemd's business.
	return held.get(name) ?? readFile(join(directory, name), where, disk, loading);
}

/** Whoever can see a unit can see its variables, so none that is a secret goes along when a command is run again in one. */
function hintForVariable(name: string, env: Readonly<Record<string, string | undefined>>): string {
	if (toldName(name) !== name)
		return "`env` takes the name of a variable; if the secret itself stands there, change it: keyturn.yaml gets into backups";
	if (env[MARK] !== undefined)
		return `a command that also needs credentials runs in a unit, where everybody could read its variables: name ${name} as a file or a credential, too`;
	return `set it where keyturn runs: for the daemon in ${AGENT_UNIT} (EnvironmentFile=), of which a command in a shell has nothing; for a command by \`export ${name}\`; or name a file, which both read`;
}

async function readFile(path: string, where: string, disk: Disk, toDo: string): Promise<string> {
	const found = await disk.stat(path);
	if (found === null) throw unreadable(where, "is not there", toDo);
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
	if ("env" in reference) return `the environment variable ${toldName(reference.env)}`;
	return `the credential ${reference.credential}`;
}

/** Longer words than these are names of variables only in the capitals, and with the lines between, that such names have. */
const SHORT_NAME = 15;

/** A token can be written like a name: what rather is the secret itself goes into no log. */
function toldName(name: string): string {
	return name.length <= SHORT_NAME || /^[A-Z]+(?:[A-Z0-9]*(?:_[A-Z0-9]+)+)?$/.test(name)
		? name
		: `${name.slice(0, 4)}…`;
}

function unreadable(where: string, what: string, hint: string): KeyturnError {
	return new KeyturnError("config.unreadable", `${where} ${what}`, { hint });
}
