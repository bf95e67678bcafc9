/** Finds the signers that are installed on this host, and what their own configuration says that keyturn.yaml needs. */

import { asKeyturnError } from "../errors.ts";
import type { FoundSigner } from "../ports/found-signer.ts";
import type { SigningLine } from "../ports/signer.ts";
import { SIGNER_TYPES, type SignerTools } from "./registry.ts";

/** Reads only, as whoever runs it: root sees all. One that cannot be read is told with its problem. */
export async function discoverSigners(tools: SignerTools): Promise<readonly FoundSigner[]> {
	const found: FoundSigner[] = [];
	for (const place of PLACES) {
		if ((await firstThere(tools, place.programs)) === null) continue;
		const config = await firstThere(tools, place.configs);
		if (config !== null) found.push(await lookAt(tools, place, config));
	}
	return found;
}

interface SignerFound {
	readonly type: string;
	readonly service: string;
	/** Any of them shows that it is installed: its configuration may be left of one that was removed. */
	readonly programs: readonly string[];
	/** The first that is there is read. */
	readonly configs: readonly string[];
	readonly canReload: boolean;
	/** Where Debian keeps its keys. */
	readonly keys: string;
}

const PLACES: readonly SignerFound[] = [
	{
		type: "opendkim",
		service: "opendkim",
		programs: ["/usr/sbin/opendkim", "/usr/bin/opendkim"],
		configs: ["/etc/opendkim.conf", "/etc/opendkim/opendkim.conf"],
		canReload: true,
		keys: "/etc/dkimkeys",
	},
	{
		type: "rspamd",
		service: "rspamd",
		programs: ["/usr/bin/rspamd"],
		configs: ["/etc/rspamd/local.d/dkim_signing.conf", "/etc/rspamd/override.d/dkim_signing.conf"],
		canReload: true,
		keys: "/var/lib/rspamd/dkim",
	},
	{
		type: "dkimpy",
		service: "dkimpy-milter",
		programs: ["/usr/bin/dkimpy-milter"],
		configs: ["/etc/dkimpy-milter/dkimpy-milter.conf"],
		canReload: false,
		keys: "/etc/dkimkeys",
	},
	{
		type: "dkimproxy",
		service: "dkimproxy",
		programs: ["/usr/sbin/dkimproxy.out"],
		configs: ["/etc/dkimproxy/dkimproxy_out.conf"],
		canReload: false,
		keys: "/var/lib/dkimproxy",
	},
];

async function firstThere(
	{ disk }: Pick<SignerTools, "disk">,
	paths: readonly string[],
): Promise<string | null> {
	for (const path of paths) if ((await disk.stat(path)) !== null) return path;
	return null;
}

async function lookAt(tools: SignerTools, place: SignerFound, config: string): Promise<FoundSigner> {
	const { type, service, canReload } = place;
	const about = { type, service, canReload, keys: [], problems: [] };
	try {
		const lines = await readLines(tools, place, config);
		const isTurnable = (line: SigningLine): boolean => line.signs && line.problem === null;
		return {
			...about,
			settings: { config, keys: keysDirectory(lines) ?? place.keys },
			keys: lines.filter(isTurnable).map(({ domain, selector }) => ({ domain, selector })),
			problems: lines.flatMap(({ entry, problem, signs }) =>
				signs && problem !== null ? [placed(config, `${entry}: ${problem}`)] : [],
			),
		};
	} catch (thrown) {
		return {
			...about,
			settings: { config, keys: place.keys },
			problems: [placed(config, asKeyturnError(thrown).message)],
		};
	}
}

function placed(config: string, problem: string): string {
	return problem.includes(config) ? problem : `${config}: ${problem}`;
}

async function readLines(
	tools: SignerTools,
	{ type, service, keys }: SignerFound,
	config: string,
): Promise<readonly SigningLine[]> {
	const known = await SIGNER_TYPES[type]?.();
	if (known === undefined) return [];
	const settings = known.settingsSchema.parse({ config, keys });
	const signer = await known.create({ ...tools, name: "found", service, swap: "restart", settings });
	return (await signer.read()).lines;
}

/** Where most of the keys in use lie: `<keys>/<domain>/…`, or `<keys>/…`; null if none is known. */
export function keysDirectory(lines: readonly Pick<SigningLine, "domain" | "keyPath">[]): string | null {
	const counts = new Map<string, number>();
	for (const { domain, keyPath } of lines) {
		const [file = "", parent = "", ...above] = keyPath.split("/").toReversed();
		const directory = (parent === domain ? above : [parent, ...above]).toReversed().join("/");
		if (file !== "" && directory.length > 1) counts.set(directory, (counts.get(directory) ?? 0) + 1);
	}
	const [most] = [...counts].toSorted(([, one], [, other]) => other - one);
	return most?.[0] ?? null;
}
