import { expect, test } from "vitest";
import type { Disk } from "../../src/ports/disk.ts";
import type { Signer } from "../../src/ports/signer.ts";
import { settingsSchema as commandSettings } from "../../src/signers/command/settings.ts";
import { createCommandSigner } from "../../src/signers/command/signer.ts";
import { settingsSchema as dkimproxySettings } from "../../src/signers/dkimproxy/settings.ts";
import { createDkimproxySigner } from "../../src/signers/dkimproxy/signer.ts";
import { settingsSchema as dockerSettings } from "../../src/signers/docker-mailserver/settings.ts";
import { createDockerMailserverSigner } from "../../src/signers/docker-mailserver/signer.ts";
import { createOpenDkimSigner } from "../../src/signers/opendkim/signer.ts";
import { settingsSchema as rspamdSettings } from "../../src/signers/rspamd/settings.ts";
import { createRspamdSigner } from "../../src/signers/rspamd/signer.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";
import { simKey } from "../fakes/sim-signer.ts";

/** Where every signer here has the readable key of a.example. */
const GOOD = "/srv/dms/config/opendkim/keys/a.private";
const OWNER = { uid: 107, gid: 113 };
const nothing = async () => Promise.reject(new Error("nothing is run here"));

type Host = (path: string) => {
	readonly files: Readonly<Record<string, string>>;
	readonly signer: (disk: Disk) => Signer;
};

const about = { name: "main", service: "signer", swap: "restart" } as const;
const parts = { ...about, programs: { run: nothing }, outside: { run: nothing }, runProbe: nothing };

/** Each has a line for a.example, whose key can be read, and one for b.example, whose key lies at `path`. */
const HOSTS: Readonly<Record<string, Host>> = {
	opendkim: (path) => ({
		files: {
			"/etc/opendkim.conf": "UserID signer\nKeyTable /t/keys\nSigningTable refile:/t/signing\n",
			"/t/keys": `a a.example:s:${GOOD}\nb b.example:s:${path}\n`,
			"/t/signing": "*@a.example a\n*@b.example b\n",
		},
		signer: (disk) =>
			createOpenDkimSigner({
				...parts,
				disk,
				settings: { config: "/etc/opendkim.conf", keys: "/keys", program: "/usr/sbin/opendkim" },
			}),
	}),
	rspamd: (path) => ({
		files: {
			"/etc/rspamd/local.d/dkim_signing.conf": `domain {
  a.example { path = "${GOOD}"; selector = "s"; }
  b.example { path = "${path}"; selector = "s"; }
}
`,
		},
		signer: (disk) =>
			createRspamdSigner({
				...parts,
				disk,
				sockets: { connect: nothing },
				settings: rspamdSettings.parse({ user: "signer" }),
			}),
	}),
	dkimproxy: (path) => ({
		files: {
			"/etc/dkimproxy/dkimproxy_out.conf": "listen 127.0.0.1:10027\nsender_map /t/map\n",
			"/t/map": `a.example dkim(s=s,key=${GOOD})\nb.example dkim(s=s,key=${path})\n`,
		},
		signer: (disk) =>
			createDkimproxySigner({
				...parts,
				disk,
				settings: dkimproxySettings.parse({ keys: "/keys", user: "signer" }),
			}),
	}),
	command: (path) => ({
		files: { "/t/in-use": `a.example s ${GOOD}\nb.example s ${path}\n` },
		signer: (disk) =>
			createCommandSigner({
				...parts,
				disk,
				settings: commandSettings.parse({
					table: "/t/in-use",
					keys: "/keys",
					apply: ["/apply"],
					user: "signer",
				}),
			}),
	}),
	"docker-mailserver": (path) => ({
		files: {
			"/srv/dms/config/opendkim/KeyTable": `b b.example:s:${path.replace("/srv/dms/config", "/etc")}\na a.example:s:/etc/opendkim/keys/a.private\n`,
			"/srv/dms/config/opendkim/SigningTable": "*@a.example a\n*@b.example b\n",
		},
		signer: (disk) =>
			createDockerMailserverSigner({
				...parts,
				disk,
				clock: createSleepingClock(),
				settings: dockerSettings.parse({ volume: "/srv/dms/config" }),
			}),
	}),
};

