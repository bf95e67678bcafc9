import { expect, test } from "vitest";
import type { SignerChange } from "../../../src/ports/signer.ts";
import { readSection, renderSection } from "../../../src/signers/rspamd/signing-section.ts";

/** Both forms in one file, as a guide for containers prints them. */
const GUIDE = `# documentation: https://rspamd.com/doc/modules/dkim_signing.html

enabled = true;
use_redis = false; # don't change unless Redis also provides the DKIM keys
use_esld = true;

domain {
    example.com {
        path = "/keys/mail.private";
        selector = "mail";
    }
    example.org {
        selectors [
            {
                path = "/keys/rsa.private";
                selector = "dkim-rsa";
            },
            {
                path = "/keys/ed25519.private";
                selector = "dkim-ed25519";
            }
        ]
    }
}
`;

const turn = (domain: string, from: string): SignerChange => ({
	domain,
	from,
	to: { selector: "202612", keyPath: `/new/${domain}/202612.private` },
});

function rendered(text: string, ...changes: readonly SignerChange[]): string {
	return Buffer.from(renderSection(Buffer.from(text, "latin1"), "/f", changes)).toString("latin1");
}

test("every key of every block is found", () => {
	expect(
		readSection(GUIDE, "/f").keys.map(({ domain, selector, path, problem }) => [
			domain,
			selector,
			path,
			problem,
		]),
	).toEqual([
		["example.com", "mail", "/keys/mail.private", null],
		["example.org", "dkim-rsa", "/keys/rsa.private", null],
		["example.org", "dkim-ed25519", "/keys/ed25519.private", null],
	]);
});

test("a turn changes one selector and one path, in a block as in a list", () => {
	expect(rendered(GUIDE, turn("example.com", "mail"), turn("example.org", "dkim-rsa"))).toBe(
		GUIDE.replace("/keys/mail.private", "/new/example.com/202612.private")
			.replace('"mail"', '"202612"')
			.replace("/keys/rsa.private", "/new/example.org/202612.private")
			.replace('"dkim-rsa"', '"202612"'),
	);
});

test("without quotes a selector of digits would be a number: it gets them", () => {
	const text = "domain { a.example { selector = mail; path = /k/a } }";
	expect(rendered(text, turn("a.example", "mail"))).toBe(
		'domain { a.example { selector = "202612"; path = /new/a.example/202612.private } }',
	);
	expect(readSection(text.replace("mail", "202611"), "/f").keys[0]?.problem).toContain(
		"takes it for a number",
	);
});

test("several keys of a domain: all in one list, turned each in its place, and taken out together only", () => {
	const out = (from: string): SignerChange => ({ domain: "example.org", from, to: null });
	const both = rendered(GUIDE, turn("example.org", "dkim-rsa"), {
		...turn("example.org", "dkim-ed25519"),
		to: { selector: "202612b", keyPath: "/new/b.private" },
	});
	expect(both).toBe(
		GUIDE.replace("/keys/rsa.private", "/new/example.org/202612.private")
			.replace("dkim-rsa", "202612")
			.replace("/keys/ed25519.private", "/new/b.private")
			.replace("dkim-ed25519", "202612b"),
	);
	expect(() => rendered(GUIDE, out("dkim-rsa"))).toThrow("take dkim-rsa out of it by hand");
	const gone = rendered(GUIDE, out("dkim-rsa"), out("dkim-ed25519"));
	expect(gone).not.toContain("example.org");
	expect(gone).toContain("example.com {");
	const first = (selector: string): SignerChange => ({
		domain: "example.org",
		from: null,
		to: { selector, keyPath: `/new/${selector}` },
	});
	const made = rendered(gone, first("r"), first("e"));
	expect(readSection(made, "/f").keys.map(({ domain, selector, path }) => [domain, selector, path])).toEqual([
		["example.com", "mail", "/keys/mail.private"],
		["example.org", "r", "/new/r"],
		["example.org", "e", "/new/e"],
	]);
});

test("a first key gets a block of its own; taken out, the file is as it was", () => {
	const first: SignerChange = { ...turn("example.net", ""), from: null };
	const after = rendered(GUIDE, first);
	const block =
		'  example.net {\n    path = "/new/example.net/202612.private";\n    selector = "202612";\n  }\n';
	expect(after).toBe(GUIDE.replace(/\}\n$/, `${block}}\n`));
	expect(rendered(after, { domain: "example.net", from: "202612", to: null })).toBe(GUIDE);
	expect(rendered("enabled = true;", first)).toBe(`enabled = true;\ndomain {\n${block}}\n`);
	expect(rendered("domain { }", first)).toBe(`domain { \n${block}}`);
});

