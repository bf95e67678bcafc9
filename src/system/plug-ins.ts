/** Loads providers that others wrote: modules beside keyturn.yaml, or packages that stand there, which only root can write. */

import { createRequire } from "node:module";
import { directoryOf } from "../durable.ts";
import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";
import { createProgramTrust } from "./program-trust.ts";
import { whyUntrustedFile } from "./trusted.ts";

/** What a module exports; nothing of it is known before it is looked at. */
export type PlugIn = Readonly<Record<string, unknown>>;

export interface PlugInPlaces {
	/** Where keyturn.yaml is: paths and packages are sought from its directory on. */
	readonly configPath: string;
	/** Where keyturn itself is installed, links resolved: whoever runs it trusts it. */
	readonly ownRoot: string;
}

const CODE = /\.(js|cjs|mjs|json|node|wasm)$/;
/** What of a folder below can have other code run: a package.json says where the folder begins, other data may be anything. */
const CODE_BELOW = /\.(js|cjs|mjs|node|wasm)$|\/package\.json$/;
const INSTALLED = "/node_modules/";
/** Whoever installs more than this beside keyturn.yaml has more in mind than a provider. */
const MOST_FILES = 20_000;

/**
 * The module that a provider's `type` names: a path (`./my-provider.js`, from the configuration's directory) or a package
 * installed there; null if it is no path and there is no such package. Fails with `config.unreadable` (no such file, or it
 * cannot be loaded) and with `config.unsafe` where somebody besides root could write what would be loaded: commands of root
 * load it too. Loaded once a process.
 */
export async function loadPlugIn(
	disk: Disk,
	{ configPath, ownRoot }: PlugInPlaces,
	type: string,
): Promise<PlugIn | null> {
	const load = createRequire(configPath);
	const path = await placeOf(disk, load, type);
	if (path === null) return null;
	const why = (await whyNotNamed(disk, configPath)) ?? (await whyUnsafe(disk, path, ownRoot));
	if (why !== null)
		throw new KeyturnError("config.unsafe", `${configPath}: provider type ${type} is not loaded: ${why}`, {
			hint: "everything that it loads, and the directories above, have to belong to root and be writable by root alone",
		});
	try {
		return load(path) as PlugIn;
	} catch (thrown) {
		const said = thrown instanceof Error ? thrown.message : String(thrown);
		throw new KeyturnError("config.unreadable", `${configPath}: provider type ${type}: ${path}: ${said}`, {
			hint: "does it run on its own, with `node`? It may not await at its top level",
			cause: thrown,
		});
	}
}

/** With links resolved, so that what is looked at is what is loaded. */
async function placeOf(disk: Disk, load: NodeJS.Require, type: string): Promise<string | null> {
	const isPath = /^\.{0,2}\//.test(type);
	try {
		const resolved = load.resolve(type);
		return resolved.startsWith("/") ? await disk.realpath(resolved) : null;
	} catch (thrown) {
		if (!isPath) return null;
		throw new KeyturnError("config.unreadable", `provider type ${type}: expected a module, found none`, {
			hint: "a path begins at the directory of the configuration",
			cause: thrown,
		});
	}
}

/** It names what is run before anything else is done with it: any module of root's, as root, by whoever could write there. */
async function whyNotNamed(disk: Disk, configPath: string): Promise<string | null> {
	const why = await whyUntrustedFile(disk, configPath, 0);
	return why === null ? null : `whoever can write to ${configPath} could have named it: ${why}`;
}

async function whyUnsafe(disk: Disk, path: string, ownRoot: string): Promise<string | null> {
	const trust = createProgramTrust(disk, 0);
	for (const file of await loadedWith(disk, path, ownRoot)) {
		const why = await trust.whyUntrusted(file);
		if (why !== null) return `${file}: ${why}`;
	}
	return null;
}

/** What the module could load in its turn: the code beside it and in folders there, and all packages that are installed there or with it. */
async function loadedWith(disk: Disk, path: string, ownRoot: string): Promise<readonly string[]> {
	const installed = path.indexOf(INSTALLED);
	if (installed >= 0) return filesBelow(disk, path.slice(0, installed + INSTALLED.length - 1), ownRoot);
	const directory = directoryOf(path);
	const names = (await disk.list(directory)) ?? [];
	const beside = names.filter((name) => CODE.test(name)).map((name) => `${directory}/${name}`);
	const packages = `${directory}${INSTALLED.slice(0, -1)}`;
	const below: string[] = [];
	for (const at of names.map((name) => `${directory}/${name}`))
		if (at !== packages && (await disk.stat(at))?.kind === "directory")
			below.push(...(await filesBelow(disk, at, ownRoot)).filter((file) => CODE_BELOW.test(file)));
	return [path, ...beside, ...below, ...(await filesBelow(disk, packages, ownRoot))];
}

async function filesBelow(disk: Disk, top: string, ownRoot: string): Promise<readonly string[]> {
	const files: string[] = [];
	const directories = [top];
	const seen = new Set<string | null>([ownRoot]);
	for (let at = directories.pop(); at !== undefined; at = directories.pop()) {
		const real = await disk.realpath(at);
		if (seen.has(real)) continue;
		seen.add(real);
		for (const name of await namesIn(disk, at)) {
			const stat = await disk.stat(`${at}/${name}`);
			if (stat?.kind === "directory") directories.push(`${at}/${name}`);
			else files.push(`${at}/${name}`);
		}
		if (files.length + directories.length > MOST_FILES)
			throw new KeyturnError("config.unsafe", `${top}: more than ${MOST_FILES} files are installed there`);
	}
	return files;
}

/** Of a directory of root's that is closed to the agent's user nothing can be loaded as that user. */
async function namesIn(disk: Disk, directory: string): Promise<readonly string[]> {
	try {
		return (await disk.list(directory)) ?? [];
	} catch (thrown) {
		const isClosed = thrown instanceof KeyturnError && thrown.errno === "EACCES";
		if (isClosed && (await disk.stat(directory))?.uid === 0) return [];
		throw thrown;
	}
}
