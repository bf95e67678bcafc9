/** Text that is syntax somewhere: in a shell, a path, a table, YAML, a zone file, JavaScript, or on a terminal. */

import * as fc from "fast-check";

const LABEL_63 = "a".repeat(63);
const LABEL_64 = "a".repeat(64);

/** No one of these is a domain or selector as keyturn writes one, though many are near. */
export const NASTY_NAMES: readonly string[] = [
	"",
	".",
	"..",
	"../../etc/passwd",
	"/etc/passwd",
	"a/b",
	"a..b",
	".a",
	"-a.example.com",
	"a-.example.com",
	"--config",
	"-x",
	"a:b",
	"a%b",
	"%",
	"*",
	"*.example.com",
	"a#b",
	"#",
	"a;b",
	"$(id)",
	"`id`",
	"$HOME",
	"a'b",
	'a"b',
	"a b",
	" example.com",
	"example.com ",
	"a\tb",
	"example.com\n",
	"a\nb",
	"a\r\nb",
	"a\0b",
	"a\\b",
	"a\\046b",
	"a@b",
	"a=b",
	"a&b|c>d<e",
	"a{b,c}",
	"a[b]",
	"a~",
	"~root",
	"a_b.example.com",
	"bücher.example",
	"例え.jp",
	"\u212aelvin.example",
	"exam\u00adple.com",
	"exam\u200bple.com",
	"\u202egnp.example",
	"\u001b[2J.example",
	"\u009b2J.example",
	"\ufeffexample.com",
	"example\u3002com",
	"\ud800.example",
	`${LABEL_64}.example`,
	Array.from({ length: 4 }, () => LABEL_63).join("."),
	"__proto__",
	"constructor",
	"toString.constructor",
	"null",
	"a.example.com..",
];

/** Good names, among them the longest. */
export const GOOD_DOMAINS: readonly string[] = [
	"example.com",
	"a.b",
	"xn--bcher-kva.example",
	"1.example",
	`${LABEL_63}.example`,
	`${LABEL_63}.${LABEL_63}.${LABEL_63}.${"a".repeat(61)}`,
];

/** What a terminal, a log or a reader would obey. */
export const OBEYED: readonly string[] = [
	"\u001b[2J\u001b[1;1H",
	"\u001b]0;title\u0007",
	"\u001b]8;;https://evil.example\u001b\\click\u001b]8;;\u001b\\",
	"\u009b31m",
	"\u0090q\u009c",
	"\r\nok     202611._domainkey.example.com",
	"\n",
	"\r",
	"\u0008\u0008\u0008",
	"\u007f",
	"\0",
	"\u202egnp.exe\u202c",
	"\u2066a\u2069",
	"\u061c",
	"\u200b\u200d\ufeff\u00ad\u180e",
	"\u2028",
	"\u2029",
	"\u0085",
	"\u{e0041}\u{e0042}",
	"\ufff9\ufffa\ufffb",
	"\ud800",
];

/** Anything that is obeyed rather than shown; line feeds and tabs are for who lays text out. */
export const NEVER_SHOWN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

export const anyText: fc.Arbitrary<string> = fc.oneof(
	fc.constantFrom(...NASTY_NAMES, ...OBEYED),
	fc.string({ unit: "binary", maxLength: 80 }),
	fc.string({ unit: "grapheme", maxLength: 80 }),
	fc
		.array(fc.oneof(fc.constantFrom(...NASTY_NAMES, ...OBEYED), fc.string({ maxLength: 5 })), {
			maxLength: 5,
		})
		.map((parts) => parts.join("")),
);

/** Names, good and bad and between: with one character of syntax somewhere. */
export const anyName: fc.Arbitrary<string> = fc.oneof(
	anyText,
	fc.constantFrom(...GOOD_DOMAINS),
	fc
		.tuple(
			fc.constantFrom(...GOOD_DOMAINS, "202611", "a.b-c"),
			fc.nat(260),
			fc.oneof(
				fc.constantFrom(..." :%*/#;$\"'\\\n\r\t\0\u001b-._@=AZ\u212a".split("")),
				fc.string({ maxLength: 1 }),
			),
		)
		.map(([name, at, put]) => name.slice(0, at) + put + name.slice(at)),
);
