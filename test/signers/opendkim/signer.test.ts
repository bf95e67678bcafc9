import { expect, test } from "vitest";
import { CONFIG, guideHost, key, OWNER } from "./guide-signer.ts";

test("reads the guide's host", async () => {
	const { signer } = guideHost();
	const reading = await signer.read();
	expect(reading).toMatchObject({
		lines: [
			{
				domain: "example.com",
				selector: "202610",
				entry: "example",
				keyPath: "/etc/opendkim/keys/example.private",
				publicKey: key.spki,
				problem: null,
				signs: true,
			},
		],
		owner: { uid: 107, gid: 113, user: "opendkim" },
		configuration: ["/etc/opendkim.conf"],
		notes: [],
	});
	expect(reading.files.map((file) => file.path)).toEqual([
		"/etc/opendkim/key.table",
		"/etc/opendkim/signing.table",
	]);
	expect(signer.keyPath("example.com", "202611")).toBe("/etc/opendkim/keys/example.com/202611.private");
});

test("the hash changes with either table", async () => {
	const base = await guideHost().signer.read();
	const again = await guideHost().signer.read();
	const keys = await guideHost({ "/etc/opendkim/key.table": "# x\n" }).signer.read();
	const signing = await guideHost({ "/etc/opendkim/signing.table": "# x\n" }).signer.read();
	expect(again.tableHash).toBe(base.tableHash);
	expect(new Set([base.tableHash, keys.tableHash, signing.tableHash]).size).toBe(3);
});

test("follows links to the table, and renders the real file", async () => {
	const { sim, signer } = guideHost({ "/etc/opendkim.conf": CONFIG.replace("key.table", "link") });
	sim.putSymlink("/etc/opendkim/link", "/etc/opendkim/key.table");
	const reading = await signer.read();
	const [file] = signer.render(reading, [
		{
			domain: "example.com",
			from: "202610",
			to: { selector: "202611", keyPath: signer.keyPath("example.com", "202611") },
		},
	]);
	expect(file?.path).toBe("/etc/opendkim/key.table");
	expect(file?.hashBefore).toBe(reading.files[0]?.hash);
	expect(Buffer.from(file?.bytes ?? []).toString()).toBe(
		"example example.com:202611:/etc/opendkim/keys/example.com/202611.private\n",
	);
	expect(signer.render(reading, [])).toEqual([]);
});

test("a first key changes the real files behind links to both tables", async () => {
	const links = CONFIG.replace("key.table", "key.link").replace("signing.table", "signing.link");
	const { sim, signer } = guideHost({ "/etc/opendkim.conf": links });
	sim.putSymlink("/etc/opendkim/key.link", "/etc/opendkim/key.table");
	sim.putSymlink("/etc/opendkim/signing.link", "/etc/opendkim/signing.table");
	const to = { selector: "202611", keyPath: signer.keyPath("example.org", "202611") };
	const rendered = signer.render(await signer.read(), [{ domain: "example.org", from: null, to }]);
	expect(rendered.map(({ path }) => path)).toEqual([
		"/etc/opendkim/key.table",
		"/etc/opendkim/signing.table",
	]);
	expect(Buffer.from(rendered[1]?.bytes ?? []).toString()).toBe(
		"*@example.com example\n*@example.org example.org\n",
	);
});

test("in a plain signing table the new line is a plain domain", async () => {
	const { signer } = guideHost({ "/etc/opendkim.conf": CONFIG.replace("refile:", "") });
	const to = { selector: "202611", keyPath: signer.keyPath("example.org", "202611") };
	const [, signing] = signer.render(await signer.read(), [{ domain: "example.org", from: null, to }]);
	expect(Buffer.from(signing?.bytes ?? []).toString()).toBe(
		"*@example.com example\nexample.org example.org\n",
	);
});

test("names of the domains given those that cannot get a first key", async () => {
	const { signer } = guideHost();
	const faults = await signer.firstKeyFaults(["example.com", "example.org"], new Set());
	expect([...faults.keys()]).toEqual(["example.com"]);
});

test("asks that a key taken out signs no more, and needs no message while its line stands", async () => {
	const gone = { domain: "example.org", selector: "202610", record: null };
	const { signer, asked } = guideHost();
	const reading = await signer.read();
	await signer.probe([gone], reading);
	expect(asked).toMatchObject([
		{ expectations: [{ ...gone, sender: "keyturn-probe@example.org", unsigned: { means: "unsigned" } }] },
	]);
	expect(await signer.probe([{ ...gone, domain: "example.com" }], reading)).toEqual([
		{
			domain: "example.com",
			selector: "202610",
			outcome: "failed",
			reason: "the live key table has its line example",
		},
	]);
	const elsewhere = guideHost({ "/etc/opendkim.conf": `${CONFIG}InternalHosts 192.0.2.1\n` });
	await elsewhere.signer.probe([gone], reading);
	expect(elsewhere.asked).toMatchObject([{ expectations: [{ unsigned: { means: "unproven" } }] }]);
});

