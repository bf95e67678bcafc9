/**
 * Finds who else on this host reads keys: a record must not go while somebody signs with its key, nor the key file while
 * somebody opens it.
 */

import { publicHalf } from "../../dkim/key-material.ts";
import { asKeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { OtherReader } from "../../ports/door.ts";
import { findInstances } from "../opendkim/instances.ts";
import { amavisFiles, amavisReadings } from "./amavis.ts";
import { BOTH_ALGORITHMS, milterReadings } from "./milter-options.ts";
import { named, readText } from "./read-file.ts";
import { type Reading, unclear } from "./reading.ts";
import { rspamdReadings, type SigningModule } from "./rspamd.ts";

export interface OtherReadersOptions {
	readonly disk: Disk;
	/** Configuration files of the signers in keyturn.yaml, which are no others. */
	readonly own: readonly string[];
}

/** Never fails: what cannot be read is a reader with a problem. Reads only. */
export async function findOtherReaders({ disk, own }: OtherReadersOptions): Promise<readonly OtherReader[]> {
	const ours: ReadonlySet<string> = new Set(await Promise.all(own.map(async (path) => realPath(disk, path))));
	const known = new Set(ours);
	const found: OtherReader[] = [];
	for (const kind of KINDS) {
		for (const path of await attempt(kind.program, kind.program, async () => kind.find(disk))) {
			if (typeof path !== "string") {
				found.push(await described(disk, path));
				continue;
			}
			const real = await disk.realpath(path).catch(() => path);
			if (real === null || known.has(real)) continue;
			known.add(real);
			const readings = await attempt(kind.program, path, async () => {
				const text = await readText(disk, path);
				return text === null ? [] : kind.read(disk, { path, text }, ours);
			});
			for (const reading of readings) found.push(await described(disk, reading));
		}
	}
	return found;
}

interface Kind {
	readonly program: string;
	readonly find: (disk: Disk) => Promise<readonly string[]>;
	readonly read: (
		disk: Disk,
		file: { readonly path: string; readonly text: string },
		/** What `own` leads to. */
		ours: ReadonlySet<string>,
	) => Promise<readonly Reading[]>;
}

const KINDS: readonly Kind[] = [
	{
		program: "another OpenDKIM",
		find: async (disk) => [
			...(await named(disk, "/etc", /^opendkim.*\.conf$/)),
			...(await named(disk, "/etc/opendkim", /\.conf$/)),
			...(await findInstances(disk)).map(({ config }) => config),
		],
		read: async (disk, file) => milterReadings(disk, "another OpenDKIM", file),
	},
	{
		program: "OpenARC",
		find: async (disk) => ["/etc/openarc.conf", ...(await named(disk, "/etc/openarc", /\.conf$/))],
		read: async (disk, file) => milterReadings(disk, "OpenARC", file),
	},
	{
		program: "dkimpy-milter",
		find: async (disk) => named(disk, "/etc/dkimpy-milter", /\.conf$/),
		read: async (disk, file) => milterReadings(disk, "dkimpy-milter", file, BOTH_ALGORITHMS),
	},
	rspamd("dkim_signing.conf", { program: "rspamd", selector: "dkim", directory: "/var/lib/rspamd/dkim" }),
	rspamd("arc.conf", { program: "rspamd (ARC)", selector: "arc", directory: "/var/lib/rspamd/arc" }),
	{
		program: "amavis",
		find: amavisFiles,
		read: async (_disk, { path, text }) => amavisReadings(text, path),
	},
];

/** What one of ours takes where nothing is said is known to its signer. */
function rspamd(name: string, { program, ...builtIn }: SigningModule): Kind {
	const paths = ["/etc/rspamd/local.d", "/etc/rspamd/override.d", "/etc"].map((at) => `${at}/${name}`);
	return {
		program,
		find: async () => paths,
		read: async (disk, file, ours) => {
			const real = await Promise.all(paths.map(async (path) => realPath(disk, path)));
			const isOurs = real.some((path) => ours.has(path));
			return rspamdReadings(disk, { program, ...builtIn, isOurs }, file);
		},
	};
}

/** The path itself where it leads nowhere. */
async function realPath(disk: Disk, path: string): Promise<string> {
	return (await disk.realpath(path).catch(() => null)) ?? path;
}

async function attempt<Found>(
	program: string,
	where: string,
	work: () => Promise<readonly Found[]>,
): Promise<readonly (Found | Reading)[]> {
	try {
		return await work();
	} catch (thrown) {
		return [unclear(program, where, asKeyturnError(thrown).message)];
	}
}

const KEY_LIMIT_BYTES = 64 * 1024;

/** The key itself says more than names do where one of these is missing. */
async function described(disk: Disk, { keyPath, ...reading }: Reading): Promise<OtherReader> {
	const isNamed = reading.domain !== null && reading.selector !== null;
	try {
		const real = keyPath === null ? null : await disk.realpath(keyPath);
		const publicKey = real === null || isNamed ? null : await publicKeyAt(disk, real);
		return { ...reading, keyPath: real ?? keyPath, publicKey };
	} catch (thrown) {
		if (isNamed) return { ...reading, keyPath, publicKey: null };
		const { program, where } = reading;
		const problem = asKeyturnError(thrown).message;
		return { ...unclear(program, where, problem), keyPath: null, publicKey: null };
	}
}

async function publicKeyAt(disk: Disk, path: string): Promise<string | null> {
	const stat = await disk.stat(path);
	if (stat?.kind !== "file" || stat.sizeBytes > KEY_LIMIT_BYTES) return null;
	const bytes = await disk.read(path, KEY_LIMIT_BYTES);
	return bytes === null ? null : (publicHalf(Buffer.from(bytes).toString("latin1"))?.publicKey ?? null);
}
