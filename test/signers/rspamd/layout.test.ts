import { expect, test } from "vitest";
import { readLayout, renderLayout } from "../../../src/signers/rspamd/layout.ts";
import { readSection } from "../../../src/signers/rspamd/signing-section.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";

const MAP = "/etc/rspamd/maps.d/selectors.map";
const PATH = 'path = "/keys/$domain/$selector.private";';

async function layoutOf(config: string, files: Readonly<Record<string, string>> = {}) {
	const sim = new SimDisk(() => new Date(0));
	sim.put(MAP, "example.com 202610\n");
	for (const [path, text] of Object.entries(files)) sim.put(path, text);
	return readLayout({
		disk: sim.open({ process: createSimProcess() }),
		section: readSection(config, "dkim_signing.conf"),
		keyPath: (domain, selector) => `/keys/${domain}/${selector}.private`,
		staged: new Map(),
	});
}

test("where neither maps nor tables are named the blocks name the keys", async () => {
	expect(await layoutOf("domain { }")).toBeNull();
});

test.each(["/etc/rspamd", "$LOCAL_CONFDIR", "${CONFDIR}", "file:///etc/rspamd"])(
	"finds a map below %s",
	async (at) => {
		const layout = await layoutOf(`selector_map = "${at}/maps.d/selectors.map"; ${PATH}`);
		expect(layout?.rows).toMatchObject([
			{
				domain: "example.com",
				selector: "202610",
				path: "/keys/example.com/202610.private",
				problem: null,
				signs: true,
			},
		]);
		expect(layout?.firstKeyFaults(["example.com", "new.example"])).toEqual(
			new Map([["example.com", "the map of selectors has 202610 for it already: it signs"]]),
		);
	},
);

test("keys in domain { } sign beside a map, which only fills what is missing: they are told, and not turned", async () => {
	const blocks = 'domain { shop.example { path = "/k/shop"; selector = "s"; } }';
	const layout = await layoutOf(`selector_map = "${MAP}"; ${PATH} ${blocks}`);
	const why = expect.stringContaining("named in domain { }, which counts before the map") as string;
	expect(layout?.rows).toMatchObject([
		{ domain: "example.com", selector: "202610", problem: null, signs: true },
		{ domain: "shop.example", selector: "s", path: "/k/shop", problem: why, signs: true },
	]);
	expect(layout?.firstKeyFaults(["shop.example", "new.example"])).toEqual(new Map([["shop.example", why]]));
});

test.each([
	["", "rspamd looks for its key at /var/lib/rspamd/dkim/example.com.202610.key"],
	['path = "/keys/mail.private";', "has no $selector"],
	[`${PATH} domain { example.com { path = "/k"; selector = "x"; } }`, "its block in domain { } counts"],
	[`${PATH} path_map = "/paths";`, "its path /keys/fixed has no $selector"],
])("tells of a map's line what keeps it from being turned: %s", async (options, why) => {
	const layout = await layoutOf(`selector_map = "${MAP}"; ${options}`, {
		"/paths": "example.com /keys/fixed\n",
	});
	expect(layout?.rows[0]?.problem).toContain(why);
});

test.each([
	['path_map = "/paths";', "path_map without selector_map"],
	['selector_map = "http://maps.example/selectors";', "expected a file on this host"],
	['key_table = "/keys.table";', "signing_table: expected a file"],
])("refuses %s", async (config, why) => {
	const files = { "/paths": "", "/keys.table": "" };
	await expect(layoutOf(config, files)).rejects.toThrow(why);
});

test("refuses a map that stands in the configuration itself", async () => {
	await expect(layoutOf('selector_map = ["example.com 202610"];')).rejects.toThrow(
		"expected the name of a file",
	);
});

