import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { ProgramRequest } from "../../../src/ports/programs.ts";
import type { ProbeAnswer, ProbeRequest } from "../../../src/signers/probe-protocol.ts";
import { settingsSchema } from "../../../src/signers/rspamd/settings.ts";
import { createRspamdSigner } from "../../../src/signers/rspamd/signer.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";

const CONFIG = "/etc/rspamd/local.d/dkim_signing.conf";
const OWNER = { uid: 108, gid: 112 };
const TEXT = `domain {
  example.com { path = "/var/lib/rspamd/dkim/mail.key"; selector = "mail"; }
  example.org { selectors [
    { path = "/var/lib/rspamd/dkim/ed.key"; selector = "ed"; },
    { path = "/var/lib/rspamd/dkim/rsa.key"; selector = "rsa"; }
  ] }
}
`;

function keyOf(type: "rsa" | "ed25519"): string {
	const { privateKey } =
		type === "rsa" ? generateKeyPairSync("rsa", { modulusLength: 1024 }) : generateKeyPairSync("ed25519");
	return privateKey.export({ format: "pem", type: "pkcs8" }).toString();
}

function rspamdHost(
	text = TEXT,
	status = 0,
	{
		override = null,
		swap = "reload",
		answer = null,
	}: {
		readonly override?: string | null;
		readonly swap?: "restart" | "reload";
		/** What the probe answers; that each key signs, where it is left out. */
		readonly answer?: ProbeAnswer | null;
	} = {},
) {
	const sim = new SimDisk(() => new Date(0));
	sim.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\n_rspamd:x:108:112::/var/lib/rspamd:/bin/false\n");
	sim.put("/etc/group", "root:x:0:\n_rspamd:x:112:\n");
	sim.put(CONFIG, text, 0o644);
	if (override !== null) sim.put(override, "sign_local = true;\n", 0o644);
	for (const [name, type] of [
		["mail", "rsa"],
		["rsa", "rsa"],
		["ed", "ed25519"],
	] as const)
		sim.put(`/var/lib/rspamd/dkim/${name}.key`, keyOf(type), 0o600, OWNER);
	const ran: (ProgramRequest & { readonly given: string | null })[] = [];
	const asked: ProbeRequest[] = [];
	const signer = createRspamdSigner({
		name: "main",
		settings: settingsSchema.parse(override === null ? {} : { config: override }),
		service: "rspamd",
		swap,
		disk: sim.open({ process: createSimProcess() }),
		programs: {
			run: async (request) => {
				ran.push({ ...request, given: sim.text(request.argv.at(-1) ?? "") });
				const stdout = status === 0 ? "DKIM-Signature: v=1;\r\n\tb=x\r\nFrom: <a@b>\r\n\r\n" : "";
				return Promise.resolve({ status, signal: null, stdout, stderr: "no key" });
			},
		},
		sockets: { connect: async () => Promise.reject(new Error("nothing is asked by a socket here")) },
		runProbe: async (request) => {
			asked.push(request);
			const expectations = request.kind === "smtp" ? [] : request.expectations;
			const verdicts = expectations.map(({ domain, selector }) => ({
				domain,
				selector,
				outcome: "signed" as const,
				reason: null,
			}));
			return Promise.resolve(answer ?? { isUp: true, reason: null, verdicts });
		},
	});
	return { sim, signer, ran, asked };
}

test("a restart takes up whatever an administrator has changed, and is held by all of it", async () => {
	const { sim, signer } = rspamdHost(TEXT, 0, { swap: "restart" });
	for (const name of ["worker-proxy.inc", "options.inc", "antivirus.conf", "allowed.map", ".#options.inc"])
		sim.put(`/etc/rspamd/local.d/${name}`, "");
	for (const path of ["override.d/groups.conf", "rspamd.conf", "rspamd.conf.local"])
		sim.put(`/etc/rspamd/${path}`, "");
	const { takenUp = [] } = await signer.read();
	expect([...takenUp].sort()).toEqual([
		"/etc/rspamd/local.d/antivirus.conf",
		CONFIG,
		"/etc/rspamd/local.d/options.inc",
		"/etc/rspamd/local.d/worker-proxy.inc",
		"/etc/rspamd/override.d/groups.conf",
		"/etc/rspamd/rspamd.conf",
		"/etc/rspamd/rspamd.conf.local",
	]);
});

test("reads every key; of several for one domain one of each algorithm can be turned", async () => {
	const { signer } = rspamdHost();
	const reading = await signer.read();
	expect(reading.lines.map(({ domain, selector, problem }) => [domain, selector, problem === null])).toEqual([
		["example.com", "mail", true],
		["example.org", "ed", true],
		["example.org", "rsa", true],
	]);
	for (const line of reading.lines)
		expect(line).toMatchObject({ signs: true, publicKey: expect.any(String) as string });
	expect(reading).toMatchObject({ owner: { ...OWNER, user: "_rspamd" }, notes: [], configuration: [CONFIG] });
	expect(signer.keyPath("example.com", "202612")).toBe("/var/lib/rspamd/dkim/example.com/202612.private");
});

