/**
 * `keyturn init` on a host where every signer is installed: what it writes is taken by keyturn as it stands, and the keys in use
 * are adopted without a byte of their files or tables being touched.
 */

import { execFile, execFileSync } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { bareKey, publicHalf, recordText } from "../../../src/dkim/key-material.ts";
import { formatKeyRecord } from "../../../src/dkim/key-record.ts";
import type { SignerRead } from "../../../src/doctor/signers-read.ts";
import { quoteTxt } from "../../../src/dkim/txt-strings.ts";
import { UNPACKED } from "../../run/suites.ts";
import { startBind, type TsigKey } from "../bind.ts";
import { makeKey, type TestKey } from "../opendkim/opendkim-host.ts";

const PROGRAM = join(import.meta.dirname, "../../../dist/src/main.js");
const EXIM = join(UNPACKED, "usr/sbin/exim4");
const NEEDED = ["/usr/sbin/opendkim", "/usr/bin/rspamd", "/usr/bin/dkimpy-milter", "/usr/sbin/named", EXIM];
const mayRun = NEEDED.every((path) => existsSync(path)) && process.getuid?.() === 0;

const TSIG: TsigKey = {
	name: "keyturn",
	algorithm: "hmac-sha256",
	secret: "c29tZSBzZWNyZXQgb2YgdGhlIHRlc3Q=",
};
const DOMAINS = ["opendkim", "rspamd", "dkimpy", "exim", "dkimproxy", "dms"].map((name) => `${name}.test`);
/** No key is due, nor to be made ahead, whenever this runs. */
const HALF_A_YEAR_ON = ((new Date().getUTCMonth() + 6) % 12) + 1;
const [RSA, ED25519] = [makeKey(), makeEd25519()];

function makeEd25519(): TestKey {
	const pem = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
	const half = publicHalf(pem);
	if (half === null) throw new Error("no key");
	return { pem, record: formatKeyRecord({ algorithm: "ed25519", publicKey: recordText(half) }) };
}

describe.skipIf(!mayRun)("init where every signer is installed", () => {
	test("proposes each as it stands, and the keys in use are adopted with nothing touched", async () => {
		const host = await prepare();
		const written = await host.keyturn("init", "--yes");
		expect(written).toContain(`${host.config} is written`);
		const text = await readFile(host.config, "utf8");
		for (const domain of DOMAINS) {
			const signer = domain.replace(/\.test$/, "").replace("dms", "docker-mailserver");
			expect(text).toMatch(new RegExp(`name: ${domain}, provider: manual, signer: ${signer}\\b`));
		}
		expect(text.match(/mail(?:-ed)? \(\S+\)/g)).toHaveLength(DOMAINS.length + 2);

		await writeFile(host.config, await host.withZones(text));
		const before = await fingerprints(host.directory);
		const adopted = await host.keyturn("rotate");
		for (const domain of DOMAINS) expect(adopted).toMatch(new RegExp(`${domain}.*adopted mail`));
		const status = JSON.parse(await host.keyturn("status", "--json")) as {
			domains: readonly { domain: string; keys: readonly { selector: string; origin: string }[] }[];
		};
		expect(Object.fromEntries(status.domains.map(({ domain, keys }) => [domain, keys.map(nameOf)]))).toEqual(
			Object.fromEntries(DOMAINS.map((domain) => [domain, selectorsOf(domain).map(adoptedAs)])),
		);
		expect(await fingerprints(host.directory)).toEqual(before);

		const { findings, signers } = JSON.parse(await host.keyturn("doctor", "--json")) as {
			findings: readonly { code: string; subject: string; summary: string }[];
			signers: readonly SignerRead[];
		};
		expect(
			Object.fromEntries(signers.map(({ type, reads }) => [type, reads.map((path) => basename(path))])),
		).toEqual({
			opendkim: ["opendkim.conf", "key.table", "signing.table"],
			rspamd: ["dkim_signing.conf"],
			dkimpy: ["dkimpy-milter.conf", "keytable", "signingtable", "keytable.ed"],
			exim: ["dkim.table"],
			dkimproxy: ["dkimproxy_out.conf"],
			"docker-mailserver": ["KeyTable", "SigningTable"],
		});
		for (const { keys } of signers) {
			const [domain = ""] = keys.map((key) => key.domain);
			expect(keys.map(({ selector }) => selector)).toEqual(selectorsOf(domain));
			expect(keys).toMatchObject(
				keys.map(() => ({ isConfigured: true, problem: null, algorithm: expect.any(String) as string })),
			);
		}
		expect(findings.length).toBeGreaterThan(0);
		const wrong = /^(?:config|door|domain|record|key\.(?:fixed|unreadable|unsafe)|signer\.unreadable)/;
		expect(findings.filter(({ code }) => wrong.test(code) && code !== "door.walled")).toEqual([]);
	});
});

