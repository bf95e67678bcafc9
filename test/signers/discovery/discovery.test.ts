/** Which signers are found, from what their own configuration says. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Sockets } from "../../../src/ports/sockets.ts";
import { discoverSigners } from "../../../src/signers/discovery/discovery.ts";
import { keysDirectory } from "../../../src/signers/discovery/proposal.ts";
import { createSystemPrograms } from "../../../src/system/programs.ts";
import { type FoundHost, foundHost, RSA_KEY, UID } from "../../fakes/found-host.ts";
import { temporaryDirectory } from "../../system/temporary-directory.ts";
import { COMPOSE, docker, SET_UPS, transport } from "./set-ups.ts";

const discover = async (files: FoundHost["files"], programs: FoundHost["programs"] = {}) =>
	discoverSigners(foundHost({ files, programs }));

const KEY = { text: RSA_KEY, mode: 0o600, uid: UID.opendkim };
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
	test("is not to be reloaded where its user cannot read what root reads at a start", async () => {
		const tools = foundHost({ files: OPENDKIM, unreadable: ["/etc/opendkim/TrustedHosts"] });
		expect(await discoverSigners(tools)).toMatchObject([
			{
				swap: {
					recommended: "restart",
					why: "a reload would not do: opendkim -n: opendkim: /etc/opendkim/TrustedHosts: Permission denied (exit status 78)",
					isOnly: true,
				},
			},
		]);
	});

	test("is found with the keys that sign and where they lie", async () => {
		expect(await discover(OPENDKIM)).toEqual([
			{
				type: "opendkim",
				service: "opendkim",
				swap: {
					recommended: "reload",
					why: "opendkim takes the new key up while it runs, and no message waits",
					isOnly: false,
				},
				isBehindMailServer: true,
				commands: null,
				settings: { config: "/etc/opendkim.conf", keys: "/etc/opendkim/keys" },
				keys: [
					{
						domain: "example.com",
						selector: "202610",
						path: "/etc/opendkim/keys/example.private",
						algorithm: "rsa",
					},
					{
						domain: "example.org",
						selector: "202611",
						path: "/etc/opendkim/keys/example.org/202611.private",
						algorithm: "rsa",
					},
				],
				problems: [],
				steps: [],
			},
		]);
	});

	test("is found as often as it runs, by units of their own and instances of a template", async () => {
		const confOf = (table: string) =>
			`UserID opendkim\nSocket local:/run/two.sock\nKeyTable ${table}\nSigningTable refile:/etc/opendkim/signing.table\n`;
		const found = await discover({
			...OPENDKIM,
			"/etc/systemd/system/opendkim-two.service":
				"[Service]\nExecStart=/usr/sbin/opendkim -x /etc/two.conf\n",
			"/etc/systemd/system/opendkim@.service":
				"[Service]\nExecStart=/usr/sbin/opendkim -x /etc/opendkim/%i.conf\n",
			"/etc/systemd/system/multi-user.target.wants/opendkim@three.service": "",
			// One that names the package's configuration is no other.
			"/etc/systemd/system/opendkim.service":
				"[Service]\nExecStart=/usr/sbin/opendkim -x /etc/opendkim.conf\n",
			"/etc/two.conf": confOf("/etc/two.table"),
			"/etc/two.table": "example example.com:two:/etc/opendkim/keys/example.private\n",
			"/etc/opendkim/three.conf": confOf("/etc/three.table"),
			"/etc/three.table": "other example.org:three:/etc/opendkim/keys/example.private\n",
		});
		expect(
			found.map(({ service, settings, keys }) => [
				service,
				settings["config"],
				keys.map((key) => key.selector),
			]),
		).toEqual([
			["opendkim", "/etc/opendkim.conf", ["202610", "202611"]],
			["opendkim-two", "/etc/two.conf", ["two"]],
			["opendkim@three", "/etc/opendkim/three.conf", ["three"]],
		]);
	});

	test("has the configuration that its unit names, and is one", async () => {
		const found = await discover({
			...OPENDKIM,
			"/etc/systemd/system/opendkim.service": "[Service]\nExecStart=/usr/sbin/opendkim -x /etc/own.conf\n",
			"/etc/own.conf": "UserID opendkim\nSocket local:/run/own.sock\nKeyTable /etc/own.table\n",
			"/etc/own.table": "own example.com:own:/etc/opendkim/keys/example.private\n",
		});
		expect(found.map(({ service, settings }) => [service, settings["config"]])).toEqual([
			["opendkim", "/etc/own.conf"],
		]);
	});

	test("is to be restarted where a reload would not find its configuration again", async () => {
		const [jailed] = await discover({
			...OPENDKIM,
			"/etc/opendkim.conf": `${OPENDKIM["/etc/opendkim.conf"]}ChangeRootDirectory /srv/jail\n`,
			"/srv/jail/etc/opendkim/keys/example.private": KEY,
			"/srv/jail/etc/opendkim/keys/example.org/202611.private": KEY,
		});
		expect(jailed).toMatchObject({
			settings: { keys: "/srv/jail/etc/opendkim/keys" },
			swap: {
				recommended: "restart",
				why: expect.stringContaining("ChangeRootDirectory /srv/jail"),
				isOnly: true,
			},
			problems: [],
		});
	});

	test("is to be restarted where only root can read its one key", async () => {
		const files = {
			"/usr/sbin/opendkim": "",
			"/etc/opendkim.conf":
				"UserID opendkim\nSOCKET inet:8891@localhost\nDomain example.com\nKeyFile /etc/postfix/dkim.key\nSelector mail\n",
		};
		const [closed] = await discover({
			...files,
			"/etc/postfix/dkim.key": { text: RSA_KEY, mode: 0o600 },
		});
		expect(closed).toMatchObject({
			settings: { keys: "/etc/dkimkeys" },
			keys: [{ domain: "example.com", selector: "mail", path: "/etc/postfix/dkim.key" }],
			swap: { recommended: "restart", why: expect.stringContaining("/etc/postfix/dkim.key"), isOnly: true },
		});
		const [open] = await discover({ ...files, "/etc/postfix/dkim.key": KEY });
		expect(open).toMatchObject({ swap: { recommended: "reload", isOnly: false } });
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

describe("Exim", () => {
	const exim = async (domain: string, selector: string, privateKey: string) =>
		discover(
			{ "/usr/sbin/exim4": "", "/etc/exim4/dkim.table": "" },
			{ "/usr/sbin/exim4 -bP transports": transport(domain, selector, privateKey) },
		);

	test("with fixed values is told the line of the file that they belong into", async () => {
		expect(await exim("example.com", "mail", "/etc/exim4/dkim.key")).toMatchObject([
			{
				keys: [],
				problems: [expect.stringContaining('"example.com: selector=mail key=/etc/exim4/dkim.key"')],
			},
		]);
	});

	test("with two files, or a key in its option, is told so, and no key is shown", async () => {
		const lookup = (file: string) => `\${lookup{$dkim_domain}lsearch{${file}}}`;
		const [apart] = await exim("example.com", lookup("/etc/a"), lookup("/etc/b"));
		expect(apart?.problems.join()).toContain("in one file for both");
		const [inline] = await exim("example.com", "mail", "-----BEGIN RSA PRIVATE KEY-----abc");
		expect(inline?.problems.join()).toContain("(the key itself)");
		expect(inline?.problems.join()).not.toContain("abc");
	});

	test.each([
		["/usr/sbin/exim4", "exim4", "/etc/exim4"],
		["/usr/sbin/exim", "exim", "/etc/exim"],
	])("as %s runs as %s, and has its keys below %s", async (program, service, directory) => {
		const lookup = (value: string) =>
			`\${extract{${value}}{\${lookup{$dkim_domain}lsearch{${directory}/dkim.table}}}}`;
		const [found] = await discover(
			{ [program]: "", [`${directory}/dkim.table`]: "" },
			{ [`${program} -bP transports`]: transport("example.com", lookup("selector"), lookup("key")) },
		);
		expect(found).toMatchObject({ service, settings: { keys: `${directory}/dkim` } });
		for (const unit of ["keyturn-apply@", "keyturn-recover"])
			expect(await readFile(`systemd/${unit}.service`, "utf8")).toMatch(
				new RegExp(`^ReadWritePaths=.* -${directory}( |$)`, "m"),
			);
	});

	test("that signs nothing has no keys", async () => {
		const found = await discover(
			{ "/usr/sbin/exim4": "" },
			{ "/usr/sbin/exim4 -bP transports": "remote_smtp transport:\ndriver = smtp\n" },
		);
		expect(found).toMatchObject([
			{ type: "exim", keys: [], problems: [expect.stringContaining("no transport")] },
		]);
	});
});

describe("docker-mailserver", () => {
	const files = { "/usr/bin/docker": "", "/srv/dms/compose.yaml": "" };
	const said = { env: [], port: "25" };

	test("has to be made anew by commands, its door let into the volume", async () => {
		const { files: volume, programs = {} } = SET_UPS["docker-mailserver with OpenDKIM"] ?? { files: {} };
		expect(await discover(volume, programs)).toMatchObject([
			{
				commands: {
					stop: ["/usr/bin/docker", "stop", "mailserver"],
					start: [
						"/usr/bin/docker",
						"compose",
						"--project-directory",
						"/srv/dms",
						"-p",
						"dms",
						"-f",
						"/srv/dms/compose.yaml",
						"up",
						"-d",
						"--force-recreate",
						"--no-deps",
						"--pull",
						"never",
						"mail",
					],
				},
				steps: [expect.stringContaining("ReadWritePaths=/srv/dms/docker-data/dms/config")],
			},
		]);
	});

	test("is made anew from all files that compose made it from", async () => {
		const labels = {
			...COMPOSE,
			"com.docker.compose.project.config_files": "/srv/dms/compose.yaml,override.yaml",
			"com.docker.compose.project.environment_file": "/srv/dms/mail.env",
		};
		const there = { ...files, "/srv/dms/override.yaml": "", "/srv/dms/mail.env": "" };
		const [found] = await discover(there, docker("mailserver", { ...said, labels }));
		expect(found?.commands?.start.join(" ")).toContain(
			"-f /srv/dms/compose.yaml -f /srv/dms/override.yaml --env-file /srv/dms/mail.env up -d",
		);
	});

	test("that would come to have another volume when it is made anew is told so, and found all the same", async () => {
		const { files: volume } = SET_UPS["docker-mailserver with OpenDKIM"] ?? { files: {} };
		const [found] = await discover(
			volume,
			docker("mailserver", { ...said, config: "/docker-data/dms/config" }),
		);
		expect(found).toMatchObject({
			keys: [{ domain: "example.com" }],
			problems: [expect.stringContaining("/srv/dms/docker-data/dms/config, then /docker-data/dms/config")],
		});
	});

	test("is told which of compose's files somebody besides root could have written: root runs what they say", async () => {
		const { files: volume, programs = {} } = SET_UPS["docker-mailserver with OpenDKIM"] ?? { files: {} };
		const [found] = await discover(
			{
				...volume,
				"/srv/dms/compose.yaml": { text: "", uid: 110 },
				"/srv/dms/.env": { text: "", mode: 0o664 },
			},
			programs,
		);
		expect(found).toMatchObject({
			keys: [{ domain: "example.com" }],
			problems: [
				expect.stringMatching(/^\/srv\/dms\/compose.yaml, which .* expected root as its owner, got user 110/),
				expect.stringMatching(/^\/srv\/dms\/[.]env, which .* got mode 0664/),
			],
		});
	});

	test("that nothing makes anew is told so: a start alone would leave it with its old key", async () => {
		const { files: volume } = SET_UPS["docker-mailserver with OpenDKIM"] ?? { files: {} };
		const problems = async (given: FoundHost["files"], labels: Readonly<Record<string, string>>) => {
			const [found] = await discover(given, docker("mailserver", { ...said, labels }));
			expect(found).toMatchObject({ commands: null, keys: [] });
			return found?.problems.join();
		};
		expect(await problems(volume, {})).toContain("mailserver was not made by compose");
		const { "/srv/dms/compose.yaml": _, ...elsewhere }: FoundHost["files"] = volume;
		expect(await problems(elsewhere, COMPOSE)).toContain("/srv/dms/compose.yaml, of which compose made");
	});

	test("of Podman's is its unit, and no command: the door would see other containers", async () => {
		const { files: volume } = SET_UPS["docker-mailserver with OpenDKIM"] ?? { files: {} };
		const { "/usr/bin/docker": _, ...rest }: FoundHost["files"] = volume;
		const podman = (labels: Readonly<Record<string, string>>) =>
			Object.fromEntries(
				Object.entries(docker("mailserver", { ...said, labels })).map(([words, text]) => [
					words.replace("/docker ", "/podman "),
					text,
				]),
			);
		const host = { ...rest, "/usr/bin/podman": "" };
		expect(await discover(host, podman({ PODMAN_SYSTEMD_UNIT: "dms.service" }))).toMatchObject([
			{ service: "dms", commands: null, keys: [{ domain: "example.com", selector: "mail" }], problems: [] },
		]);
		// podman-docker has /usr/bin/docker be Podman.
		const byAnotherName = docker("mailserver", { ...said, labels: { PODMAN_SYSTEMD_UNIT: "dms.service" } });
		expect(await discover({ ...host, "/usr/bin/docker": "" }, byAnotherName)).toMatchObject([
			{ service: "dms", commands: null, keys: [{ domain: "example.com" }], problems: [] },
		]);
		expect(await discover(host, podman({}))).toMatchObject([
			{ commands: null, keys: [], problems: [expect.stringContaining("give it a quadlet")] },
		]);
	});

	test.each([
		["echo 3f0c", 0],
		["", 1],
		["echo cannot connect >&2; exit 1", 126],
		["kill -KILL $$", 126],
	])("its status tells up and down apart from a Docker that does not answer: %s", async (says, status) => {
		const [found] = await discover(
			{ ...SET_UPS["docker-mailserver with OpenDKIM"]?.files, ...files },
			docker("mailserver", said),
		);
		const [shell = "", flag = "", text = ""] = found?.commands?.status ?? [];
		const path = join(await temporaryDirectory(), "docker");
		await writeFile(path, `#!/bin/sh\n${says}\n`, { mode: 0o755 });
		const argv = [shell, flag, text.replace("/usr/bin/docker", path)] as const;
		const run = createSystemPrograms().run({ argv, timeoutMs: 20_000 }, new AbortController().signal);
		expect(await run).toMatchObject({ status });
	});

	test("without a volume, or without keys on it, is told so", async () => {
		const programs = docker("mailserver", said);
		const moved = Object.fromEntries(
			Object.entries(programs).map(([words, text]) => [words, text.replace("/tmp/docker-mailserver", "/x")]),
		);
		const [apart] = await discover(files, moved);
		expect(apart?.problems.join()).toContain("no volume at /tmp/docker-mailserver");
		const [empty] = await discover(files, programs);
		expect(empty?.problems.join()).toContain("opendkim/KeyTable: expected a file of the volume");
	});

	test("is found though its image was pulled anew since, and Docker gives it no name any more", async () => {
		const { files: volume, programs = {} } = SET_UPS["docker-mailserver with OpenDKIM"] ?? { files: {} };
		const ps = "/usr/bin/docker ps -a --format {{.ID}} {{.Image}}";
		const inspect = "/usr/bin/docker inspect";
		const other = { Name: "/web", Config: { Image: "nginx:1" }, HostConfig: {} };
		const [own] = JSON.parse(programs[`${inspect} 3f0c`] ?? "[]") as readonly unknown[];
		const pulled = {
			...programs,
			[ps]: "3f0c8b21aa00 9d21c4aa01f2\n77aa00112233 sha256:0b5e\n55bb00112233 redis:7\n",
			[`${inspect} 3f0c8b21aa00 77aa00112233`]: JSON.stringify([own, other]),
		};
		expect(await discover(volume, pulled)).toEqual(await discover(volume, programs));
	});

	test("is not found among other containers, and a Docker that does not answer is told", async () => {
		const ps = "/usr/bin/docker ps -a --format {{.ID}} {{.Image}}";
		expect(await discover(files, { [ps]: "77aa nginx:1\n" })).toEqual([]);
		expect(await discover(files)).toMatchObject([{ keys: [], problems: [expect.stringContaining(ps)] }]);
		const cutOff = {
			[ps]: "77aa docker-mailserver:15\n",
			"/usr/bin/docker inspect 77aa": '[{ "Name": "/mail',
		};
		expect(await discover(files, cutOff)).toMatchObject([
			{ problems: ["/usr/bin/docker inspect: expected containers, got something else"] },
		]);
	});
});

describe("rspamd", () => {
	const rspamd = async (text: string) =>
		discover({ "/usr/bin/rspamd": "", "/etc/rspamd/local.d/dkim_signing.conf": text });

	test.each([
		["tempfail", "reload", "mail over connections that are open then is deferred once", false],
		["accept", "restart", "with milter_default_action = accept their mail leaves unsigned", true],
		["quarantine", "restart", "with milter_default_action = quarantine their mail leaves unsigned", true],
		["reject", "restart", "with milter_default_action = reject their mail is refused", true],
		[null, "reload", "mail over connections that are open then is deferred once", false],
	])(
		"beside a Postfix with milter_default_action = %s is proposed with %s",
		async (action, how, why, isOnly) => {
			const files = {
				"/usr/bin/rspamd": "",
				"/etc/rspamd/local.d/dkim_signing.conf": `domain { example.com { path = "/var/lib/rspamd/dkim/k"; selector = "mail"; } }`,
				"/var/lib/rspamd/dkim/k": { text: RSA_KEY, mode: 0o600, uid: UID._rspamd },
				"/usr/sbin/postconf": "",
			};
			const programs =
				action === null ? {} : { "/usr/sbin/postconf -x -h milter_default_action": `${action}\n` };
			expect(await discover(files, programs)).toMatchObject([
				{ swap: { recommended: how, why: expect.stringContaining(why) as string, isOnly }, problems: [] },
			]);
		},
	);

	test("that signs by its built-in names alone is told how to have them named", async () => {
		const files = {
			"/usr/bin/rspamd": "",
			"/var/lib/rspamd/dkim/example.com.dkim.key": RSA_KEY,
			"/var/lib/rspamd/dkim/example.org.other.key": RSA_KEY,
		};
		expect(await discover(files)).toMatchObject([
			{
				keys: [],
				problems: [
					'/etc/rspamd/local.d/dkim_signing.conf: absent, and rspamd signs for example.com, whose key it finds by itself in /var/lib/rspamd/dkim: name each domain in a map (selector_map = "/etc/rspamd/dkim_selectors.map"; lines "DOMAIN dkim")',
				],
			},
		]);
		expect(await discover({ "/usr/bin/rspamd": "" })).toEqual([]);
	});

	test("runs as rspamd where that is how its package calls its user", async () => {
		const host = {
			"/usr/bin/rspamd": "",
			"/etc/passwd": "root:x:0:0::/root:/bin/sh\nrspamd:x:115:115::/:/sbin/nologin\n",
			"/etc/rspamd/local.d/dkim_signing.conf": `domain { example.com { path = "/var/lib/rspamd/dkim/k"; selector = "mail"; } }`,
			"/var/lib/rspamd/dkim/k": { text: RSA_KEY, mode: 0o600, uid: 115 },
		};
		expect(await discover(host)).toMatchObject([
			{ settings: { user: "rspamd" }, keys: [{ selector: "mail" }], problems: [] },
		]);
		const [redis] = await discoverSigners(
			foundHost({
				files: {
					...host,
					"/etc/rspamd/local.d/dkim_signing.conf":
						'use_redis = true;\nkey_prefix = "K";\nselector_prefix = "S";\n',
					"/etc/redis.conf": "unixsocket /run/redis.sock\n",
				},
				sockets: redisWith({ "example.com": "mail" }),
			}),
		);
		expect(redis?.steps.join("\n")).toContain("install -o rspamd -m 600");
	});

	test.each([
		["/etc/redis.conf", "redis-cli"],
		["/etc/valkey/valkey.conf", "valkey-cli"],
	])("whose keys are in Redis finds its socket in %s, too", async (conf, cli) => {
		const [found] = await discoverSigners(
			foundHost({
				files: {
					"/usr/bin/rspamd": "",
					"/etc/rspamd/local.d/dkim_signing.conf":
						'use_redis = true;\nkey_prefix = "K";\nselector_prefix = "S";\n',
					"/etc/redis/redis.conf": "# unixsocket /run/none.sock\n",
					[conf]: "unixsocket /run/keys.sock\n",
				},
				sockets: redisWith({ "example.com": "mail" }),
			}),
		);
		expect(found).toMatchObject({
			settings: { redis: { socket: "/run/keys.sock" } },
			keys: [{ domain: "example.com", selector: "mail" }],
			problems: [],
		});
		expect(found?.steps.join("\n")).toContain(`  ${cli} -s /run/keys.sock hgetall S |`);
	});

	test("whose keys are in Redis has those whose selectors are names, and makes files of no others", async () => {
		const redis = await discoverSigners(
			foundHost({
				files: {
					"/usr/bin/rspamd": "",
					"/etc/rspamd/local.d/dkim_signing.conf":
						'use_redis = true;\nkey_prefix = "K";\nselector_prefix = "S";\n',
					"/etc/redis/redis.conf": "unixsocket /run/redis.sock\n",
				},
				sockets: redisWith({
					"example.com": "mail",
					"example.org": "x\nhooks: {}",
					"example.net": "/../../x",
				}),
			}),
		);
		expect(redis).toMatchObject([{ keys: [{ domain: "example.com", selector: "mail" }] }]);
		const loop = redis[0]?.steps.join("\n") ?? "";
		const [pipe] = /^.*(?= \|\n)/m.exec(loop) ?? [];
		const listed =
			"example.com\nmail\nexample.org\n/../../x\n../../../etc\nx\n$(id)\nx\nmx.example.net\nA_1\n";
		const script = (pipe ?? "").replace(/^.*?\|/, "");
		const { stdout } = await createSystemPrograms().run(
			{ argv: ["/bin/sh", "-c", script], input: listed, timeoutMs: 10_000 },
			new AbortController().signal,
		);
		expect(stdout).toBe("example.com mail\nmx.example.net A_1\n");
	});

	test.each([
		['selector = "dkim";', "name each in a map"],
		['selector_map = "/etc/group";\npath = "/k/$selector.key";', "has not both $domain and $selector"],
		["use_redis = true;", "no unix socket of Redis is known"],
		["use_vault = true;", "keys in Vault"],
		["sign_local = true;", "it names no key"],
	])("with %s alone is told what is missing", async (text, words) => {
		const [found] = await rspamd(text);
		expect(found?.keys).toEqual([]);
		expect(found?.problems.join()).toMatch(new RegExp(words.replaceAll("$", "\\$")));
	});

	test.each([
		[
			"worker-normal.inc of override.d",
			{ "override.d/worker-normal.inc": "enabled = no" },
			"127.0.0.1:11334",
		],
		[
			"both files, and the controller elsewhere",
			{
				"local.d/worker-normal.inc": 'bind_socket = "*:11433";\nenabled = false; # the proxy scans\n',
				"local.d/worker-controller.inc": 'bind_socket = "*:8080";\n',
			},
			"127.0.0.1:8080",
		],
		["nothing", { "local.d/worker-normal.inc": "# enabled = false;\nenabled = true;\n" }, undefined],
	])("is asked at its controller where its normal worker is off by %s", async (_, files, listen) => {
		const [found] = await discover({
			"/usr/bin/rspamd": "",
			"/etc/rspamd/local.d/dkim_signing.conf": 'domain { example.com { path = "/k"; selector = "s"; } }',
			...Object.fromEntries(Object.entries(files).map(([name, text]) => [`/etc/rspamd/${name}`, text])),
		});
		expect(found?.settings["listen"]).toBe(listen);
	});
});

test.each([
	["Haraka", "/usr/bin/haraka"],
	["maddy", "/usr/local/bin/maddy"],
	["mox", "/usr/local/bin/mox"],
	["KumoMTA", "/opt/kumomta/sbin/kumod"],
	["Stalwart", "/opt/stalwart/bin/stalwart"],
	["mailcow", "/opt/mailcow-dockerized/mailcow.conf"],
])("%s has no adapter of its own, and is told the way through a program", async (name, program) => {
	expect(await discover({ [program]: "" })).toMatchObject([
		{ type: "command", keys: [], problems: [expect.stringMatching(`^${name} is installed.* type command`)] },
	]);
});

test.each([
	[
		"/etc/amavis/conf.d/50-user",
		"dkim_key('example.com', 'dkim', '/var/lib/dkim/example.com.pem');\n1;\n",
		1,
	],
	["/etc/amavisd/amavisd.conf", 'dkim_key("example.com", "dkim", $path);\n', 1],
	["/etc/amavis/conf.d/50-user", "# dkim_key('example.com', 'dkim', '/k');\n1;\n", 0],
])("amavis is told of where it signs itself: %s", async (path, text, count) => {
	const found = await discover({ [path]: text });
	expect(found).toHaveLength(count);
	for (const { problems } of found) expect(problems).toEqual([expect.stringMatching(/^amavis .* dkim_key /)]);
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

/** A Redis with one hash of selectors; each has a key. */
function redisWith(selectors: Readonly<Record<string, string>>): Sockets {
	const text = (word: string) => `$${word.length}\r\n${word}\r\n`;
	return {
		connect: async () => {
			let left = Buffer.alloc(0);
			const take = async (count: number) => {
				const taken = left.subarray(0, count);
				left = left.subarray(count);
				return Promise.resolve(taken);
			};
			return Promise.resolve({
				write: async (bytes) => {
					const isList = Buffer.from(bytes).toString("latin1").includes("HGETALL");
					const words = Object.entries(selectors).flat();
					left = Buffer.from(isList ? `*${words.length}\r\n${words.map(text).join("")}` : text(RSA_KEY));
					return Promise.resolve();
				},
				read: take,
				readLine: async () => (await take(left.indexOf("\n") + 1)).toString("latin1"),
				close: () => {},
			});
		},
	};
}