test("signs offline with rspamd's own program, as its user, with the staged key, and leaves nothing", async () => {
	const { signer, sim, ran } = rspamdHost();
	sim.put("/staged", TEXT.replace('"mail"', '"202612"').replace("mail.key", "new.key"));
	const reading = await signer.read();
	const before = sim.all().map(({ path }) => path);
	const expectation = { domain: "example.com", selector: "202612", record: "" };
	const [message] = await signer.signOffline(new Map([[CONFIG, "/staged"]]), [expectation], reading);
	expect(message?.startsWith("DKIM-Signature: v=1;\r\n\tb=x\r\nFrom:")).toBe(true);
	expect(ran).toMatchObject([
		{
			argv: "/usr/bin/rspamadm mime sign -d example.com -s 202612 -k /var/lib/rspamd/dkim/new.key -o message /staged.eml".split(
				" ",
			),
			owner: OWNER,
			given: expect.stringContaining("From: <keyturn-probe@example.com>\r\n") as string,
		},
	]);
	expect(sim.all().map(({ path }) => path)).toEqual(before);
});

test("what its program cannot sign with is told, and the message is gone all the same", async () => {
	const { signer, sim } = rspamdHost(TEXT, 134);
	const reading = await signer.read();
	const expectation = { domain: "example.com", selector: "mail", record: "" };
	await expect(signer.signOffline(new Map(), [expectation], reading)).rejects.toMatchObject({
		code: "signer.probe",
		message: expect.stringContaining("rspamadm did not sign with /var/lib/rspamd/dkim/mail.key") as string,
	});
	expect(sim.text(`${CONFIG}.eml`)).toBeNull();
	expect(await signer.preflight()).toContain("rspamadm configtest");
});

test("asks the worker where it listens; what the file does not say needs no message", async () => {
	const { signer, asked } = rspamdHost();
	const reading = await signer.read();
	const key = { domain: "example.com", selector: "mail", record: "v=DKIM1;p=" };
	const verdicts = await signer.probe([{ ...key, selector: "none" }, key, { ...key, record: null }], reading);
	expect(verdicts.map(({ selector, outcome }) => [selector, outcome])).toEqual([
		["none", "failed"],
		["mail", "signed"],
		["mail", "failed"],
	]);
	expect(asked).toMatchObject([
		{
			kind: "rspamd",
			socket: { kind: "inet", host: "127.0.0.1", port: 11333 },
			expectations: [{ ...key, sender: "keyturn-probe@example.com", unsigned: { means: "failed" } }],
		},
	]);
});

test.each([
	["that takes no connections", { isUp: false, reason: "refused", verdicts: [] }],
	["of which a verdict is missing", { isUp: true, reason: null, verdicts: [] }],
])("one %s proves nothing", async (_, answer) => {
	const { signer } = rspamdHost(TEXT, 0, { answer });
	const reading = await signer.read();
	const key = { domain: "example.com", selector: "mail", record: "v=DKIM1;p=" };
	await expect(signer.probe([key], reading)).rejects.toMatchObject({ code: "signer.probe" });
	if (answer.isUp) await signer.ready(1000, reading);
	else await expect(signer.ready(1000, reading)).rejects.toThrow("refused");
});

test.each([
	["sign_local = no;", "failed", 1],
	["sign_local = no; sign_authenticated = false;", "unproven", 2],
])("with %s an unsigned probe has %s", async (options, means, notes) => {
	const { signer, asked } = rspamdHost(`${options}\nenabled = false\n${TEXT}`);
	const reading = await signer.read();
	expect(reading.notes).toHaveLength(notes);
	await signer.probe([{ domain: "example.com", selector: "mail", record: "v=DKIM1;p=" }], reading);
	expect(asked).toMatchObject([{ expectations: [{ unsigned: { means } }] }]);
});

test("a sub-domain's block is noted as long as use_esld is on", async () => {
	const text = "domain { mail.example.com { path = /k; selector = s } }";
	expect((await rspamdHost(text).signer.read()).notes.join()).toContain("use_esld is on");
	expect((await rspamdHost(`use_esld = false;\n${text}`).signer.read()).notes).toEqual([]);
});

