import { expect, test } from "vitest";
import { readUnitArguments } from "../../../src/signers/opendkim/unit-arguments.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";

const LIB = "[Service]\nType=forking\nExecStart=/usr/sbin/opendkim\nExecReload=/bin/kill -USR1 $MAINPID\n";

async function read(files: Readonly<Record<string, string>>, service = "opendkim") {
	const sim = new SimDisk(() => new Date(0));
	for (const [path, text] of Object.entries(files)) sim.put(path, text);
	return readUnitArguments(sim.open({ process: createSimProcess() }), service);
}

const NONE = { config: null, socket: null, user: null, startedAs: null };

test("Debian's own unit says nothing, nor does a service without one", async () => {
	expect(await read({ "/lib/systemd/system/opendkim.service": LIB })).toEqual(NONE);
	expect(await read({})).toEqual(NONE);
});

test("a drop-in's command counts, as opendkim.service.generate writes it", async () => {
	const written =
		"[Service]\nUser=milter\nExecStart=\nExecStart=/usr/sbin/opendkim -P /run/o.pid -p inet:8891@localhost \n";
	expect(
		await read({
			"/lib/systemd/system/opendkim.service": LIB,
			"/etc/systemd/system/opendkim.service.d/override.conf": written,
		}),
	).toEqual({ ...NONE, socket: "inet:8891@localhost", startedAs: "milter" });
});

test("the administrator's unit stands before the package's, drop-ins in the order of their names", async () => {
	expect(
		await read({
			"/lib/systemd/system/opendkim.service": LIB.replace("opendkim\n", "opendkim -p inet:1\n"),
			"/etc/systemd/system/opendkim.service": LIB.replace("opendkim\n", "opendkim -pinet:2 -u root\n"),
		}),
	).toEqual({ ...NONE, socket: "inet:2", user: "root" });
	expect(
		await read({
			"/etc/systemd/system/opendkim.service.d/20.conf": "ExecStart=/o -p inet:3",
			"/run/systemd/system/opendkim.service.d/10.conf": "ExecStart=/o -p inet:4",
		}),
	).toMatchObject({ socket: "inet:3" });
});

test("variables are those of Environment= and of its files, which come last", async () => {
	const unit =
		'Environment=SOCKET=inet:1 "OPTIONS=-u milter"\nEnvironmentFile=-/etc/default/opendkim\nExecStart=/o -x ${CONFIG} -p $SOCKET \\\n\t$OPTIONS $NONE\n';
	const defaults = '# SOCKET=inet:2\nSOCKET="local:/run/o.sock"\nCONFIG=/etc/o.conf\n';
	expect(
		await read({ "/etc/systemd/system/opendkim.service": unit, "/etc/default/opendkim": defaults }),
	).toEqual({ ...NONE, config: "/etc/o.conf", socket: "local:/run/o.sock", user: "milter" });
});

test("an instance has its template's command, with its own name in it", async () => {
	const template = "ExecStart=/usr/sbin/opendkim -x /etc/opendkim-%i.conf\n";
	expect(
		await read({ "/etc/systemd/system/opendkim@.service": template }, "opendkim@ed25519.service"),
	).toMatchObject({ config: "/etc/opendkim-ed25519.conf" });
});
