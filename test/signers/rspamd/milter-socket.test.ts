/** Where rspamd takes mail as a milter, from the files that name it. */

import { expect, test } from "vitest";
import { milterSocket } from "../../../src/signers/rspamd/milter-socket.ts";
import { foundHost } from "../../fakes/found-host.ts";

/** As Debian has it. */
const MAIN = `worker "normal" {
    bind_socket = "localhost:11333";
}
worker "rspamd_proxy" {
    bind_socket = "localhost:11332";
    .include "$CONFDIR/worker-proxy.inc"
    .include(try=true; priority=1,duplicate=merge) "$LOCAL_CONFDIR/local.d/worker-proxy.inc"
    .include(try=true; priority=10) "$LOCAL_CONFDIR/override.d/worker-proxy.inc"
}

worker "fuzzy" {
    bind_socket = "localhost:11335";
}
`;
const PROXY =
	'milter = yes; # Enable milter mode\nupstream "local" {\n  default = yes;\n  hosts = "localhost";\n}\n';

const at = async (files: Readonly<Record<string, string>>, main = MAIN) => {
	const placed = Object.entries(files).map(([name, text]) => [`/etc/rspamd/${name}`, text] as const);
	const { disk } = foundHost({ files: { "/etc/rspamd/rspamd.conf": main, ...Object.fromEntries(placed) } });
	return milterSocket(disk, "/etc/rspamd/rspamd.conf");
};

test("is the proxy's default", async () => {
	expect(await at({ "worker-proxy.inc": PROXY })).toEqual({ kind: "inet", host: "127.0.0.1", port: 11332 });
});

test("is the proxy's default as rspamd 4.1 writes it, with a template", async () => {
	const template =
		"bind_socket = \"{= env.LOCAL_ADDR|default('localhost') =}:{= env.PORT_PROXY|default('11332') =}\";";
	const main = MAIN.replace('bind_socket = "localhost:11332";', template);
	expect(await at({ "worker-proxy.inc": PROXY }, main)).toEqual({
		kind: "inet",
		host: "127.0.0.1",
		port: 11332,
	});
});

test.each([
	['bind_socket = "*:12000";', { kind: "inet", host: "127.0.0.1", port: 12000, isOnEveryAddress: true }],
	['bind_socket = "[::]:12000";', { kind: "inet", host: "::1", port: 12000, isOnEveryAddress: true }],
	["bind_socket = 192.0.2.1:12000;", { kind: "inet", host: "192.0.2.1", port: 12000 }],
	[
		'# bind_socket = "*:1";\nbind_socket = "/run/rspamd/milter.sock mode=0660 owner=_rspamd";',
		{ kind: "unix", path: "/run/rspamd/milter.sock" },
	],
	["bind_socket = systemd:0;", null],
	["enabled = false;", null],
	["milter = no;", null],
])("is what %s in local.d says", async (text, socket) => {
	expect(await at({ "worker-proxy.inc": PROXY, "local.d/worker-proxy.inc": `${text}\n` })).toEqual(socket);
	const files = { "worker-proxy.inc": PROXY, "override.d/worker-proxy.inc": `${text}\n` };
	expect(await at({ ...files, "local.d/worker-proxy.inc": 'bind_socket = "localhost:1";\n' })).toEqual(
		socket,
	);
});

test("is none without such a worker", async () => {
	expect(await at({ "worker-proxy.inc": PROXY }, 'worker "normal" { }\n')).toBeNull();
	expect(await at({}, 'worker "rspamd_proxy" { bind_socket = "127.0.0.1:11332"; milter = yes; }\n')).toEqual({
		kind: "inet",
		host: "127.0.0.1",
		port: 11332,
	});
});
