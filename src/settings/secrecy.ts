/** Tells which values of keyturn.yaml may be secrets, put there by mistake: no message shows them. */

import type { Path } from "./faults.ts";

/** Below any other key a text may be a secret, unless its key is among SHOWN. */
const PLAIN = new Set<string | number>(
	(
		"schedule publish_ahead window timezone selector host key record standby jitter spread verify retire " +
		"signers signer services domains metrics status"
	).split(" "),
);
const SHOWN = new Set<string | number>(
	"type server name algorithm keyfile file env credential on repeat format to smtp".split(" "),
);
/** Where the secret itself is put by mistake, in place of where it lies. */
const PATHS = new Set<string | number>(["file", "keyfile"]);
const TELLING = /token|secret|passw|hmac|api_?key/i;

export function mayBeSecret(path: Path, written: string): boolean {
	const name = path.findLast((part) => typeof part === "string") ?? "";
	// What is no path may be the URL of a database, with its password.
	if (path.length === 1 && name === "state") return !written.startsWith("/");
	const isShown = SHOWN.has(name) && (!PATHS.has(name) || written.startsWith("/"));
	return mayHoldSecrets(path) && !isShown;
}

/** Whatever stands there, and however it is written. */
export function mayHoldSecrets(path: Path): boolean {
	return !PLAIN.has(path[0] ?? "") || path.some((part) => TELLING.test(String(part)));
}
