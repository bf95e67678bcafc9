/** Where a new key's file goes, which may not be where the file of another key of ours still lies. */

import type { Signer } from "../ports/signer.ts";
import { isSameKey, type LedgerKey } from "./ledger.ts";

export interface PlacedKey {
	readonly signer: string;
	/** Under whose name the file lies. */
	readonly domain: string;
	readonly selector: string;
	/** `hashOfKey` of the file; null while there is no key yet. */
	readonly hash: string | null;
}

/**
 * `<keys>/<domain>/<selector>.private`, or `<selector>-2.private` and so on where that is another key's. A name of a ring comes
 * again, and the file of the key before stays where it was in use before ours, or for those who signed with it, too, and went
 * on without this domain.
 */
export function keyPlace(
	{ keyPath }: Pick<Signer, "keyPath">,
	ledger: readonly LedgerKey[],
	key: PlacedKey,
): string {
	const isTaken = (path: string) =>
		ledger.some(
			(known) =>
				known.path === path &&
				(known.origin === "found" || (known.hash !== key.hash && !isSameKey(known, key))),
		);
	let path = keyPath(key.domain, key.selector);
	for (let number = 2; isTaken(path); number += 1) {
		const next = keyPath(key.domain, `${key.selector}-${number}`);
		// All keys would lie in one place: whoever places it finds it taken, and says so.
		if (next === path) break;
		path = next;
	}
	return path;
}
