/** Programs of the host that keyturn.yaml knows nothing of and that sign with its keys all the same: amavis, an ARC signer. */

import type { OtherReader } from "../../src/ports/door.ts";

/** One line of such a program's configuration. */
export interface OtherUse {
	readonly program: string;
	readonly domain: string;
	readonly selector: string;
	readonly publicKey: string;
	/** Since when the line stands, by the time that the host was awake. */
	readonly sinceMs: number;
}

export interface OtherPrograms {
	uses: readonly OtherUse[];
	/** Those that a look of keyturn's has found. */
	readonly seen: Set<OtherUse>;
	/** Whether one of their files cannot be read. */
	isUnreadable: boolean;
}

/** A program that was given a key is started anew some time afterwards. */
const STARTS_MS = 20 * 60_000;

/** What signs by now; a host that sleeps starts nothing. */
export function signing({ uses }: OtherPrograms, awakeMs: number): readonly OtherUse[] {
	return uses.filter(({ sinceMs }) => sinceMs + STARTS_MS <= awakeMs);
}

/** keyturn looks hourly, with the first tick after an hour. */
const LOOKS_MS = 75 * 60_000;

/**
 * Whose mail keyturn has to know of: what signs by now, but for a line that stands since the last look only. One that is gone
 * before the next was never there for keyturn.
 */
export function knowable(others: OtherPrograms, awakeMs: number): readonly OtherUse[] {
	const isKnowable = (use: OtherUse): boolean => others.seen.has(use) || use.sinceMs + LOOKS_MS <= awakeMs;
	return signing(others, awakeMs).filter(isKnowable);
}

/** As the door finds them, which is a look. */
export function lookAt({ uses, seen, isUnreadable }: OtherPrograms): readonly OtherReader[] {
	for (const use of uses) seen.add(use);
	const found = uses.map(({ program, domain, selector }) => ({
		program,
		where: "/etc/amavis/conf.d/50-user line 12",
		domain,
		selector,
		keyPath: null,
		publicKey: null,
		problem: null,
	}));
	const unclear: OtherReader = {
		program: "an ARC signer",
		where: "/etc/openarc.conf",
		domain: null,
		selector: null,
		keyPath: null,
		publicKey: null,
		problem: "EIO",
	};
	return isUnreadable ? [...found, unclear] : found;
}