test("a line of a key taken out that no mail is led to is no reason to put its key back", async () => {
	const gone = { domain: "example.com", selector: "202610", record: null };
	const line = "example.com:202610:/etc/opendkim/keys/example.private";
	const reading = await guideHost().signer.read();
	const left = guideHost({
		"/etc/opendkim/key.table": `other other.example:s:/k\nother ${line}\nunnamed ${line}\n`,
		"/etc/opendkim/signing.table": "*@other.example other\n",
	});
	expect(await left.signer.probe([gone], reading)).toMatchObject([{ outcome: "signed" }]);
	expect(left.asked).toMatchObject([{ expectations: [gone] }]);
	const pattern = guideHost({
		"/etc/opendkim.conf": CONFIG.replace("KeyTable ", "KeyTable refile:"),
		"/etc/opendkim/key.table": `ex* ${line}\n`,
	});
	expect(await pattern.signer.probe([gone], reading)).toMatchObject([
		{ outcome: "failed", reason: "the live key table has its line ex*" },
	]);
});

test.each([
	["SignatureAlgorithm RSA-SHA1\n", 1],
	["SignatureAlgorithm rsa-sha256\n", 0],
])("notes what receivers refuse: %j", async (option, count) => {
	const { signer } = guideHost({ "/etc/opendkim.conf": `${CONFIG}${option}` });
	const { notes } = await signer.read();
	expect(notes.filter((note) => note.includes("RFC 8301"))).toHaveLength(count);
});

test("tells which lines sign, and what is wrong with the others", async () => {
	const { signer } = guideHost({
		"/etc/opendkim/key.table": [
			"example example.com:202610:/etc/opendkim/keys/example.private",
			"unused example.org:s:/etc/opendkim/keys/absent",
			"all %:s:/k/%",
			"example example.com:later:/k",
			"caught example.net:s:/k",
		].join("\n"),
		"/etc/opendkim/signing.table": "*@example.com example\n* all\n*@example.net caught\n*@x.test missing\n",
	});
	const { lines, notes } = await signer.read();
	expect(lines.map(({ entry, signs, problem }) => [entry, signs, problem === null])).toEqual([
		["example", true, true],
		["unused", false, true],
		["all", true, false],
		["example", false, false],
		["caught", true, true],
	]);
	expect(lines[1]?.publicKey).toBeNull();
	expect(notes).toHaveLength(2);
	expect(notes.join("\n")).toContain("names missing, which KeyTable lacks");
	expect(notes.join("\n")).toContain("caught for example.net seems never used");
});

test.each([
	["an Include of nothing", CONFIG.replace("UserID", "Include /x\nUserID"), "Include /x is absent"],
	["a relative Include", CONFIG.replace("UserID", "Include x\nUserID"), "expected an absolute path"],
	["an Include of itself", `${CONFIG}Include /etc/opendkim.conf\n`, "more than 5 deep"],
	[
		"ChangeRootDirectory",
		`${CONFIG}ChangeRootDirectory /x\n`,
		"expected a path below ChangeRootDirectory /x",
	],
	["a relative root", `${CONFIG}ChangeRootDirectory x\n`, "ChangeRootDirectory x: expected an absolute path"],
	["a db: key table", CONFIG.replace("KeyTable ", "KeyTable db:"), "of the kind db is not built yet"],
	["no key at all", "UserID opendkim\n", "no KeyTable and no KeyFile"],
	["csl: key table", CONFIG.replace("KeyTable /", "KeyTable csl:a=/"), "of the kind csl is not built yet"],
	[
		"tables in a database",
		CONFIG.replace("refile:", "dsn:mysql://u:secret@h/"),
		"SigningTable dsn:…: a database (SQL) holds this table",
	],
	[
		"tables in LDAP",
		CONFIG.replace("KeyTable ", "KeyTable ldap://h/"),
		"KeyTable ldap:…: a directory (LDAP)",
	],
	["no signing table", CONFIG.replace(/^Signing.*$/m, ""), "no SigningTable"],
	["an absent table", CONFIG.replace("key.table", "none"), "/etc/opendkim/none is absent"],
	["an unknown user", CONFIG.replace("UserID opendkim", "UserID nobody-here"), "not in /etc/passwd"],
	["an unknown group", CONFIG.replace("UserID opendkim", "UserID opendkim:none"), "not in /etc/group"],
])("refuses %s, saying why", async (_, config, why) => {
	const { signer } = guideHost({ "/etc/opendkim.conf": config });
	await expect(signer.read()).rejects.toMatchObject({
		code: "signer.config",
		message: expect.stringContaining(why) as string,
	});
});

