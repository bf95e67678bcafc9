/**
 * How the volume of a docker-mailserver names its keys: OpenDKIM's tables, which the container copies to /etc/opendkim when it
 * is made (since 14 no more when it is only started again), or rspamd's dkim_signing.conf, copied likewise, whose keys are read where
 * they lie. Both name paths of the container's; here they are the host's.
 */

import { hashOf } from "../../durable.ts";
import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { RenderedFile, SignerChange, SignerFile } from "../../ports/signer.ts";
import { faultsOf } from "../first-key-faults.ts";
import { isCaught, LABELLED_KEYS, labelledKeys } from "../one-table/labelled-keys.ts";
import type { RowFormat } from "../one-table/rows.ts";
import { firstLineFaults, renderTwoTables, signingRows } from "../one-table/signing-lines.ts";
import { type NeverAsked, neverAsked } from "../rspamd/never-asked.ts";
import { isOn, readSection, renderSection, type SigningSection } from "../rspamd/signing-section.ts";
import type { DockerMailserverSettings } from "./settings.ts";

/** A key with its path on this host. */
export interface VolumeKey {
	readonly domain: string;
	readonly selector: string;
	readonly path: string;
	readonly entry: string;
	readonly signs: boolean;
	/** Why it cannot be turned by us; null if it can. */
	readonly problem: string | null;
}

export interface VolumeLayout {
	readonly volume: string;
	/** Below it stand new keys, as `<keys>/<domain>/<selector>.private`. */
	readonly keys: string;
	/** The real paths of its files, in the order in which `keysIn` and `render` take them. */
	readonly files: readonly string[];
	readonly keysIn: (files: readonly SignerFile[]) => readonly VolumeKey[];
	readonly render: (
		files: readonly SignerFile[],
		changes: readonly SignerChange[],
	) => readonly RenderedFile[];
	readonly firstKeyFaults: (
		files: readonly SignerFile[],
		domains: readonly string[],
	) => ReadonlyMap<string, string>;
}

export function layoutOf(settings: DockerMailserverSettings): VolumeLayout {
	return settings.signs === "opendkim" ? openDkimLayout(settings) : rspamdLayout(settings);
}

/** Fails with `signer.config` where one is missing. */
export async function readLayoutFiles(disk: Disk, layout: VolumeLayout): Promise<readonly SignerFile[]> {
	const files: SignerFile[] = [];
	for (const path of [...layout.files, layout.keys]) await refuseWayOut(disk, layout.volume, path);
	for (const wanted of layout.files) {
		const path = await disk.realpath(wanted);
		const bytes = path === null ? null : await disk.read(path, LIMIT_BYTES);
		if (path === null || bytes === null)
			throw new KeyturnError("signer.config", `${wanted}: expected a file of the volume, found nothing`, {
				hint: "`docker exec -it mailserver setup config dkim` makes the first key and its files.",
			});
		files.push({ path, bytes, hash: hashOf(bytes) });
	}
	return files;
}

/** Who has the container writes its volume, as root: a link there would have root of this host read and write elsewhere. */
async function refuseWayOut(disk: Disk, volume: string, path: string): Promise<void> {
	const [top, real] = [await disk.realpath(volume), await disk.realpath(path)];
	if (real === null || real.startsWith(`${top ?? volume}/`)) return;
	throw new KeyturnError("signer.config", `${path}: expected a place in the volume, got a link to ${real}`, {
		hint: "find out who put it there: what a container sees lies in its volume; let `volume` name the directory itself",
	});
}

const LIMIT_BYTES = 16 * 1024 * 1024;
/** Where the container, once it is made, copies the tables and keys of OpenDKIM to. */
const COPIED_TO = "/etc/opendkim";

function openDkimLayout({ volume }: DockerMailserverSettings): VolumeLayout {
	const place = { outside: `${volume}/opendkim`, inside: COPIED_TO };
	const format = mapped(LABELLED_KEYS, place);
	return {
		volume,
		keys: `${place.outside}/keys`,
		files: [`${place.outside}/KeyTable`, `${place.outside}/SigningTable`],
		keysIn: ([keys, signing]) =>
			labelledKeys(keys?.bytes ?? new Uint8Array(), signingRows(signing?.bytes ?? new Uint8Array()), format),
		render: ([keys, signing], changes) =>
			keys === undefined || signing === undefined
				? []
				: renderTwoTables({ keys, signing, format, isCaught }, changes),
		firstKeyFaults: ([, signing], domains) =>
			signing === undefined ? new Map() : firstLineFaults({ signing, isCaught }, domains, isBroad),
	};
}

