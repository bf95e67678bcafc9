/** Which signers are found, from what their own configuration says. */

import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { discoverSigners, keysDirectory } from "../../src/signers/discovery.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";

const KEY = generateKeyPairSync("rsa", { modulusLength: 1024 })
	.privateKey.export({ format: "pem", type: "pkcs8" })
	.toString();

async function discover(files: Readonly<Record<string, string>>) {
	const disk = new SimDisk(() => new Date());
	for (const [path, text] of Object.entries({
		"/etc/passwd": PASSWD,
		"/etc/group": "opendkim:x:110:\n",
		...files,
	})) {
		disk.putDirectory(path.slice(0, path.lastIndexOf("/")));
		disk.put(path, text);
	}
	const never = async (): Promise<never> => Promise.reject(new Error("nothing is run to find a signer"));
	return discoverSigners({
		disk: disk.open({ process: createSimProcess() }),
		programs: { run: never },
		outside: { run: never },
		sockets: { connect: never },
		runProbe: never,
	});
}

const PASSWD = "root:x:0:0::/root:/bin/sh\nopendkim:x:110:110::/run/opendkim:/bin/false\n";
const OPENDKIM = {
	"/usr/sbin/opendkim": "",
	"/etc/opendkim.conf":
		"UserID opendkim\nSocket local:/run/opendkim.sock\nKeyTable /etc/opendkim/key.table\nSigningTable refile:/etc/opendkim/signing.table\n",
	"/etc/opendkim/key.table":
		"example example.com:202610:/etc/opendkim/keys/example.private\nother example.org:202611:/etc/opendkim/keys/example.org/202611.private\n",
	"/etc/opendkim/signing.table": "*@example.com example\n*@example.org other\n",
	"/etc/opendkim/keys/example.private": KEY,
	"/etc/opendkim/keys/example.org/202611.private": KEY,
};

describe("OpenDKIM", () => {
	test("is found with the keys that sign and where they lie", async () => {
		expect(await discover(OPENDKIM)).toEqual([
			{
				type: "opendkim",
				service: "opendkim",
				canReload: true,
				settings: { config: "/etc/opendkim.conf", keys: "/etc/opendkim/keys" },
				keys: [
					{ domain: "example.com", selector: "202610" },
					{ domain: "example.org", selector: "202611" },
				],
				problems: [],
			},
		]);
	});

	test("is not found where only its configuration is left", async () => {
		const { "/usr/sbin/opendkim": _, ...left } = OPENDKIM;
		expect(await discover(left)).toEqual([]);
	});

	test("is told with what cannot be read, and with lines that cannot be turned", async () => {
		const [broken] = await discover({
			...OPENDKIM,
			"/etc/opendkim.conf": "Socket local:/x\nKeyTable /etc/gone\n",
		});
		expect(broken).toMatchObject({ keys: [], problems: [expect.stringContaining("/etc/opendkim.conf: ")] });
		const table = "example example.com:202610:MIIEpAIBAAKCAQEA\n";
		const [fixed] = await discover({ ...OPENDKIM, "/etc/opendkim/key.table": table });
		expect(fixed?.keys).toEqual([]);
		expect(fixed?.problems.length).toBeGreaterThan(0);
	});
});

test.each([
	["below the domain's directory", [["example.com", "/k/example.com/1.private"]], "/k"],
	["beside one another", [["example.com", "/k/example.private"]], "/k"],
	[
		"most of them",
		[
			["a.example", "/k/a.private"],
			["b.example", "/k/b.private"],
			["c.example", "/x/c.private"],
		],
		"/k",
	],
	["at the root", [["example.com", "/example.private"]], null],
	["nowhere", [], null],
])("keys lie %s", (_, lines, directory) => {
	expect(keysDirectory(lines.map(([domain = "", keyPath = ""]) => ({ domain, keyPath })))).toBe(directory);
});
