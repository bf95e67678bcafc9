/** keyturn.yaml with the schemas of the types that it names: read, added to, written for the first time. */

import type { DomainConfigured } from "../cli/workbench.ts";
import { directoryOf, durableCreate, hashOf, replaceIfUnchanged } from "../durable.ts";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import { ALERT_TYPES } from "../alerts/registry.ts";
import type { Disk } from "../ports/disk.ts";
import type { HeldLock, TakeLock } from "../ports/lock.ts";
import type { DomainAsked } from "../settings/add-domain.ts";
import { formatFaults } from "../settings/faults.ts";
import { namedTypes } from "../settings/named-types.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import type { Settings } from "../settings/settings.ts";
import { readYaml } from "../settings/yaml-source.ts";
import { SIGNER_TYPES } from "../signers/registry.ts";
import { fullHostName, systemTimezone } from "../system/identity.ts";
import { whyUntrustedFile } from "../system/trusted.ts";
import { PROVIDER_TYPES, type ProviderType } from "../../providers/registry.ts";

/** Of keyturn.yaml, and of other text that is read beside it. */
export const CONFIG_LIMIT_BYTES = 4 * 1024 * 1024;
/** Another command holds it for as long as it takes to write the file. */
const LOCK_MS = 10_000;
const NEVER = new AbortController().signal;
const ONLY_ON_FAKES: readonly string[] = ["recorded", "documented"];

export interface Configuration {
	/** Fails with `config.unreadable`, or `config.invalid` and every fault at once. */
	read(configPath: string): Promise<Settings>;
	/** Fails with `config.unsafe` where others than root and `uid` could write it: it names programs that `uid` runs. */
	mustBeSafe(configPath: string, uid: number): Promise<void>;
	/** Writes the domain into the file, which a daemon reads again when it finds a wish for it; `isTried` writes nothing. */
	addDomain(configPath: string, asked: DomainAsked, isTried: boolean): Promise<DomainConfigured>;
	/** What keyturn would not read itself is not written, and nothing is overwritten. */
	writeFirst(configPath: string, text: string): Promise<"written" | "exists">;
	/** One that keyturn has, or a plug-in; null where there is none. */
	providerType(name: string, configPath: string): Promise<ProviderType | null>;
}

interface Added extends DomainConfigured {
	readonly before: string;
	readonly after: string;
}