/** OpenDKIM takes the first line that fits, so a first key's line may stand before a pattern for many domains. */
function isBroad({ pattern }: { readonly pattern: string }): boolean {
	return /^\*(?:@\*|$)/.test(pattern);
}

function rspamdLayout({ volume, inside }: DockerMailserverSettings): VolumeLayout {
	const place = { outside: volume, inside };
	const path = `${volume}/rspamd/override.d/dkim_signing.conf`;
	const sectionOf = ([file]: readonly SignerFile[]): SigningSection =>
		readSection(Buffer.from(file?.bytes ?? new Uint8Array()).toString("latin1"), path);
	const keysIn = (files: readonly SignerFile[]): readonly VolumeKey[] => {
		const section = sectionOf(files);
		const whyNever = whyNotTaken(section);
		return section.keys.map(({ domain, selector, path: named, problem }) => {
			const outside = toOutside(named, place);
			const why = outside === null ? `its key ${named} is not below ${inside}` : whyNever(domain);
			return {
				domain,
				selector,
				path: outside ?? named,
				entry: domain,
				signs: true,
				problem: problem ?? why,
			};
		});
	};
	return {
		volume,
		keys: `${volume}/rspamd/dkim`,
		files: [path],
		keysIn,
		render: ([file], changes) =>
			file === undefined
				? []
				: [
						{
							path: file.path,
							hashBefore: file.hash,
							bytes: renderSection(
								file.bytes,
								file.path,
								changes.map((change) => inwards(change, place)),
							),
						},
					],
		firstKeyFaults: (files, domains) => {
			const keys = keysIn(files);
			const whyNever = whyNotTaken(sectionOf(files), domains);
			return faultsOf(domains, (domain) => {
				const key = keys.find((one) => one.domain === domain);
				return key === undefined
					? whyNever(domain)
					: `it has a block already: ${key.problem ?? key.selector}`;
			});
		},
	};
}

/** Why its rspamd takes no key from the domain's block; `more` are to get one. */
function whyNotTaken({ options, keys }: SigningSection, more: readonly string[] = []): NeverAsked {
	const elsewhere = ["use_redis", "signing_table"].find((name) => isOn(options.get(name)));
	if (elsewhere !== undefined)
		return () =>
			`${elsewhere}: rspamd takes its keys from there, not from domain { }, which alone keyturn turns in a container`;
	return neverAsked(options, [...keys.map(({ domain }) => domain), ...more]);
}

interface Place {
	readonly outside: string;
	readonly inside: string;
}

/** The same table with its paths as this host has them. */
function mapped(format: RowFormat, place: Place): RowFormat {
	return {
		...format,
		parse: (line) => {
			const row = format.parse(line);
			if (row === null) return null;
			const path = toOutside(row.path, place);
			const why = path === null ? `its key ${row.path} is not below ${place.inside}` : null;
			return { ...row, path: path ?? row.path, problem: row.problem ?? why };
		},
		turn: (line, to) => format.turn(line, { ...to, keyPath: toInside(to.keyPath, place) }),
		first: (domain, to, label) =>
			format.first(domain, { ...to, keyPath: toInside(to.keyPath, place) }, label),
	};
}

function inwards(change: SignerChange, place: Place): SignerChange {
	const { to } = change;
	return to === null ? change : { ...change, to: { ...to, keyPath: toInside(to.keyPath, place) } };
}

function toOutside(path: string, { outside, inside }: Place): string | null {
	return path.startsWith(`${inside}/`) && !path.includes("/../")
		? `${outside}${path.slice(inside.length)}`
		: null;
}

function toInside(path: string, { outside, inside }: Place): string {
	if (path.startsWith(`${outside}/`)) return `${inside}${path.slice(outside.length)}`;
	throw new KeyturnError(
		"signer.config",
		`${path}: expected a key below ${outside}, where the container sees it`,
	);
}
