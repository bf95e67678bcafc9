import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { settingsSchema } from "../../../src/signers/dkimpy/settings.ts";
import { createDkimpySigner } from "../../../src/signers/dkimpy/signer.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";

const KEYS = "/usr/local/etc/dkim/keys";
const UNIT = "/lib/systemd/system/dkimpy-milter.service";
const PEM = generateKeyPairSync("rsa", { modulusLength: 1024 })
	.privateKey.export({ format: "pem", type: "pkcs1" })
	.toString();
/** As its README has them. */
const KEY_TABLE = `preskey	example.com:foo:${KEYS}/president
comkey	example.com:bar:${KEYS}/excom
netkey	example.net:baz:${KEYS}/exnet
`;
const SIGNING_TABLE = "president@example.com	preskey\n*@example.com		comkey\n*@example.net		netkey\n";

/** Keys are root's alone, as its README asks for. */
function dkimpyHost(files: Readonly<Record<string, string>> = {}) {
	const sim = new SimDisk(() => new Date(0));
	sim.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\ndkimpy-milter:x:108:112::/:/bin/false\n");
	sim.put("/etc/group", "root:x:0:\ndkimpy-milter:x:112:\n");
	const config = "/etc/dkimpy-milter/dkimpy-milter.conf";
	sim.put(config, "Socket inet:8892@localhost\nKeyTable /etc/k\nSigningTable refile:/etc/s\n");
	sim.put("/etc/k", KEY_TABLE);
	sim.put("/etc/s", SIGNING_TABLE);
	sim.put(UNIT, "[Service]\nExecStart=/usr/bin/dkimpy-milter /etc/dkimpy-milter/dkimpy-milter.conf\n");
	for (const name of ["president", "excom", "exnet"])
		sim.put(`${KEYS}/${name}`, PEM, 0o600, { uid: 0, gid: 0 });
	for (const [path, text] of Object.entries(files)) sim.put(path, text);
	return createDkimpySigner({
		name: "main",
		service: "dkimpy-milter",
		swap: "restart",
		disk: sim.open({ process: createSimProcess() }),
		runProbe: async () => Promise.reject(new Error("nothing is probed here")),
		settings: settingsSchema.parse({ keys: KEYS }),
	});
}

test("keys that only root may read are as they should be: root reads them at its start", async () => {
	const signer = dkimpyHost();
	expect(await signer.unsafe(`${KEYS}/excom`, await signer.read())).toBeNull();
});

test("keys that only root may read are none for a unit that starts it as its user", async () => {
	const signer = dkimpyHost({ [UNIT]: "[Service]\nUser=dkimpy-milter\n" });
	expect(await signer.unsafe(`${KEYS}/excom`, await signer.read())).toBe(
		`${KEYS}/excom cannot be read by dkimpy-milter`,
	);
});

test("of several keys of a domain that of its ordinary mail is turned", async () => {
	const { lines } = await dkimpyHost().read();
	expect(lines.map(({ selector, problem }) => [selector, problem])).toEqual([
		["foo", expect.stringContaining("bar signs the ordinary mail of example.com")],
		["bar", null],
		["baz", null],
	]);
});

test("of several lines with one name it takes the last", async () => {
	const signer = dkimpyHost({ "/etc/k": `${KEY_TABLE}comkey example.com:new:${KEYS}/exnet\n` });
	const { lines } = await signer.read();
	expect(lines.map(({ selector, signs, problem }) => [selector, signs, problem])).toEqual([
		["foo", true, expect.stringContaining("new signs the ordinary mail")],
		["bar", false, "a later line stands for the same, so this one is never used"],
		["baz", true, null],
		["new", true, null],
	]);
});
