import { expect, test } from "vitest";
import type { ProgramRequest, Programs } from "../../src/ports/programs.ts";
import type { SocketTarget } from "../../src/ports/sockets.ts";
import { createAddressesOf } from "../../src/system/addresses.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createProbeProgram } from "../../src/system/probe-program.ts";

const OWNER = { uid: 7, gid: 8 };
/** What getent prints, by the name that it is asked for. */
const NAMES: Readonly<Record<string, string>> = {
	"signer.internal": "10.99.0.1      STREAM signer.internal\n10.99.0.1      DGRAM\nfd00::1         STREAM\n",
};

function recorded() {
	const ran: ProgramRequest[] = [];
	const programs: Programs = {
		run: async (asked) => {
			ran.push(asked);
			const stdout = asked.argv[0] === "/usr/bin/getent" ? (NAMES[asked.argv.at(-1) ?? ""] ?? "") : "{}";
			return Promise.resolve({ status: stdout === "" ? 2 : 0, signal: null, stdout, stderr: "" });
		},
	};
	return { ran, programs };
}

async function probed(hasSystemd: boolean, socket?: SocketTarget) {
	const { ran, programs } = recorded();
	const disk = createSystemDisk();
	const run = createProbeProgram({
		programs,
		disk: {
			...disk,
			stat: async (path) => (path === "/run/systemd/system" && !hasSystemd ? null : disk.stat("/")),
		},
		argv: ["/usr/bin/node", "/opt/probe.js"],
		addressesOf: createAddressesOf(programs),
	});
	const request = { kind: "smtp", timeoutMs: 5, ...(socket === undefined ? {} : { socket }) };
	await run({ request, owner: OWNER, timeoutMs: 1_500 });
	const last = ran.at(-1);
	return { ran, request, argv: last?.argv ?? [], given: JSON.parse(String(last?.input)) as unknown };
}

/** What is opened to it. */
function allowed(argv: readonly string[]): readonly string[] {
	return argv.filter((word) => word.startsWith("IPAddress"));
}

const LOOPBACK = ["IPAddressDeny=any", "IPAddressAllow=localhost"];

test("without systemd it runs as the signer's user, and asks for names itself", async () => {
	const socket = { kind: "inet", host: "signer.internal", port: 8891 } as const;
	const { ran, request, given } = await probed(false, socket);
	expect(ran).toMatchObject([{ argv: ["/usr/bin/node", "/opt/probe.js"], owner: OWNER, timeoutMs: 1_500 }]);
	expect(given).toEqual(request);
});

const asRoot = test.skipIf(process.getuid?.() !== 0);

asRoot.each<readonly [string, SocketTarget | undefined]>([
	["messages", undefined],
	["a socket that is a path", { kind: "unix", path: "/run/opendkim.sock" }],
	["localhost", { kind: "inet", host: "localhost", port: 8891 }],
])("for %s loopback alone is open to it, and nobody is asked", async (_, socket) => {
	const { ran, request, argv, given } = await probed(true, socket);
	expect(ran).toHaveLength(1);
	expect(argv).toEqual(
		expect.arrayContaining([
			"/usr/bin/systemd-run",
			"--uid=7",
			"--gid=8",
			"RuntimeMaxSec=2",
			"NoNewPrivileges=yes",
			"ProtectSystem=strict",
		]),
	);
	expect(allowed(argv)).toEqual(LOOPBACK);
	expect(given).toEqual(request);
});

asRoot.each([
	["172.17.0.1", "172.17.0.1"],
	["fd00::5", "fd00::5"],
	["fe80::1%eth0", "fe80::1"],
])("for a signer at %s that address is open as well, and no other", async (host, address) => {
	const { ran, request, argv, given } = await probed(true, { kind: "inet", host, port: 8891 });
	expect(ran).toHaveLength(1);
	expect(allowed(argv)).toEqual([...LOOPBACK, `IPAddressAllow=${address}`]);
	expect(given).toEqual(request);
});

asRoot("a name is asked for by nobody, once, and the probe connects to what was allowed", async () => {
	const socket = { kind: "inet", host: "signer.internal", port: 8891 } as const;
	const { ran, request, argv, given } = await probed(true, socket);
	expect(ran).toHaveLength(2);
	expect(ran[0]).toMatchObject({
		argv: ["/usr/bin/getent", "ahosts", "--", "signer.internal"],
		owner: { uid: 65_534, gid: 65_534 },
	});
	expect(allowed(argv)).toEqual([...LOOPBACK, "IPAddressAllow=10.99.0.1", "IPAddressAllow=fd00::1"]);
	expect(given).toEqual({ ...request, socket: { ...socket, addresses: ["10.99.0.1", "fd00::1"] } });
});

asRoot("a name that stands for nothing is told, and no probe runs", async () => {
	await expect(probed(true, { kind: "inet", host: "gone.internal", port: 8891 })).rejects.toMatchObject({
		code: "signer.probe",
		message: "gone.internal: expected an address, found none",
	});
});

test.each([
	[{ status: 1, signal: null, stderr: "cannot load mailauth\n" }, "cannot load mailauth"],
	[{ status: null, signal: "SIGKILL", stderr: "" }, "SIGKILL"],
	[{ status: 1, signal: null, stderr: "" }, "status 1"],
] as const)("of one that did not run nothing is taken for an answer: %j", async (ended, why) => {
	const programs: Programs = { run: async () => Promise.resolve({ ...ended, stdout: "{}" }) };
	const disk = { ...createSystemDisk(), stat: async () => Promise.resolve(null) };
	const argv = ["/usr/bin/node", "/opt/probe.js"] as const;
	const run = createProbeProgram({ programs, disk, argv, addressesOf: createAddressesOf(programs) });
	await expect(run({ request: { kind: "smtp" }, owner: OWNER, timeoutMs: 1_500 })).rejects.toMatchObject({
		code: "signer.probe",
		message: `the probe did not run: ${why}`,
	});
});