function hostOf(host: Host, path: string, errno: string | null) {
	const { files, signer } = host(path);
	const sim = new SimDisk(() => new Date(0));
	sim.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\nsigner:x:107:113::/:/bin/false\n");
	sim.put("/etc/group", "root:x:0:\nsigner:x:113:\n");
	for (const [file, text] of Object.entries(files)) sim.put(file, text);
	sim.put("/apply", "", 0o755);
	sim.put(GOOD, simKey("a.example s").key, 0o600, OWNER);
	const fault = (_call: string, at: string) => (at === path ? errno : null);
	return signer(sim.open({ process: createSimProcess(), fault }));
}

const NAMES = Object.keys(HOSTS);
const PATH = "/srv/dms/config/opendkim/keys/b.private";
const cases = (errnos: readonly string[]) =>
	NAMES.flatMap((name) => errnos.map((errno) => [name, errno] as const));

test.each(cases(["EIO", "EACCES", "ESTALE"]))(
	"with %s a key file that gives %s is the trouble of its line alone",
	async (name, errno) => {
		const signer = hostOf(HOSTS[name] as Host, PATH, errno);
		const reading = await signer.read();
		const [a, b] = reading.lines.toSorted((one, other) => (one.domain < other.domain ? -1 : 1));
		expect(reading.lines).toHaveLength(2);
		expect(reading.owner).toMatchObject(OWNER);
		expect(a).toMatchObject({
			domain: "a.example",
			publicKey: expect.any(String),
			problem: null,
			signs: true,
		});
		expect(a).not.toHaveProperty("unread");
		// Nobody may take it for a key that is gone.
		expect(b).toMatchObject({ domain: "b.example", publicKey: null, problem: null, signs: true });
		expect(b?.unread).toContain("its key file cannot be read: ");
		expect(b?.unread).toContain(`${PATH}: ${errno}`);
		expect(await signer.unsafe(GOOD, reading)).toBeNull();
		expect(await signer.unsafe(PATH, reading)).toContain(`${PATH}: ${errno}`);
	},
);

test.each(cases(["ENOTDIR", "ELOOP", "ENAMETOOLONG"]))(
	"with %s a path that gives %s leads to no key, as where the file is absent",
	async (name, errno) => {
		const below = `${GOOD}/x`;
		const path = errno === "ENOTDIR" ? below : PATH;
		const signer = hostOf(HOSTS[name] as Host, path, errno === "ENOTDIR" ? null : errno);
		const reading = await signer.read();
		const b = reading.lines.find(({ domain }) => domain === "b.example");
		expect(b).toMatchObject({ publicKey: null, problem: null, signs: true });
		expect(b).not.toHaveProperty("unread");
		expect(reading.lines.filter(({ publicKey }) => publicKey !== null)).toHaveLength(1);
		expect(await signer.unsafe(path, reading)).toContain(`${path}: ${errno}`);
	},
);

test("the programs of `command` are given no list that lacks a key which could not be read", async () => {
	const signer = hostOf(HOSTS["command"] as Host, PATH, "EIO");
	expect(await signer.preflight()).toContain("s of b.example: its key file cannot be read: ");
	await expect(signer.apply?.(await signer.read())).rejects.toThrow(`${PATH}: EIO`);
});

test("where no key of a docker-mailserver can be read nobody could tell whose new ones are", async () => {
	const host: Host = (path) => {
		const { signer } = (HOSTS["docker-mailserver"] as Host)(path);
		const dir = "/srv/dms/config/opendkim";
		return {
			files: {
				[`${dir}/KeyTable`]: "b b.example:s:/etc/opendkim/keys/b.private\n",
				[`${dir}/SigningTable`]: "*@b.example b\n",
			},
			signer,
		};
	};
	await expect(hostOf(host, PATH, "EIO").read()).rejects.toThrow("EIO");
});