interface InitHost {
	readonly directory: string;
	readonly config: string;
	/** What it prints; whatever its exit status. */
	keyturn(...args: readonly string[]): Promise<string>;
	/** The text with the zones of the test, and without what the test must not wait for. */
	withZones(text: string): Promise<string>;
}

/** The directories of this machine are seen through others, in a name space of the program's own. */
async function prepare(): Promise<InitHost> {
	const directory = await mkdtemp("/var/lib/keyturn-init-");
	onTestFinished(() => rm(directory, { recursive: true, force: true }));
	await chmod(directory, 0o755);
	const own = join(directory, "own");
	await mkdir(own, { mode: 0o700 });
	const config = join(own, "keyturn.yaml");
	for (const [path, file] of Object.entries(filesIn(directory))) await put(join(directory, path), file);
	for (const name of ["etc", "sbin", "bin"]) await mkdir(join(directory, name), { recursive: true });
	await symlink(EXIM, join(directory, "sbin/exim4"));
	const enter = [
		...[
			["etc", "/etc"],
			["sbin", "/usr/sbin"],
			["bin", "/usr/bin"],
		].map(([from, to]) => `mount -t overlay overlay -o lowerdir=${directory}/${from}:${to} ${to}`),
		'exec "$@"',
	].join("\n");
	return {
		directory,
		config,
		keyturn: async (...args) => {
			const words = ["-m", "sh", "-ec", enter, "sh", process.execPath, PROGRAM, "--config", config, ...args];
			const options = { env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", TZ: "UTC" } };
			const ended = promisify(execFile)("/usr/bin/unshare", words, options);
			const { stdout, stderr } = (await ended.catch((thrown: unknown) => thrown)) as Record<string, string>;
			if (stdout === undefined || stdout === "") throw new Error(stderr);
			return stdout;
		},
		withZones: async (text) => {
			const bind = await startBind({
				zones: DOMAINS.map((name) => ({ name, records: recordsOf(name), updateKeys: [TSIG.name] })),
				tsigKeys: [TSIG],
			});
			onTestFinished(bind.stop);
			const server = `${bind.address}:${bind.port}`;
			const key = `key "${TSIG.name}" { algorithm ${TSIG.algorithm}; secret "${TSIG.secret}"; };\n`;
			await writeFile(join(own, "tsig.key"), key, { mode: 0o600 });
			const provider = `  manual:\n    type: rfc2136\n    server: "${server}"\n    keyfile: ${own}/tsig.key\n`;
			return text
				.replace(/^schedule: .*$/m, `schedule: "0 3 1 ${HALF_A_YEAR_ON} *"\njitter: 0s`)
				.replace(/^ {2}manual:\n(?: {4}.*\n)+/m, provider)
				.replace(/^alerts:\n(?: {2}.*\n)+/m, "alerts: []\n")
				.replace(
					/^state: .*$/m,
					`state: ${own}/state\nverify: { nameservers: ["${server}"], resolvers: [] }`,
				);
		},
	};
}

/** Two of them sign each message twice. */
function selectorsOf(domain: string): readonly string[] {
	return ["rspamd.test", "dkimpy.test"].includes(domain) ? ["mail", "mail-ed"] : ["mail"];
}

const adoptedAs = (selector: string) => `adopted ${selector}`;
const nameOf = ({ selector, origin }: { selector: string; origin: string }) => `${origin} ${selector}`;

function recordsOf(domain: string): string {
	return selectorsOf(domain)
		.map((selector) => {
			const { record } = selector === "mail" ? RSA : ED25519;
			return `${selector}._domainkey IN TXT ( ${quoteTxt(record)} )`;
		})
		.join("\n");
}

interface Placed {
	readonly text: string;
	readonly user?: string;
	readonly mode?: number;
}

const owned = (user: string, text: string): Placed => ({ text, user, mode: 0o600 });

/** Below the directory: what stands in /etc and among the programs, the keys, and the volume of a container. */
function filesIn(directory: string): Readonly<Record<string, Placed>> {
	const keys = join(directory, "keys");
	const volume = join(directory, "volume");
	const lookup = (value: string) =>
		`\${extract{${value}}{\${lookup{$dkim_domain}lsearch{/etc/exim4/dkim.table}}}}`;
	return {
		"etc/resolv.conf": { text: "nameserver 127.0.0.1\n" },
		"etc/opendkim.conf": {
			text: "UserID opendkim\nSocket local:/run/opendkim/opendkim.sock\nKeyTable /etc/opendkim/key.table\nSigningTable refile:/etc/opendkim/signing.table\n",
		},
		"etc/opendkim/key.table": { text: `example opendkim.test:mail:${keys}/opendkim/example.private\n` },
		"etc/opendkim/signing.table": { text: "*@opendkim.test example\n" },
		"keys/opendkim/example.private": owned("opendkim", RSA.pem),
		"etc/rspamd/local.d/dkim_signing.conf": {
			text: `sign_local = true;\ndomain {\n  rspamd.test {\n    selectors [\n      { path = "${keys}/rspamd/mail.key"; selector = "mail"; }\n      { path = "${keys}/rspamd/ed.key"; selector = "mail-ed"; }\n    ]\n  }\n}\n`,
		},
		"keys/rspamd/mail.key": owned("_rspamd", RSA.pem),
		"keys/rspamd/ed.key": owned("_rspamd", bareKey(ED25519.pem)),
		"etc/dkimpy-milter/dkimpy-milter.conf": {
			text: "UserID dkimpy-milter\nSocket inet:8892@127.0.0.1\nKeyTable /etc/dkimpy-milter/keytable\nKeyTableEd25519 /etc/dkimpy-milter/keytable.ed\nSigningTable /etc/dkimpy-milter/signingtable\n",
		},
		"etc/dkimpy-milter/keytable": { text: `shop dkimpy.test:mail:${keys}/dkimpy/mail.key\n` },
		"etc/dkimpy-milter/keytable.ed": { text: `shop dkimpy.test:mail-ed:${keys}/dkimpy/ed.key\n` },
		"etc/dkimpy-milter/signingtable": { text: "*@dkimpy.test shop\n" },
		"keys/dkimpy/mail.key": owned("dkimpy-milter", RSA.pem),
		"keys/dkimpy/ed.key": owned("dkimpy-milter", bareKey(ED25519.pem)),
		"etc/exim4/exim4.conf": {
			text: `DKIM_TABLE = /etc/exim4/dkim.table
DKIM_DOMAIN = \${lookup{\${lc:$sender_address_domain}}lsearch{DKIM_TABLE}{\${lc:$sender_address_domain}}}
exim_path = ${EXIM}
keep_environment =
primary_hostname = mx.exim.test
begin transports
remote_smtp:
  driver = smtp
  dkim_domain = DKIM_DOMAIN
  dkim_selector = ${lookup("selector")}
  dkim_private_key = ${lookup("key")}
`,
		},
		"etc/exim4/dkim.table": { text: `exim.test: selector=mail key=${keys}/exim/mail.key\n` },
		"keys/exim/mail.key": owned("Debian-exim", RSA.pem),
		"sbin/dkimproxy.out": { text: "" },
		"etc/default/dkimproxy": { text: "DKIMPROXYUSER=daemon\n" },
		"etc/dkimproxy/dkimproxy_out.conf": {
			text: `listen 127.0.0.1:10027\nrelay 127.0.0.1:10028\ndomain dkimproxy.test\nsignature dkim(a=rsa-sha256,c=relaxed)\nkeyfile ${keys}/dkimproxy/mail.key\nselector mail\nreject_error 1\n`,
		},
		"keys/dkimproxy/mail.key": owned("daemon", RSA.pem),
		"bin/docker": { text: docker(volume), mode: 0o755 },
		"volume/opendkim/KeyTable": {
			text: "mail._domainkey.dms.test dms.test:mail:/etc/opendkim/keys/dms.test/mail.private\n",
		},
		"volume/opendkim/SigningTable": { text: "*@dms.test mail._domainkey.dms.test\n" },
		"volume/opendkim/keys/dms.test/mail.private": owned("opendkim", RSA.pem),
	};
}

/** In place of Docker's own, with one container that runs. */
function docker(volume: string): string {
	const inspected = {
		Name: "/mailserver",
		Config: {
			Image: "ghcr.io/docker-mailserver/docker-mailserver:latest",
			Env: ["ENABLE_OPENDKIM=1"],
			Labels: {
				"com.docker.compose.project": "dms",
				"com.docker.compose.project.config_files": `${volume}/opendkim/KeyTable`,
				"com.docker.compose.project.working_dir": volume,
				"com.docker.compose.service": "mailserver",
			},
		},
		HostConfig: { PortBindings: { "25/tcp": [{ HostIp: "", HostPort: "25" }] } },
		Mounts: [{ Type: "bind", Source: volume, Destination: "/tmp/docker-mailserver" }],
	};
	const volumes = [{ type: "bind", source: volume, target: "/tmp/docker-mailserver" }];
	const configured = { name: "dms", services: { mailserver: { image: inspected.Config.Image, volumes } } };
	return `#!/bin/sh
case "$1 $2" in
	"ps -a") echo "0123456789ab ghcr.io/docker-mailserver/docker-mailserver:latest" ;;
	"ps -q") echo 0123456789ab ;;
	"compose version") ;;
	"compose --project-directory") echo '${JSON.stringify(configured)}' ;;
	"image inspect") echo sha256:0123 ;;
	"inspect "* | "container inspect") echo '${JSON.stringify([inspected])}' ;;
	*) exit 1 ;;
esac
`;
}

async function put(path: string, { text, user = "root", mode = 0o644 }: Placed): Promise<void> {
	const [uid, gid] = ["-u", "-g"].map((option) =>
		Number(execFileSync("/usr/bin/id", [option, user], { encoding: "utf8" })),
	) as [number, number];
	if (!existsSync(dirname(path))) {
		await mkdir(dirname(path), { recursive: true });
		if (mode === 0o600) await chown(dirname(path), uid, gid);
	}
	await writeFile(path, text, { mode });
	await chmod(path, mode);
	await chown(path, uid, gid);
}

/** Of every file but keyturn's own. */
async function fingerprints(directory: string): Promise<Readonly<Record<string, string>>> {
	const found: Record<string, string> = {};
	for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
		const path = join(entry.parentPath, entry.name);
		if (!entry.isFile() || path.startsWith(join(directory, "own"))) continue;
		found[path] = createHash("sha256")
			.update(await readFile(path))
			.digest("hex");
	}
	expect(Object.keys(found).length).toBeGreaterThan(20);
	return found;
}