describe("a key that rspamd never asks for", () => {
	const BELOW = `domain {
  example.com { path = "/var/lib/rspamd/dkim/mail.key"; selector = "mail"; }
  news.example.com { path = "/var/lib/rspamd/dkim/rsa.key"; selector = "news"; }
}
`;
	const problems = async (text: string) =>
		(await rspamdHost(text).signer.read()).lines.map(({ selector, problem }) => [selector, problem]);

	test("is that of a sub-domain, below one that has a key, while use_esld is on", async () => {
		const why = expect.stringContaining(
			"rspamd signs its mail by the registered domain alone (example.com has a key)",
		);
		expect(await problems(BELOW)).toEqual([
			["mail", null],
			["news", why],
		]);
		const asked = ["example.com", "a.news.example.com", "example.net", "www.example.net", "other.test"];
		expect([...(await rspamdHost(BELOW).signer.firstKeyFaults(asked, new Set()))]).toEqual([
			["example.com", "it has a block already: mail signs for it"],
			["a.news.example.com", why],
			["www.example.net", expect.stringContaining("(example.net has a key)")],
		]);
	});

	test("is none with use_esld off, nor in OpenDKIM's tables, of which it makes no registered domain", async () => {
		const off = `use_esld = false;\n${BELOW}`;
		expect(await problems(off)).toEqual([
			["mail", null],
			["news", null],
		]);
		expect([...(await rspamdHost(off).signer.firstKeyFaults(["a.example.com"], new Set()))]).toEqual([]);
		const { sim, signer } = rspamdHost('signing_table = "/etc/signing";\nkey_table = "/etc/keys";\n');
		sim.put("/etc/signing", "*@news.example.com news\n*@example.com mail\n");
		sim.put("/etc/keys", "mail example.com:mail:/k/mail\nnews news.example.com:news:/k/news\n");
		expect((await signer.read()).lines.map(({ problem }) => problem)).toEqual([null, null]);
	});

	test("is each of a module that is switched off", async () => {
		const off = "enabled = false;\n";
		const why = "enabled = false: rspamd signs nothing";
		expect((await problems(`${off}${TEXT}`)).map(([, problem]) => problem)).toEqual([why, why, why]);
		expect([...(await rspamdHost(off).signer.firstKeyFaults(["example.net"], new Set()))]).toEqual([
			["example.net", why],
		]);
	});
});

test("a key that its user cannot open is refused", async () => {
	const { signer, sim } = rspamdHost();
	const reading = await signer.read();
	const path = "/var/lib/rspamd/dkim/mail.key";
	expect(await signer.unsafe(path, reading)).toBeNull();
	sim.put(path, "x", 0o600, { uid: 0, gid: 0 });
	expect(await signer.unsafe(path, reading)).toBe(`${path} cannot be read by _rspamd`);
});

test("a map has no place for two first keys of a domain, and that is said before one is made", async () => {
	const host = rspamdHost(
		'path = "/k/$domain.$selector.key";\nselector_map = "/etc/rspamd/selectors.map";\n',
	);
	host.sim.put("/etc/rspamd/selectors.map", "example.org mail\n", 0o644);
	const both = new Set(["example.com"]);
	expect([...(await host.signer.firstKeyFaults(["example.com"], both))]).toEqual([
		["example.com", expect.stringContaining("have one key for a domain: let `key` be one")],
	]);
});

test("a file that names no domain yet has a place for two first keys", async () => {
	const { signer } = rspamdHost("sign_local = true;");
	expect([...(await signer.firstKeyFaults(["example.com"], new Set(["example.com"])))]).toEqual([]);
	const [file] = signer.render(
		await signer.read(),
		["202612", "202612b"].map((selector) => ({
			domain: "example.com",
			from: null,
			to: { selector, keyPath: `/k/${selector}` },
		})),
	);
	expect(Buffer.from(file?.bytes ?? []).toString()).toBe(
		`sign_local = true;
domain {
  example.com {
    selectors [
      { path = "/k/202612"; selector = "202612"; }
      { path = "/k/202612b"; selector = "202612b"; }
    ]
  }
}
`,
	);
});

test("a domain with a block has no place for a first key", async () => {
	const faults = await rspamdHost().signer.firstKeyFaults(["example.com", "example.net"], new Set());
	expect([...faults]).toEqual([["example.com", "it has a block already: mail signs for it"]]);
});

describe("local.d and override.d", () => {
	const OTHER = "/etc/rspamd/override.d/dkim_signing.conf";

	test("are both asked for options, and what override.d says counts", async () => {
		const { signer, sim, asked } = rspamdHost(`sign_authenticated = true;\n${TEXT}`);
		sim.put(OTHER, "sign_local = false;\nsign_authenticated = false;\n", 0o644);
		const reading = await signer.read();
		expect(reading.configuration).toEqual([CONFIG, OTHER]);
		await signer.probe([{ domain: "example.com", selector: "mail", record: "v=DKIM1;p=" }], reading);
		expect(asked).toMatchObject([{ expectations: [{ unsigned: { means: "unproven" } }] }]);
	});

	test("of two sections the one in local.d is never used: it is not turned", async () => {
		const { signer, sim } = rspamdHost();
		sim.put(OTHER, 'domain { example.com { path = "/k"; selector = "late"; } }', 0o644);
		await expect(signer.read()).rejects.toThrow(
			`${OTHER} has a section domain { }, which rspamd takes in place of what ${CONFIG} has`,
		);
	});

	test("a first key in override.d would take the domains of local.d away", async () => {
		const { signer } = rspamdHost(TEXT, 0, { override: OTHER });
		await expect(signer.firstKeyFaults(["example.net"], new Set())).rejects.toThrow(
			`a key in ${OTHER} would take the place of all in it`,
		);
	});
});
