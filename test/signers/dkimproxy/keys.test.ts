import { describe, expect, test } from "vitest";
import { defaultKey, mapKeys } from "../../../src/signers/dkimproxy/keys.ts";
import { proxyOptions } from "../../../src/signers/dkimproxy/options.ts";

/** dkimproxy_out.conf.example as it is printed. */
const EXAMPLE = `# specify what address/port DKIMproxy should listen on
listen    127.0.0.1:10027

# specify what address/port DKIMproxy forwards mail to
relay     127.0.0.1:10028

# specify what domains DKIMproxy can sign for (comma-separated, no spaces)
domain    example.org

# specify what signatures to add
signature dkim(c=relaxed)
signature domainkeys(c=nofws)

# specify location of the private key
keyfile   /full/path/to/private.key

# specify the selector (i.e. the name of the key record put in DNS)
selector  selector1

# control how many processes DKIMproxy uses
#min_servers 5
`;

describe("dkimproxy_out.conf", () => {
	test("names its one key, with the places of its selector and path", () => {
		const key = defaultKey(EXAMPLE);
		expect(key).toMatchObject({
			domain: "example.org",
			selector: "selector1",
			path: "/full/path/to/private.key",
			problem: null,
			hasAlgorithm: false,
		});
		expect(EXAMPLE.slice(key?.selectorAt.start, key?.selectorAt.end)).toBe("selector1");
		expect(EXAMPLE.slice(key?.pathAt.start, key?.pathAt.end)).toBe("/full/path/to/private.key");
	});

	test("is read with comments behind values, other separators, and the last value of a name", () => {
		const options = proxyOptions("selector a\n --selector = b # c\nkeyfile: /k\n# domain x\n\ndomain\n");
		expect(options.map(({ name, value }) => [name, value])).toEqual([
			["selector", "a"],
			["selector", "b"],
			["keyfile", "/k"],
		]);
	});

	test.each([
		["domain    example.org,example.com", "several domains"],
		["domain    $sender", "not the name of one domain"],
		["signature dkim(d=example.com)", "of its own"],
		["keyfile   private.key", "expected an absolute path"],
	])("with %s is told and not turned", (line, why) => {
		expect(defaultKey(`${EXAMPLE}${line}\n`)?.problem).toContain(why);
	});

	test("signs nothing by itself beside a map, or with DomainKeys alone", () => {
		const bare = EXAMPLE.replaceAll(/^signature.*\n/gm, "");
		expect(defaultKey(bare)?.problem).toBeNull();
		expect(defaultKey(`${bare}sender_map /m\n`)).toBeNull();
		expect(defaultKey(`${bare}signature domainkeys\n`)).toBeNull();
	});
});

describe("a sender_map", () => {
	test("gives each sender its keys", () => {
		const text =
			"a.test dkim(s=one,key=/k/a)\n# no\n;no\njason@long.name\tdkim(d=b.test,s=two,key=/k/b,a=rsa-sha256), domainkeys\n" +
			"widget.test domainkeys\nnothing\n";
		const keys = mapKeys(text);
		expect(keys).toMatchObject([
			{
				domain: "a.test",
				sender: "a.test",
				selector: "one",
				path: "/k/a",
				problem: null,
				hasAlgorithm: false,
			},
			{
				domain: "b.test",
				sender: "jason@long.name",
				selector: "two",
				path: "/k/b",
				problem: null,
				hasAlgorithm: true,
			},
		]);
		expect(text.slice(keys[1]?.pathAt.start, keys[1]?.pathAt.end)).toBe("/k/b");
	});

	test.each([
		["a.test dkim(c=relaxed)", "has not one dkim(…) with s= and key= of its own"],
		["a.test dkim(s=x,key=/k),dkim(s=y,key=/l)", "has not one dkim(…)"],
		["a.test dkim(s=x,key=/k", "has not one dkim(…)"],
		["A.test dkim(s=x,key=/k)", "is never looked up"],
		["a.test dkim(d=$senderdomain,s=x,key=/k)", "not the name of one domain"],
		[". dkim(s=x,key=/k)", "not the name of one domain"],
		["a.test dkim(s=x,key=k)", "expected an absolute path"],
		["a.test dkim(s=x,key=/k)\na.test dkim(s=y,key=/k)", "has several lines"],
	])("with %s is told and not turned", (text, why) => {
		const keys = mapKeys(text);
		expect(keys.length).toBeGreaterThan(0);
		for (const key of keys) expect(key.problem).toContain(why);
	});
});
