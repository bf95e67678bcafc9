import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { OtherReader } from "../../../src/ports/door.ts";
import { findOtherReaders } from "../../../src/signers/other-readers/other-readers.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const PEM = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
const SPKI = publicKey.export({ format: "der", type: "spki" }).toString("base64");
const KEY = "/etc/opendkim/keys/example.com/202610.private";
const OWN = "/etc/opendkim.conf";

function diskWith(files: Readonly<Record<string, string>>): SimDisk {
	const sim = new SimDisk(() => new Date("2026-11-26T12:00:00Z"));
	sim.put(KEY, PEM, 0o600);
	sim.put(OWN, `KeyTable /etc/opendkim/key.table\n`);
	sim.put("/etc/opendkim/key.table", `own example.com:own:${KEY}\n`);
	for (const [path, text] of Object.entries(files)) sim.put(path, text);
	return sim;
}

async function readersOf(
	files: Readonly<Record<string, string>>,
	fault?: (call: string, path: string) => string | null,
): Promise<readonly OtherReader[]> {
	const disk = diskWith(files).open({
		process: createSimProcess(),
		...(fault === undefined ? {} : { fault }),
	});
	return findOtherReaders({ disk, own: [OWN] });
}

/** What is said of the key, in short. */
function inShort({ where, domain, selector, keyPath, publicKey: key }: OtherReader) {
	return [where, domain, selector, keyPath, key === null ? null : key === SPKI];
}

