import { expect, test } from "vitest";
import { findTsigKeys } from "../../src/system/tsig-keys.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";

const keyNamed = (name: string): string =>
	`key "${name}" {\n\talgorithm hmac-sha256;\n\tsecret "c2VjcmV0";\n};\n`;

test("TSIG keys are found, ours first, and neither rndc's nor what is none", async () => {
	const disk = new SimDisk(() => new Date());
	for (const directory of ["/etc/bind", "/etc/bind/keys"]) disk.putDirectory(directory);
	disk.put("/etc/bind/acme.key", keyNamed("acme"));
	disk.put("/etc/bind/rndc.key", keyNamed("rndc-key"));
	disk.put("/etc/bind/tls.key", "-----BEGIN PRIVATE KEY-----\n");
	disk.put("/etc/bind/keyturn.conf", keyNamed("keyturn"));
	disk.put("/etc/bind/keys/keyturn.key", keyNamed("keyturn"));
	expect(await findTsigKeys(disk.open({ process: createSimProcess() }))).toEqual([
		"/etc/bind/keys/keyturn.key",
		"/etc/bind/acme.key",
	]);
});
