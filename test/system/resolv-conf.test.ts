import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSystemResolvers } from "../../src/system/resolv-conf.ts";

let directory = "";
beforeAll(async () => {
	directory = await mkdtemp(join(tmpdir(), "keyturn-resolv-"));
});
afterAll(async () => rm(directory, { recursive: true }));

async function resolversOf(text: string): Promise<readonly string[]> {
	const path = join(directory, "resolv.conf");
	await writeFile(path, text);
	const servers = await readSystemResolvers(path);
	return servers.map((server) => ("address" in server ? `${server.address}#${server.port}` : server.url));
}

test.each([
	["# a comment\nnameserver 127.0.0.53\noptions edns0\n", ["127.0.0.53#53"]],
	["nameserver\t192.0.2.1  ; one\r\nnameserver 2001:db8::1\n", ["192.0.2.1#53", "2001:db8::1#53"]],
	["nameserver fe80::1%eth0\n", ["fe80::1%eth0#53"]],
	[
		"nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
		["192.0.2.1#53", "192.0.2.2#53", "192.0.2.3#53"],
	],
	["search example.test\n#nameserver 192.0.2.1\n", ["127.0.0.1#53"]],
])("%j", async (text, expected) => {
	expect(await resolversOf(text)).toEqual(expected);
});

test("without a file it is this host", async () => {
	expect(await readSystemResolvers(join(directory, "none"))).toEqual([{ address: "127.0.0.1", port: 53 }]);
});
