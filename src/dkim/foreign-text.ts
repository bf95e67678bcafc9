/** Text of others, made fit to be shown: a TXT record, a name or a server's words may hold what a terminal, a log or a reader of lines obeys. */

/** Controls, invisible and bidirectional formats, halves of characters, line and paragraph separators. */
const OBEYED = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const OBEYED_BUT_LAYOUT = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** In one line: what would be obeyed stands as its code. */
export function inOneLine(text: string): string {
	return text.replace(OBEYED, codeOf);
}

/** The same, but line feeds and tabs stay: they are of whoever laid the text out. */
export function inLines(text: string): string {
	return text.replace(OBEYED_BUT_LAYOUT, codeOf);
}

/** At most so many characters of it, in one line. */
export function excerpt(text: string, most: number): string {
	return inOneLine(cut(text, most));
}

/** At most so many characters, and a sign where there were more. */
export function cut(text: string, most: number): string {
	return text.length <= most ? text : `${text.slice(0, most)}…`;
}

/** A secret, and what becomes of it in an address (RFC 3986 section 2.1), which programs tell where they cannot reach it. */
export function addressForms(secret: string): readonly string[] {
	const encoded = encodeURIComponent(Buffer.from(secret).toString());
	const strict = encoded.replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
	return [secret, encoded, strict, strict.replaceAll("%20", "+")];
}

/**
 * Servers and programs quote what they were given, sometimes a secret too, or a part of it that stands by itself, in JSON or an
 * address perhaps. To be done before anything is cut: half a secret is found no more. What is shorter than six characters would
 * be found everywhere.
 */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
	return secrets
		.flatMap((secret) => [secret, ...secret.split(" ")])
		.flatMap((secret) => [...addressForms(secret), JSON.stringify(secret).slice(1, -1)])
		.filter((secret) => secret.length >= 6)
		.reduce((left, secret) => left.replaceAll(secret, "…"), text);
}

/** As JSON and JavaScript write it: a JSON text stays one that says the same. */
function codeOf(character: string): string {
	return character
		.split("")
		.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
		.join("");
}