test.each([
	["domain { a.example { selector = s } }", "stands outside its block"],
	["domain { a.example { path = /k; path = /l; selector = s } }", "stands twice"],
	["domain { a.example { path = k; selector = s } }", "expected an absolute path"],
	['domain { a.example { path = /k/ed.private"; selector = s } }', "no quote"],
	["domain { a.example { path = /$keys/k; selector = s } }", "no quote or variable"],
	["domain { a.example = yes }", "expected a block"],
	["domain { a.example { selectors = yes } }", "expected one list"],
	[
		"domain { a.example { path = /k; selector = s } A.example { path = /l; selector = t } }",
		"has several blocks",
	],
])("%s: the line says why it is not turned", (text, why) => {
	expect(readSection(text, "/f").keys[0]?.problem).toContain(why);
});

test("$domain and $selector in a path are what rspamd puts there", () => {
	const text = "domain { a.example { path = /k/$domain.$selector.key; selector = s } }";
	expect(readSection(text, "/f").keys).toMatchObject([{ path: "/k/a.example.s.key", problem: null }]);
});

test.each([
	["use_vault = true", "keys in Vault"],
	["use_http = yes", "keys by HTTP"],
	["domain = yes", "expected domain"],
	["domain { }\ndomain { }", "expected one section domain, got 2"],
])("%s is refused", (text, why) => {
	expect(() => readSection(text, "/f")).toThrow(why);
});

test.each<[string, SignerChange]>([
	["a key that is not there", turn("example.com", "other")],
	["a first key beside a block", { ...turn("example.com", ""), from: null }],
	["one of a list taken out", { domain: "example.org", from: "dkim-rsa", to: null }],
	["a path that needs escaping", { ...turn("example.com", "mail"), to: { selector: "s", keyPath: '/a"b' } }],
])("%s is refused", (_, change) => {
	expect(() => rendered(GUIDE, change)).toThrow(expect.objectContaining({ code: "signer.config" }) as Error);
});

test.each([
	["202612b", true],
	["2021mail", true],
	["1.2.3", true],
	["202612", false],
	["-5", false],
	["1.5", false],
	["1e3", false],
	["0x1f", false],
	["10k", false],
	["10Kb", false],
	["10ms", false],
	["10min", false],
	["1y", false],
])("a selector %s without quotes is a text: %s", (selector, isText) => {
	const [key] = readSection(`domain { example.com { path = /k; selector = ${selector}; } }`, "/f").keys;
	expect(key).toMatchObject({
		selector,
		problem: isText ? null : (expect.stringContaining("a number") as string),
	});
});

test("a block with another case than rspamd looks for, or a dot behind it, is never found", () => {
	const text = 'domain { Example.com { path = "/k"; selector = "s"; } }';
	expect(readSection(text, "/f").keys).toMatchObject([
		{
			domain: "example.com",
			problem: "the name of its block is Example.com, and rspamd looks for example.com",
		},
	]);
});

test("a key beside the list signs as those in it do", () => {
	const text =
		'domain { example.com { path = "/k/rsa"; selector = "rsa"; selectors [ { path = "/k/ed"; selector = "ed"; } ] } }';
	expect(readSection(text, "/f").keys.map(({ selector, path }) => [selector, path])).toEqual([
		["rsa", "/k/rsa"],
		["ed", "/k/ed"],
	]);
	expect(rendered(text, turn("example.com", "rsa"))).toBe(
		text.replace('"/k/rsa"', '"/new/example.com/202612.private"').replace('"rsa"', '"202612"'),
	);
});

test.each([
	["/k/${domain}.${selector}.key", "/k/example.com.s.key"],
	["$DBDIR/dkim/$domain.key", "/var/lib/rspamd/dkim/example.com.key"],
	["${DBDIR}/dkim/mail.key", "/var/lib/rspamd/dkim/mail.key"],
	["$LOCAL_CONFDIR/mail.key", "/etc/rspamd/mail.key"],
])("a path %s is opened as %s", (path, opened) => {
	const [key] = readSection(`domain { example.com { path = "${path}"; selector = "s"; } }`, "/f").keys;
	expect(key).toMatchObject({ path: opened, problem: null });
});
