/** Tells which values of keyturn.yaml may be secrets, put there by mistake: no message shows them. */

import type { Path } from "./faults.ts";

/** Below any other key a text may be a secret, unless its key is among SHOWN or SHOWN_IF. */
const PLAIN = new Set<string | number>(
	(
		"schedule publish_ahead window timezone selector host key record standby jitter spread verify retire " +
		"signers signer services domains metrics status"
	).split(" "),
);
const SHOWN = new Set<string | number>("type name algorithm on repeat format to".split(" "));
/** Shown only where it looks so: the secret itself is put there by mistake, in place of where it lies, or a URL with a login. */
const SHOWN_IF = new Map<string | number, RegExp>([
	["file", /^\//],
	["keyfile", /^\//],
	["env", /^[A-Z_][A-Z0-9_]*$/],
	["server", /^[^@]*$/],
	["smtp", /^[^@]*$/],
]);
const TELLING = /token|secret|passw|hmac|api_?key/i;

export function mayBeSecret(path: Path, written: string): boolean {
	const name = path.findLast((part) => typeof part === "string") ?? "";
	// What is no path may be the URL of a database, with its password.
	if (path.length === 1 && name === "state") return !written.startsWith("/");
	const isShown = SHOWN.has(name) || SHOWN_IF.get(name)?.test(written) === true;
	return mayHoldSecrets(path) && !isShown;
}

/** Whatever stands there, and however it is written. */
export function mayHoldSecrets(path: Path): boolean {
	return !PLAIN.has(path[0] ?? "") || path.some((part) => TELLING.test(String(part)));
}
