/** Reads a TSIG key file as `tsig-keygen` and `rndc-confgen` write it and as BIND includes it. */

import type { TsigKey } from "../../src/dns/dns-wire/tsig.ts";
import { TSIG_ALGORITHMS, type TsigAlgorithm } from "../../src/dns/dns-wire/tsig-algorithms.ts";
import { KeyturnError } from "../../src/errors.ts";

/** Fails with `config.invalid`, telling what of the key is wrong but nothing of what the file holds. */
export function parseKeyFile(text: string, path: string): TsigKey {
	const tokens = tokenize(text);
	if (tokens === null) throw unfit(path, "a comment or a quoted text has no end");
	const keys = tokens.flatMap((token, index) => (token === "key" ? [index] : []));
	const start = keys[0];
	if (start === undefined) throw unfit(path, 'it has no key "NAME" { … } statement');
	if (keys.length > 1) throw unfit(path, `it holds ${keys.length} keys, expected one`);
	const [name = "", open, ...rest] = tokens.slice(start + 1);
	const end = rest.indexOf("}");
	if (open !== "{" || end === -1) throw unfit(path, 'the key "NAME" { … } statement is cut short');
	const body = rest.slice(0, end);
	const field = (word: string) => {
		const at = body.indexOf(word);
		return at === -1 || body[at + 2] !== ";" ? null : (body[at + 1] ?? null);
	};
	const algorithm = field("algorithm");
	const secret = field("secret");
	if (algorithm === null || secret === null) throw unfit(path, "it lacks an algorithm or a secret");
	return makeKey({ name: unquote(name), algorithm: unquote(algorithm), secret: unquote(secret) }, path);
}

/** `from` says where the key stands, for errors. */
export function makeKey(
	parts: { readonly name: string; readonly algorithm: string; readonly secret: string },
	from: string,
): TsigKey {
	const algorithm = parts.algorithm.toLowerCase().replace(/\.$/, "");
	if (!isAlgorithm(algorithm))
		throw unfit(
			from,
			`its algorithm is not ${TSIG_ALGORITHMS.join(" or ")}`,
			"tsig-keygen -a hmac-sha256 NAME",
		);
	if (!/^(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?$/.test(parts.name))
		throw unfit(from, "its name is no name of a TSIG key");
	const text = parts.secret.replace(/\s+/g, "");
	const secret = Buffer.from(text, "base64");
	if (secret.length === 0 || secret.toString("base64").replace(/=+$/, "") !== text.replace(/=+$/, ""))
		throw unfit(from, "its secret is not base64");
	return { name: parts.name.toLowerCase().replace(/\.$/, ""), algorithm, secret };
}

function isAlgorithm(text: string): text is TsigAlgorithm {
	return (TSIG_ALGORITHMS as readonly string[]).includes(text);
}

/** Words, quoted texts with their quotes, and the signs; comments of the three kinds are left out. Null if cut short. */
function tokenize(text: string): readonly string[] | null {
	const pattern = /\/\/[^\n]*|#[^\n]*|\/\*[^]*?\*\/|"[^"\n]*"|[{};]|[^\s{};"#]+|\s+|[^]/g;
	const tokens: string[] = [];
	for (const [token] of text.matchAll(pattern)) {
		if (token === '"' || token.startsWith("/*") !== token.endsWith("*/")) return null;
		if (/^(?:\/\/|#|\/\*|\s)/.test(token)) continue;
		tokens.push(token);
	}
	return tokens;
}

function unquote(token: string): string {
	return token.replace(/^"(.*)"$/, "$1");
}

function unfit(from: string, why: string, make = "tsig-keygen NAME"): KeyturnError {
	return new KeyturnError("config.invalid", `${from} is no usable TSIG key: ${why}`, {
		hint: `make one with \`${make}\` and give it to the server too`,
	});
}
