/** What the agent has saved of a domain, as far as operators and the checker look at it. */

import type { KeyState } from "../../src/rotation/life.ts";
import type { SimDisk } from "../fakes/sim-disk.ts";

interface StoredWants {
	readonly rotate: { readonly noSoak: boolean } | null;
	readonly add: { readonly noSoak: boolean } | null;
	readonly remove: object | null;
	readonly rollback: { readonly selector: string } | null;
	readonly revoke: readonly { readonly selector: string; readonly unsigned: boolean }[];
}

export interface StoredDomain {
	readonly domain: string;
	readonly revision: number;
	readonly wants: StoredWants;
	/** The same for the keys of a further algorithm, where messages are signed with several. */
	readonly wantsOf?: Readonly<Record<string, StoredWants>>;
	readonly keys: readonly {
		readonly algorithm: "rsa" | "ed25519";
		readonly selector: string;
		readonly state: KeyState;
		readonly publicKey: string;
		readonly owes: object | null;
		readonly origin: "made" | "adopted";
	}[];
}

export const STATE = "/var/lib/keyturn";

/** What is wanted of the keys of each algorithm. */
export function allWants({
	wants,
	wantsOf,
}: Pick<StoredDomain, "wants" | "wantsOf">): readonly StoredWants[] {
	return [wants, ...Object.values(wantsOf ?? {})];
}

/** Null for none, and for what no power loss may leave. */
export function storedDomain(disk: SimDisk, domain: string): StoredDomain | null {
	const text = disk.text(documentPath(domain));
	return text === null ? null : parseStored(text);
}

export function documentPath(domain: string): string {
	return `${STATE}/domains/${domain}.json`;
}

const parsed = new Map<string, StoredDomain | null>();
const KEPT = 2000;

/** Null for what no power loss may leave. A text is parsed once. */
export function parseStored(text: string): StoredDomain | null {
	const known = parsed.get(text);
	if (known !== undefined) return known;
	if (parsed.size >= KEPT) parsed.clear();
	const document = parseOnce(text);
	parsed.set(text, document);
	return document;
}

function parseOnce(text: string): StoredDomain | null {
	try {
		return JSON.parse(text) as StoredDomain;
	} catch {
		return null;
	}
}

/** Wishes that no tick has taken yet. */
export function waitingWishes(
	disk: SimDisk,
): readonly { readonly kind: string; readonly domains: readonly string[]; readonly unsigned?: boolean }[] {
	const directory = disk.find(`${STATE}/wishes`, true);
	if (directory === null) return [];
	return [...directory.entries.keys()].flatMap((name) => {
		const text = name.startsWith(".") ? null : disk.text(`${STATE}/wishes/${name}`);
		try {
			return text === null ? [] : [JSON.parse(text) as { kind: string; domains: string[] }];
		} catch {
			return [];
		}
	});
}
