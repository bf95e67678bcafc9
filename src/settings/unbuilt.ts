/** The one table of what keyturn.yaml may say but keyturn cannot do yet. Building a feature takes its row out. */

import type { Path } from "./faults.ts";

export const UNBUILT_RULE = "the feature of this key is not built yet";

export interface UnbuiltRow {
	/** `*` stands for every name or place in the list. */
	readonly path: Path;
	/** What of the key is not built, for the manual; null for the whole key. */
	readonly what: string | null;
	readonly asked: (value: unknown) => boolean;
	/** What stands in for it while the rest of the file is checked; nothing where this is left out. */
	readonly instead?: (value: unknown) => unknown;
}

export const UNBUILT: readonly UnbuiltRow[] = [
	...overridable(["verify", "via"], "other than `[servers]`", (value) =>
		hasSome(value, (way) => way === "resolver" || (typeof way === "string" && way.startsWith("https:"))),
	),
	{ path: ["state"], what: "`{ postgresql: … }`", asked: isMap },
	{
		path: ["domains"],
		what: "`{ from: signer }` and `{ file: … }`",
		asked: (value) => hasKey(value, "from") || hasKey(value, "file"),
		instead: () => [],
	},
];

/** Types that are named in the documents; one of them that has an adapter is built, whatever stands here. */
export const LATER_TYPES = {
	signers: [],
	providers: (
		"cloudflare rfc2136 powerdns hetzner desec ovh route53 digitalocean linode gandi porkbun namecheap inwx " +
		"netcup google azure ionos vultr infomaniak transip scaleway bunny dnsimple godaddy namecom ns1 njalla " +
		"cloudns namesilo mythicbeasts joker hostingde luadns rcodezero exoscale easydns exec httpreq lexicon " +
		"zonefile manual"
	).split(" "),
	alerts: [],
} as const;

/** The rows for the key itself and for the same key of a domain. */
function overridable(path: Path, what: string, asked: UnbuiltRow["asked"]): readonly UnbuiltRow[] {
	return [
		{ path, what, asked },
		{ path: ["domains", "*", ...path], what, asked },
	];
}

/** Tells of all that is asked for and not built, and gives the file without it. */
export function takeOutUnbuilt(file: unknown, tell: (path: Path) => void): unknown {
	const rest: unknown = structuredClone(file);
	for (const row of UNBUILT)
		for (const path of placesOf(rest, row.path)) {
			const holder = valueAt(rest, path.slice(0, -1)) as Record<string | number, unknown>;
			const key = path.at(-1) ?? "";
			if (!row.asked(holder[key])) continue;
			tell(path);
			if (row.instead === undefined) delete holder[key];
			else holder[key] = row.instead(holder[key]);
		}
	return rest;
}

/** Every place in `value` that `pattern` names. */
function placesOf(value: unknown, pattern: Path): readonly Path[] {
	const [first, ...rest] = pattern;
	if (first === undefined) return [[]];
	if (typeof value !== "object" || value === null) return [];
	const below = (key: string | number, child: unknown): readonly Path[] =>
		placesOf(child, rest).map((path) => [key, ...path]);
	if (first === "*" && Array.isArray(value)) return value.flatMap((child, index) => below(index, child));
	if (Array.isArray(value)) return [];
	const entries = Object.entries(value);
	return entries
		.filter(([key]) => first === "*" || key === first)
		.flatMap(([key, child]) => below(key, child));
}

function isMap(value: unknown): boolean {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hasKey(value: unknown, key: string): boolean {
	return isMap(value) && Object.hasOwn(value as object, key);
}

function hasSome(value: unknown, test: (item: unknown) => boolean): boolean {
	return Array.isArray(value) && value.some(test);
}

function valueAt(root: unknown, path: Path): unknown {
	return path.reduce<unknown>((value, part) => (value as Record<string | number, unknown>)[part], root);
}