describe("who else reads keys", () => {
	it("is nobody on a host with our signer alone", async () => {
		expect(await readersOf({})).toEqual([]);
	});

	it("is another OpenDKIM with a key table, and one with a single key", async () => {
		const found = await readersOf({
			"/etc/opendkim-lists.conf": "KeyTable refile:/etc/lists/key.table\n",
			"/etc/lists/key.table": `# theirs\nlist lists.example:202610:${KEY}\n% %:any:/keys/%.private\n`,
			"/etc/opendkim/outbound.conf": `Domain example.com, example.net\nSelector 202610\nKeyFile ${KEY}\n`,
		});
		expect(found.map(({ program }) => program)).toEqual(Array(4).fill("another OpenDKIM"));
		expect(found.map(inShort)).toEqual([
			["/etc/lists/key.table line 2", "lists.example", "202610", KEY, null],
			["/etc/lists/key.table line 3", null, "any", null, null],
			["/etc/opendkim/outbound.conf", "example.com", "202610", KEY, null],
			["/etc/opendkim/outbound.conf", "example.net", "202610", KEY, null],
		]);
	});

	it.each(["opendkim-two", "opendkim"])("is one that a unit of its own starts, %s", async (unit) => {
		const found = await readersOf({
			[`/etc/systemd/system/${unit}.service`]: "[Service]\nExecStart=/usr/sbin/opendkim -x /srv/two.conf\n",
			"/srv/two.conf": `Selector two\nKeyFile ${KEY}\n`,
		});
		expect(found.map(inShort)).toEqual([["/srv/two.conf", null, "two", KEY, true]]);
	});

	it("is no signer of ours whose configuration cannot be followed, and nothing fails by that", async () => {
		const fault = (call: string, path: string) => (call === "realpath" && path === OWN ? "EIO" : null);
		expect(await readersOf({}, fault)).toEqual([]);
	});

	it("is no signer of ours, by whatever link it is named", async () => {
		const sim = diskWith({});
		sim.putSymlink("/etc/opendkim/opendkim.conf", OWN);
		const disk = sim.open({ process: createSimProcess() });
		expect(await findOtherReaders({ disk, own: [OWN] })).toEqual([]);
		expect(await findOtherReaders({ disk, own: ["/etc/opendkim/opendkim.conf"] })).toEqual([]);
		expect((await findOtherReaders({ disk, own: [] })).map(inShort)).toEqual([
			["/etc/opendkim/key.table line 1", "example.com", "own", KEY, null],
		]);
	});

	it("is OpenARC", async () => {
		const found = await readersOf({
			"/etc/openarc.conf": `Domain example.com\nSelector 202610 # ours\nKeyFile ${KEY}\nMode sv\n`,
		});
		expect(found.map(inShort)).toEqual([["/etc/openarc.conf", "example.com", "202610", KEY, null]]);
		expect(found[0]?.program).toBe("OpenARC");
	});

	it("is amavis, by its dkim_key lines in one line or several, and not by comments", async () => {
		const found = await readersOf({
			"/etc/amavis/conf.d/50-user": [
				"use strict;",
				`# dkim_key('old.example', 'gone', '${KEY}');`,
				`dkim_key('example.com', '202610', '${KEY}');`,
				`dkim_key("Example.Net" ,`,
				`  "s1", "/keys/net.pem", h => 'sha256');  # dkim_key('x', 'y', 'z')`,
				"dkim_key($d, 's2', '/keys/x.pem');",
				"1;",
			].join("\n"),
			"/etc/amavis/conf.d/50-user.dpkg-old": `dkim_key('a.example', 's', '${KEY}');`,
		});
		expect(found.map(inShort)).toEqual([
			["/etc/amavis/conf.d/50-user line 3", "example.com", "202610", KEY, null],
			["/etc/amavis/conf.d/50-user line 4", "example.net", "s1", "/keys/net.pem", null],
			["/etc/amavis/conf.d/50-user line 6", null, null, null, null],
		]);
		expect(found.map(({ problem }) => problem)).toEqual([null, null, "dkim_key is not given plain texts"]);
	});

	it("is rspamd's arc.conf, with blocks, maps and a key table", async () => {
		const found = await readersOf({
			"/etc/rspamd/local.d/arc.conf": [
				'# selector = "not";',
				'path = "/keys/$domain.$selector.key";',
				'/* selector = "nor";',
				"*/ selector = shared",
				"domain {",
				"  example.com {",
				`    selectors [ { path = "${KEY}"; selector = "202610"; }, { selector: "ed"; path: /keys/ed } ]`,
				"  }",
				`  "example.net" { path = "${KEY}" }`,
				"}",
				'selector_map = "/etc/rspamd/selectors.map";',
				"path_map = file:///etc/rspamd/paths.map",
				"key_table /etc/rspamd/key.table;",
				"use_redis = false;",
			].join("\n"),
			"/etc/rspamd/selectors.map": "# theirs\nexample.org 202610\n",
			"/etc/rspamd/paths.map": `example.org ${KEY} # this\n`,
			"/etc/rspamd/key.table": `x example.com:rs:${KEY}\n`,
		});
		expect(found.map(inShort)).toEqual([
			["/etc/rspamd/local.d/arc.conf line 1", null, "shared", null, null],
			["/etc/rspamd/local.d/arc.conf line 7", "example.com", "202610", KEY, null],
			["/etc/rspamd/local.d/arc.conf line 7", "example.com", "ed", "/keys/ed", null],
			["/etc/rspamd/local.d/arc.conf line 9", "example.net", null, KEY, true],
			["/etc/rspamd/selectors.map line 2", "example.org", "202610", null, null],
			["/etc/rspamd/paths.map line 1", "example.org", null, KEY, true],
			["/etc/rspamd/key.table line 1", "example.com", "rs", KEY, null],
		]);
	});

	it("is an rspamd that signs, with a block, and with one path and selector for all", async () => {
		const found = await readersOf({
			"/etc/rspamd/local.d/dkim_signing.conf": `domain { example.com { path = "${KEY}"; selector = "mail"; } }\n`,
			"/etc/rspamd/override.d/dkim_signing.conf": `path = '${KEY}';\n"selector": mail;\n`,
		});
		expect(found.map(({ program }) => program)).toEqual(["rspamd", "rspamd"]);
		expect(found.map(inShort)).toEqual([
			["/etc/rspamd/local.d/dkim_signing.conf line 1", "example.com", "mail", KEY, null],
			["/etc/rspamd/override.d/dkim_signing.conf line 1", null, "mail", KEY, true],
		]);
	});

	it("is no rspamd of ours, which is read from whichever of its files is configured", async () => {
		const config = "/etc/rspamd/local.d/dkim_signing.conf";
		const key = "/var/lib/rspamd/dkim/example.com.dkim.key";
		const disk = diskWith({
			[config]: `domain { example.com { path = "${key}"; selector = "dkim"; } }\n`,
			"/etc/rspamd/override.d/dkim_signing.conf": "sign_local = true;\n",
			[key]: PEM,
		}).open({ process: createSimProcess() });
		expect(await findOtherReaders({ disk, own: [OWN, config] })).toEqual([]);
	});

	it("is rspamd by what it takes where its configuration does not say", async () => {
		const path = "/etc/rspamd/local.d/dkim_signing.conf";
		const keys = {
			"/var/lib/rspamd/dkim/example.com.dkim.key": PEM,
			"/var/lib/rspamd/dkim/example.com.mail.key": PEM,
			"/var/lib/rspamd/arc/example.net.arc.key": PEM,
		};
		const at = "/var/lib/rspamd/dkim/example.com.dkim.key";
		expect(await readersOf(keys)).toEqual([]);
		expect((await readersOf({ ...keys, [path]: "sign_local = true;" })).map(inShort)).toEqual([
			[at, "example.com", "dkim", at, null],
		]);
		expect((await readersOf({ ...keys, "/etc/rspamd/local.d/arc.conf": "" })).map(inShort)).toEqual([
			["/var/lib/rspamd/arc/example.net.arc.key", "example.net", "arc", expect.any(String), null],
		]);
		for (const off of ["enabled = false;", "try_fallback = false;"])
			expect(await readersOf({ ...keys, [path]: off })).toEqual([]);
		expect((await readersOf({ ...keys, [path]: 'selector = "mail";' })).map(inShort)).toEqual([
			[`${path} line 1`, null, "mail", null, null],
		]);
	});

	it("is rspamd by maps that its variables lead to", async () => {
		const found = await readersOf({
			"/etc/rspamd/local.d/dkim_signing.conf":
				'selector_map = "$LOCAL_CONFDIR/local.d/selectors.map";\nkey_table = "file://${DBDIR}/key.table";\ntry_fallback = false;\n',
			"/etc/rspamd/local.d/selectors.map": "example.org mail\n",
			"/var/lib/rspamd/key.table": `two example.com:202610:${KEY}\n`,
		});
		expect(found.map(({ domain, selector, problem }) => [domain, selector, problem])).toEqual([
			["example.org", "mail", null],
			["example.com", "202610", null],
		]);
	});

	it("is rspamd by its selector where its paths are made up of variables", async () => {
		const path = "/etc/rspamd/local.d/dkim_signing.conf";
		const found = await readersOf({
			[path]: [
				'path = "/keys/$domain.key";',
				'domain { example.net { path = "/keys/$selector.key"; } }',
				'path_map = "/etc/rspamd/paths.map";',
				'key_table = "/etc/rspamd/key.table";',
			].join("\n"),
			"/etc/rspamd/paths.map": "example.org /keys/$domain.$selector.key\n",
			"/etc/rspamd/key.table": `two example.com:${KEY}\n`,
		});
		expect(found.map(inShort)).toEqual([
			[`${path} line 1`, null, "dkim", null, null],
			[`${path} line 2`, "example.net", "dkim", null, null],
			["/etc/rspamd/paths.map line 1", "example.org", "dkim", null, null],
			["/etc/rspamd/key.table line 1", "example.com", null, KEY, true],
		]);
	});

	it("is dkimpy-milter, with its two tables, and with its two single keys", async () => {
		const found = await readersOf({
			"/etc/dkimpy-milter/dkimpy-milter.conf":
				"KeyTable file:/etc/dkimpy-milter/keytable\nKeyTableEd25519 /etc/dkimpy-milter/ed\n",
			"/etc/dkimpy-milter/keytable": `shop example.com:mail:${KEY}\n`,
			"/etc/dkimpy-milter/ed": "shop example.com:ed:/keys/ed\n",
			"/etc/dkimpy-milter/lists.conf": `Domain example.net\nSelector mail\nKeyFile ${KEY}\nSelectorEd25519 ed\nKeyFileEd25519 /keys/ed\n`,
			"/etc/opendkim-x.conf": "SelectorEd25519 not\n",
		});
		expect(new Set(found.map(({ program }) => program))).toEqual(new Set(["dkimpy-milter"]));
		expect(found.map(inShort)).toEqual([
			["/etc/dkimpy-milter/keytable line 1", "example.com", "mail", KEY, null],
			["/etc/dkimpy-milter/ed line 1", "example.com", "ed", "/keys/ed", null],
			["/etc/dkimpy-milter/lists.conf", "example.net", "mail", KEY, null],
			["/etc/dkimpy-milter/lists.conf", "example.net", "ed", "/keys/ed", null],
		]);
	});

	it.each([
		["/etc/opendkim-ldap.conf", "KeyTable ldap://x/", "it is not a table in a file"],
		["/etc/opendkim-gone.conf", "KeyTable /etc/gone.table", "/etc/gone.table: expected a table, found none"],
		["/etc/openarc.conf", "Include /etc/openarc.more", "Include is not followed"],
		["/etc/rspamd/override.d/arc.conf", "use_redis = true", "its keys are not in files (use_redis)"],
		["/etc/rspamd/local.d/arc.conf", 'selector_map = "http://x/map"', "selector_map is not a file"],
		["/etc/rspamd/local.d/dkim_signing.conf", 'path_map { "a.example" = "/k" }', "path_map is not a file"],
		[
			"/etc/rspamd/local.d/dkim_signing.conf",
			'sign_condition = "return x";',
			"its keys are not in files (sign_condition)",
		],
		[
			"/etc/rspamd/local.d/dkim_signing.conf",
			'.include "/etc/more.conf"',
			expect.stringContaining("line 1 is not understood: expected no macro"),
		],
		["/etc/dkimpy-milter/dkimpy-milter.conf", "KeyTable csl:a", "it is not a table in a file"],
	])("is not known where %s says %s", async (path, text, problem) => {
		const found = await readersOf({ [path]: text });
		expect(found).toMatchObject([{ domain: null, selector: null, keyPath: null, publicKey: null, problem }]);
	});

	it("is not known where the disk fails, and the others are still found", async () => {
		const found = await readersOf(
			{
				"/etc/openarc.conf": `Domain example.com\nSelector 202610\nKeyFile ${KEY}\n`,
				"/etc/amavis/conf.d/50-user": "1;",
			},
			(_, path) => (path === "/etc/amavis/conf.d/50-user" ? "EIO" : null),
		);
		expect(found.map(({ program, problem }) => [program, problem === null])).toEqual([
			["OpenARC", true],
			["amavis", false],
		]);
		expect(found[1]?.problem).toContain("EIO");
	});

	it("is found though the key file that it names is gone", async () => {
		const found = await readersOf({ "/etc/openarc.conf": "Selector arc\nKeyFile /keys/gone\n" });
		expect(found.map(inShort)).toEqual([["/etc/openarc.conf", null, "arc", "/keys/gone", null]]);
	});
});
