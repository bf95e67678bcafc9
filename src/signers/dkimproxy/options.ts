/** Reads a dkimproxy_out.conf as DKIMproxy does (Net::Server, _read_conf): an option, a blank, its value, one a line. */

export interface ProxyOption {
	readonly name: string;
	readonly value: string;
	/** Where the value stands: byte offsets, the text being Latin-1. */
	readonly start: number;
	readonly end: number;
}

const OPTION = /^\s*(?:--)?(\w+)(?:\s*[=:]\s*|\s+)(.+)$/d;
/** `#` begins a comment anywhere, unless a backslash stands before it. */
const COMMENT = /(?<!\\)#.*$/;

/** In their order; of an option that may stand once, the last counts. */
export function proxyOptions(text: string): readonly ProxyOption[] {
	let at = 0;
	return text.split("\n").flatMap((line) => {
		const start = at;
		at += line.length + 1;
		const match = OPTION.exec(line.replace(COMMENT, "").trimEnd());
		const place = match?.indices?.[2];
		if (match?.[1] === undefined || match[2] === undefined || place === undefined) return [];
		return [{ name: match[1], value: match[2], start: start + place[0], end: start + place[1] }];
	});
}

export function lastOption(options: readonly ProxyOption[], name: string): ProxyOption | undefined {
	return options.findLast((option) => option.name === name);
}

/** A signature with what stands in its parentheses: `dkim(d=example.org,s=202611)`. */
export interface SignatureSpec {
	readonly type: string;
	readonly values: readonly ProxyOption[];
}

const SPEC = /(\w+)(?:\(([^()]*)\))?/dg;
/** What an option of a signature is short for (dkimproxy.out, parse_signature_options). */
const LONG: Readonly<Record<string, string>> = { key: "keyfile", s: "selector", d: "domain", a: "algorithm" };

/** Several are separated by commas, as their own options are; null if it is not written so. */
export function signatureSpecs(text: string, at: number): readonly SignatureSpec[] | null {
	const found = [...text.matchAll(SPEC)];
	if (found.length === 0 || !/^[\s,]*$/.test(text.replace(SPEC, ""))) return null;
	return found.map((match) => ({
		type: match[1] ?? "",
		values: valuesIn(match[2] ?? "", at + (match.indices?.[2]?.[0] ?? 0)),
	}));
}

export function lastValue({ values }: SignatureSpec, name: string): ProxyOption | undefined {
	return lastOption(values, name);
}

/** What stands between commas: a name, an equals sign right behind it, and the value; words before the name are passed over. */
function valuesIn(text: string, at: number): readonly ProxyOption[] {
	let end = at - 1;
	return text.split(",").flatMap((part) => {
		const start = end + 1;
		end = start + part.length;
		const sign = equalsIn(part);
		if (sign < 0) return [];
		const name = part.slice(0, sign).split(/[=\s]/).at(-1) ?? "";
		return [{ name: LONG[name] ?? name, value: part.slice(sign + 1), start: start + sign + 1, end }];
	});
}

/** Where the first stands that has a name in front; -1 if none does. */
function equalsIn(part: string): number {
	let sign = part.indexOf("=");
	while (sign >= 0 && !/[^=\s]/.test(part.charAt(sign - 1))) sign = part.indexOf("=", sign + 1);
	return sign;
}