test("knows which names of the key table sign", async () => {
	const files = {
		"/keys.table": "a example.com:s:/k/a\nb example.org:s:/k/b\nc example.net:/k/c\n*.x d.example:s:/k/d\n",
		"/signing.table": "*@example.com a\n*@example.net c\n",
	};
	const layout = await layoutOf('key_table = "/keys.table"; signing_table = "/signing.table";', files);
	expect(layout?.rows.map(({ label, signs, problem }) => [label, signs, problem === null])).toEqual([
		["a", true, true],
		["b", false, true],
		["c", true, false],
		["*.x", false, false],
	]);
	expect(layout?.firstKeyFaults(["new.example"]).get("new.example")).toContain("a pattern, *.x");
});

const TABLES = 'key_table = "/keys.table"; signing_table = "/signing.table";';

test.each([
	[
		"*@example.com.br br",
		"br example.com.br:s:/k/br",
		"example.com",
		"its line *@example.com and *@example.com.br,",
	],
	[
		"*@example.com a",
		"a example.com:s:/k/a",
		"example.com.br",
		"its line *@example.com.br and *@example.com,",
	],
	[
		"info@example.com a",
		"a example.com:s:/k/a",
		"example.com",
		"its line *@example.com and info@example.com,",
	],
	[
		"*@myexample.com myexample.com",
		"myexample.com myexample.com:s:/k/m",
		"example.com",
		"its name example.com and myexample.com,",
	],
	["*@example.com com", "com example.com:s:/k/c", "other.com", "its name other.com and com,"],
	[
		"*@example.org shop",
		"shop example.org:s:/k/o\nexample.com other.example:s:/k/x",
		"example.com",
		"its name example.com and example.com,",
	],
])(
	"a first key is refused where rspamd before 4.1.2 could mix its lines up: %s, %s",
	async (pattern, keys, domain, why) => {
		const layout = await layoutOf(TABLES, { "/keys.table": `${keys}\n`, "/signing.table": `${pattern}\n` });
		expect(layout?.firstKeyFaults([domain]).get(domain)).toContain(why);
		const to = { selector: "next", keyPath: "/k/next" };
		expect(() => renderLayout(layout?.files ?? [], [{ domain, from: null, to }], () => "")).toThrow("4.1.2");
	},
);

test("nothing is mixed up by names apart, nor by half of a first key's own lines", async () => {
	const files = {
		"/keys.table": "shop1 example.com:s:/k/a\nnew.example new.example:next:/k/next\n",
		"/signing.table": "*@example.com shop1\n",
	};
	const layout = await layoutOf(TABLES, files);
	expect(layout?.firstKeyFaults(["new.example", "example.org"])).toEqual(new Map());
	const to = { selector: "next", keyPath: "/k/next" };
	expect(
		renderLayout(layout?.files ?? [], [{ domain: "new.example", from: null, to }], () => ""),
	).toHaveLength(1);
});

test("of two first keys at once the second is refused where they could be mixed up", async () => {
	const layout = await layoutOf(TABLES, { "/keys.table": "", "/signing.table": "" });
	expect([...(layout?.firstKeyFaults(["example.com", "example.com.br"]).keys() ?? [])]).toEqual([
		"example.com.br",
	]);
});

test("a turn is none of this", async () => {
	const files = {
		"/keys.table": "example.com example.com:s:/k/a\nexample.com.br example.com.br:s:/k/b\n",
		"/signing.table": "*@example.com example.com\n*@example.com.br example.com.br\n",
	};
	const to = { selector: "next", keyPath: "/k/next" };
	const layout = await layoutOf(TABLES, files);
	expect(
		renderLayout(layout?.files ?? [], [{ domain: "example.com", from: "s", to }], () => ""),
	).toHaveLength(1);
});

test("a path beside the map may have its variables in braces, and begin with rspamd's directory", async () => {
	const layout = await layoutOf(`selector_map = "${MAP}"; path = "/keys/\${domain}/\${selector}.private";`);
	expect(layout?.rows).toMatchObject([{ path: "/keys/example.com/202610.private", problem: null }]);
	const other = await layoutOf(`selector_map = "${MAP}"; path = "\${DBDIR}/dkim/$domain.$selector.key";`);
	expect(other?.rows[0]?.problem).toContain("at /var/lib/rspamd/dkim/example.com.202610.key, and");
});