/** `ownRoot` is keyturn's own folder, which a plug-in may have linked beside itself. */
export function createConfiguration(
	{ disk, takeLock }: { readonly disk: Disk; readonly takeLock: TakeLock },
	ownRoot: string,
): Configuration {
	const readText = async (configPath: string): Promise<string> => {
		const bytes = await disk.read(configPath, CONFIG_LIMIT_BYTES).catch((cause: unknown) => {
			throw unreadable(configPath, asKeyturnError(cause));
		});
		if (bytes !== null) return Buffer.from(bytes).toString("utf8");
		throw new KeyturnError("config.unreadable", `${configPath}: expected the configuration, found nothing`, {
			hint: "`keyturn init` writes one from what is installed; or name another file with --config",
		});
	};

	const settingsOf = async (configPath: string, text: string): Promise<Settings> => {
		const read = readYaml(text, configPath);
		const named = namedTypes(read);
		const providers = await providerTypes(named.providers, configPath);
		const parsed = parseSettings(read, {
			unproven: providers
				.filter(([, { about }]) => ONLY_ON_FAKES.includes(about.evidence))
				.map(([type]) => type),
			path: configPath,
			host: await fullHostName(disk),
			timezone: await systemTimezone(disk),
			known: {
				signers: Object.keys(SIGNER_TYPES),
				providers: Object.keys(PROVIDER_TYPES),
				alerts: Object.keys(ALERT_TYPES),
			},
			schemas: {
				signers: await schemasOf(named.signers, SIGNER_TYPES),
				providers: Object.fromEntries(providers.map(([type, { settingsSchema }]) => [type, settingsSchema])),
				alerts: await schemasOf(named.alerts, ALERT_TYPES),
			},
		});
		if ("faults" in parsed)
			throw new KeyturnError("config.invalid", formatFaults(parsed.faults), { cause: parsed.faults });
		return parsed.settings;
	};

	/** Those that there are. */
	const providerTypes = async (
		named: readonly string[],
		configPath: string,
	): Promise<readonly (readonly [string, ProviderType])[]> => {
		const found: (readonly [string, ProviderType])[] = [];
		for (const name of named) {
			const type = await providerType(name, configPath);
			if (type !== null) found.push([name, type]);
		}
		return found;
	};

	const providerType: Configuration["providerType"] = async (name, configPath) => {
		if (Object.hasOwn(PROVIDER_TYPES, name)) return (await PROVIDER_TYPES[name]?.()) ?? null;
		const { loadPlugIn } = await import("../system/plug-ins.ts");
		const plugIn = await loadPlugIn(disk, { configPath, ownRoot }, name);
		if (plugIn === null) return null;
		const { plugInType } = await import("../../providers/plug-in.ts");
		return plugInType(name, plugIn);
	};

	/** The text as it stands, and with the domain; `line` is null where that is in it already. */
	const withAdded = async (configPath: string, path: string, asked: DomainAsked): Promise<Added> => {
		const before = await readText(path);
		const settings = await settingsOf(configPath, before);
		const { entryFor, refuseOther, withDomain } = await import("../settings/add-domain.ts");
		const known = settings.policies.find((policy) => policy.domain === asked.domain);
		if (known !== undefined) {
			refuseOther(asked, known, configPath);
			return { settings, line: null, before, after: before };
		}
		const entry = entryFor(asked, settings, configPath);
		const added = withDomain(before, entry);
		if (added.kind === "refused")
			throw new KeyturnError("config.invalid", `${configPath}: ${asked.domain} was not added: ${added.why}`, {
				hint: `add { name: ${entry.domain}, provider: ${entry.provider} } to domains by hand, and run the command again`,
			});
		const next = await settingsOf(configPath, added.text);
		return { settings: next, line: added.line, before, after: added.text };
	};

	const lockFor = async (path: string): Promise<HeldLock> => {
		const lock = await takeLock(path, LOCK_MS, NEVER).catch((thrown: unknown) => {
			throw notWritable(path, thrown);
		});
		if (lock !== "held") return lock;
		throw new KeyturnError(
			"config.invalid",
			`${path}: the domain was not added: somebody else is adding one`,
			{
				hint: "run the command again",
				retry: true,
			},
		);
	};

	return {
		read: async (configPath) => settingsOf(configPath, await readText(configPath)),
		mustBeSafe: async (configPath, uid) => {
			const why = await whyUntrustedFile(disk, configPath, uid);
			if (why !== null)
				throw new KeyturnError("config.unsafe", `${why}; whoever can change it has keyturn run programs`, {
					hint: `chown root ${configPath}; chmod go-w ${configPath}; in a directory that only root can write to`,
				});
		},
		addDomain: async (configPath, asked, isTried) => {
			const path = (await disk.realpath(configPath)) ?? configPath;
			const found = await withAdded(configPath, path, asked);
			if (isTried || found.line === null) return found;
			// Two commands would write one temporary file, and each be told what came of the other's.
			const lock = await lockFor(path);
			try {
				const added = await withAdded(configPath, path, asked);
				if (added.line !== null) await replace(disk, path, added.before, added.after);
				return added;
			} finally {
				await lock.release();
			}
		},
		writeFirst: async (configPath, text) => {
			await settingsOf(configPath, text);
			await disk.makeDirectory(directoryOf(configPath), 0o755);
			const made = await durableCreate(disk, configPath, Buffer.from(text), { mode: 0o644 });
			return made === "created" ? "written" : "exists";
		},
		providerType,
	};
}

function unreadable(configPath: string, cause: KeyturnError): KeyturnError {
	const why = cause.errno === "EISDIR" ? "it is a directory" : cause.message;
	return new KeyturnError("config.unreadable", `${configPath}: expected the configuration: ${why}`, {
		hint: cause.hint ?? "name the file itself with --config",
		cause,
	});
}

async function replace(disk: Disk, path: string, before: string, after: string): Promise<void> {
	const [hash, bytes] = [hashOf(Buffer.from(before)), Buffer.from(after)];
	try {
		if ((await replaceIfUnchanged(disk, path, hash, bytes, { keepBefore: null })) === "replaced") return;
	} catch (thrown) {
		throw notWritable(path, thrown);
	}
	throw new KeyturnError(
		"config.invalid",
		`${path}: the domain was not added: somebody else changed the file`,
		{
			hint: "run the command again",
		},
	);
}

function notWritable(path: string, thrown: unknown): KeyturnError {
	const { message, hint, errno } = asKeyturnError(thrown);
	const toDo = TO_DO[errno ?? ""]?.(path) ?? hint;
	return new KeyturnError("disk.failed", `${path}: the domain was not added: ${message}`, {
		hint: `${toDo === null ? "" : `${toDo}, or `}add the domain to it by hand`,
		cause: thrown,
	});
}

/** Root is refused with EPERM: by a file that is immutable, say. */
const TO_DO: Readonly<Record<string, (path: string) => string>> = {
	EACCES: () => "the file belongs to root: run the command as root",
	EPERM: (path) =>
		`see lsattr ${path}: while it is immutable (chattr -i ends that) root may not change it either`,
};

async function schemasOf<Type extends { readonly settingsSchema: Schema }, Schema>(
	named: readonly string[],
	types: Readonly<Record<string, () => Promise<Type>>>,
): Promise<Record<string, Schema>> {
	const schemas: Record<string, Schema> = {};
	for (const name of named) {
		const load = Object.hasOwn(types, name) ? types[name] : undefined;
		if (load !== undefined) schemas[name] = (await load()).settingsSchema;
	}
	return schemas;
}
