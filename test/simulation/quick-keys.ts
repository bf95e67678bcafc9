/** Lets node:crypto remember keys that it has parsed: a run reads the same few thousand keys a million times. */

import crypto, { type KeyObject } from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

const KEPT = 20_000;

/** For the whole process, the shipped code in it included; what is parsed, and what is refused, stays the same. */
export function rememberParsedKeys(): void {
	const { createPrivateKey, createPublicKey } = crypto;
	const privateKeys = new Map<string, KeyObject>();
	const publicKeys = new Map<KeyObject | string, KeyObject>();
	Object.assign(crypto, {
		createPrivateKey: (given: Parameters<typeof createPrivateKey>[0]) => {
			const name = typeof given === "string" ? given : nameOfDer(given);
			if (name === null) return createPrivateKey(given);
			const key = privateKeys.get(name) ?? createPrivateKey(given);
			if (privateKeys.size > KEPT) privateKeys.clear();
			privateKeys.set(name, key);
			return key;
		},
		createPublicKey: (given: Parameters<typeof createPublicKey>[0] | KeyObject) => {
			const name = given instanceof crypto.KeyObject ? given : nameOfDer(given);
			if (name === null) return createPublicKey(given);
			const key = publicKeys.get(name) ?? rememberExports(createPublicKey(given));
			if (publicKeys.size > KEPT) publicKeys.clear();
			publicKeys.set(name, key);
			return key;
		},
	});
	syncBuiltinESMExports();
}

/** DER bytes as the shipped code gives them; null for anything else. */
function nameOfDer(
	given: Parameters<typeof crypto.createPrivateKey>[0] | Parameters<typeof crypto.createPublicKey>[0],
): string | null {
	if (typeof given !== "object" || !("format" in given) || given.format !== "der") return null;
	return Buffer.isBuffer(given.key) ? `${given.type ?? ""} ${given.key.toString("latin1")}` : null;
}

function rememberExports(key: KeyObject): KeyObject {
	const spki = key.export({ format: "der", type: "spki" });
	const original = key.export.bind(key) as (options: unknown) => unknown;
	return Object.assign(key, {
		export: (options: { readonly type?: string; readonly format?: string }) =>
			options.type === "spki" && options.format === "der" ? spki : original(options),
	});
}
