/** What `keyturn init` leaves on a host: who may read it, and that nothing that stands there is written over. */

import { expect, test } from "vitest";
import { createConfiguration } from "../../src/joining/configuration.ts";
import { joinInitHost } from "../../src/joining/init-host.ts";
import { createMachine } from "../../src/joining/machine.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";

const PATH = "/etc/keyturn/keyturn.yaml";
const KEY = "/etc/keyturn/tsig.key";
const LEAST = `signer: { type: opendkim, keys: /etc/opendkim/keys }
providers: { home: { type: manual } }
domains: [{ name: example.com, provider: home }]
`;

/** Root's, where these groups are. */
async function hostWith(groups: string) {
	const sim = new SimDisk(() => new Date("2026-11-27T00:00:00Z"));
	sim.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
	sim.put("/etc/group", groups);
	sim.put("/etc/bind/keyturn.key", 'key "keyturn" { };\n', 0o600);
	const machine = { ...createMachine(() => false), disk: sim.open({ process: createSimProcess() }) };
	const host = await joinInitHost({
		machine,
		configuration: createConfiguration(machine, "/opt/keyturn"),
		owner: { uid: 0, gid: 0 },
		signal: new AbortController().signal,
	});
	const statOf = (path: string) => sim.all().find((one) => one.path === path)?.stat;
	return { sim, host, statOf };
}

test.each([
	["the group keyturn, where there is one", "root:x:0:\nkeyturn:x:977:\n", 977],
	["nobody else", "root:x:0:\n", 0],
])("a copy of a TSIG key can be read by root and %s", async (_, groups, gid) => {
	const { sim, host, statOf } = await hostWith(groups);
	expect(await host.copyKey("/etc/bind/keyturn.key", KEY)).toBe("copied");
	expect(sim.text(KEY)).toBe('key "keyturn" { };\n');
	expect(statOf(KEY)).toMatchObject({ mode: 0o640, uid: 0, gid });
	expect(statOf("/etc/keyturn")).toMatchObject({ mode: 0o755, uid: 0, gid: 0 });
});

test("a key that stands there stays, and one that is not there is told", async () => {
	const { sim, host } = await hostWith("");
	sim.put(KEY, "mine", 0o600);
	expect(await host.copyKey("/etc/bind/keyturn.key", KEY)).toBe("exists");
	expect(sim.text(KEY)).toBe("mine");
	await expect(host.copyKey("/etc/bind/gone.key", "/etc/keyturn/other.key")).rejects.toMatchObject({
		code: "disk.failed",
		message: "/etc/bind/gone.key: expected a TSIG key, found nothing",
	});
	expect(sim.text("/etc/keyturn/other.key")).toBeNull();
});

test("the first configuration can be written by root alone, and is written once", async () => {
	const { sim, host, statOf } = await hostWith("");
	expect(await host.write(PATH, LEAST)).toBe("written");
	expect(sim.text(PATH)).toBe(LEAST);
	expect(statOf(PATH)).toMatchObject({ mode: 0o644, uid: 0, gid: 0 });
	expect(statOf("/etc/keyturn")).toMatchObject({ mode: 0o755 });
	expect(await host.write(PATH, `${LEAST}host: mx2\n`)).toBe("exists");
	expect(sim.text(PATH)).toBe(LEAST);
});

test("what keyturn would not read is not written", async () => {
	const { sim, host } = await hostWith("");
	await expect(host.write(PATH, `${LEAST}hsot: mx2\n`)).rejects.toMatchObject({ code: "config.invalid" });
	expect(sim.text(PATH)).toBeNull();
});