test.each([
	["opendkim:mail", 107, 8],
	["107", 107, 113],
	["root", 0, 0],
])("runs as %s", async (user, uid, gid) => {
	const { signer } = guideHost({ "/etc/opendkim.conf": CONFIG.replace("opendkim\n", `${user}\n`) });
	expect((await signer.read()).owner).toMatchObject({ uid, gid });
});

test("without UserID it is root, and that is noted", async () => {
	const { signer } = guideHost({ "/etc/opendkim.conf": CONFIG.replace("UserID opendkim", "") });
	const { owner, notes } = await signer.read();
	expect(owner.uid).toBe(0);
	expect(notes).toEqual(["There is no UserID: OpenDKIM runs as root."]);
});

test("what the unit says on the command line comes before opendkim.conf", async () => {
	const { signer, asked } = guideHost({
		"/etc/systemd/system/opendkim.service.d/override.conf":
			"[Service]\nExecStart=\nExecStart=/usr/sbin/opendkim -P /run/o.pid -p inet:8891@localhost -u root\n",
	});
	const reading = await signer.read();
	expect(reading.owner.uid).toBe(0);
	expect(reading.notes).toHaveLength(2);
	await signer.ready(1000, reading);
	expect(asked).toEqual([
		{
			kind: "milter",
			socket: { kind: "inet", host: "localhost", port: 8891 },
			expectations: [],
			timeoutMs: 1000,
			settleMs: 0,
		},
	]);
});

const expectation = { domain: "example.com", selector: "202610", record: "v=DKIM1;p=" };

test("asks the running signer with an address of the domain, longer where it reloads", async () => {
	for (const [swap, settleMs] of [
		["restart", 0],
		["reload", 5000],
	] as const) {
		const { signer, asked } = guideHost({}, swap);
		const reading = await signer.read();
		expect(await signer.probe([expectation], reading)).toMatchObject([{ outcome: "signed" }]);
		const sender = "keyturn-probe@example.com";
		expect(asked).toMatchObject([
			{
				socket: { kind: "unix", path: "/run/opendkim/opendkim.sock" },
				expectations: [{ ...expectation, sender, unsigned: { means: "failed" } }],
				settleMs,
			},
		]);
	}
});

test("that takes no connections is not up, and proves nothing", async () => {
	const { signer } = guideHost({}, "restart", { isUp: false, reason: "refused", verdicts: [] });
	const reading = await signer.read();
	const silent = { code: "signer.probe", message: "opendkim does not answer: refused" };
	await expect(signer.ready(1000, reading)).rejects.toMatchObject(silent);
	await expect(signer.probe([expectation], reading)).rejects.toMatchObject(silent);
});

test("of which a verdict is missing proves nothing either", async () => {
	const { signer } = guideHost({}, "restart", { isUp: true, reason: null, verdicts: [] });
	await expect(signer.probe([expectation], await signer.read())).rejects.toMatchObject({
		code: "signer.probe",
	});
});

test("verdicts keep the order asked, also of those that need no message", async () => {
	const { signer, asked } = guideHost({
		"/etc/opendkim.conf": `${CONFIG}InternalHosts 192.0.2.1\n`,
		"/etc/opendkim/key.table": "e example.com:202610:/k\nc example.net:s:/k\n",
		"/etc/opendkim/signing.table": "* e\n*@example.net c\n",
	});
	const reading = await signer.read();
	const verdicts = await signer.probe(
		[
			{ domain: "example.net", selector: "s", record: "" },
			expectation,
			{ ...expectation, selector: "absent" },
		],
		reading,
	);
	expect(verdicts.map(({ selector, outcome }) => [selector, outcome])).toEqual([
		["s", "unproven"],
		["202610", "signed"],
		["absent", "failed"],
	]);
	expect(asked).toMatchObject([{ expectations: [{ selector: "202610", unsigned: { means: "unproven" } }] }]);
});

test("signs offline as its own user, with a configuration of its own that is gone afterwards", async () => {
	const { sim, signer, ran } = guideHost();
	sim.put("/etc/opendkim/key.table.1", "example example.com:202611:/k/new\n");
	const staged = new Map([["/etc/opendkim/key.table", "/etc/opendkim/key.table.1"]]);
	const reading = await signer.read();
	const before = sim.all().map(({ path }) => path);
	const [message] = await signer.signOffline(staged, [{ ...expectation, selector: "202611" }], reading);
	expect(
		message?.startsWith(
			"DKIM-Signature: v=1; d=example.com;\r\n\tb=abc\r\nFrom: <keyturn-probe@example.com>\r\n",
		),
	).toBe(true);
	expect(ran).toMatchObject([
		{
			argv: ["/usr/sbin/opendkim", "-b", "s", "-x", "/etc/opendkim/key.table.1.conf", "-t", "-"],
			owner: OWNER,
		},
	]);
	expect(sim.all().map(({ path }) => path)).toEqual(before);
	await expect(signer.signOffline(staged, [expectation], reading)).rejects.toThrow("got 0");
});
