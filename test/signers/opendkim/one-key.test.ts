import { expect, test } from "vitest";
import type { SignerChange } from "../../../src/ports/signer.ts";
import { CONFIG, guideHost, key, OWNER } from "./guide-signer.ts";

/** As a guide for one domain prints it, among what Debian's file says besides. */
const ONE = `# This is a basic configuration
Syslog\t\tyes
#Selector\t2020
Domain                  example.com
KeyFile                 /etc/postfix/dkim.key   # the only one
Selector                mail
SOCKET                  inet:8891@localhost
UserID opendkim\r
OversignHeaders From`;

const turn: SignerChange = {
	domain: "example.com",
	from: "mail",
	to: { selector: "202612", keyPath: "/etc/dkimkeys/example.com/202612.private" },
};

function oneKeyHost(text = ONE, files: Readonly<Record<string, string>> = {}, swap?: "restart" | "reload") {
	const host = guideHost({ "/etc/opendkim.conf": text, ...files }, swap);
	host.sim.put("/etc/postfix/dkim.key", key.pem, 0o600, { uid: 0, gid: 0 });
	return host;
}

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("latin1");

test("the key that opendkim.conf names is the one in use, its file what a turn rewrites", async () => {
	const { signer } = oneKeyHost();
	const reading = await signer.read();
	expect(reading).toMatchObject({
		lines: [
			{
				domain: "example.com",
				selector: "mail",
				keyPath: "/etc/postfix/dkim.key",
				publicKey: key.spki,
				problem: null,
				signs: true,
			},
		],
		configuration: ["/etc/opendkim.conf"],
		notes: [],
	});
	expect(reading.files.map(({ path }) => path)).toEqual(["/etc/opendkim.conf"]);
});

test("a turn changes the two values that count, and no other byte", async () => {
	const { signer } = oneKeyHost();
	const [file, ...more] = signer.render(await signer.read(), [turn]);
	expect(more).toEqual([]);
	expect(text(file?.bytes)).toBe(
		ONE.replace("/etc/postfix/dkim.key", "/etc/dkimkeys/example.com/202612.private").replace(
			"mail\nSOCKET",
			"202612\nSOCKET",
		),
	);
});

test("of several values the last ones are changed", async () => {
	const { signer } = oneKeyHost(`KeyFile /old\nSelector old\n${ONE}`);
	expect(text(signer.render(await signer.read(), [turn])[0]?.bytes)).toContain(
		"KeyFile /old\nSelector old\n",
	);
});

test("where the key stands in an included file, that one is rewritten", async () => {
	const main = "UserID opendkim\nInclude /etc/opendkim.d/key.conf\nSocket inet:8891@localhost\n";
	const own = "Domain example.com\nKeyFile /etc/postfix/dkim.key\nSelector mail\n";
	const { signer } = oneKeyHost(main, { "/etc/opendkim.d/key.conf": own });
	const reading = await signer.read();
	expect(reading.configuration).toEqual(["/etc/opendkim.conf", "/etc/opendkim.d/key.conf"]);
	expect(reading.lines).toMatchObject([{ selector: "mail", problem: null }]);
	expect(signer.render(reading, [turn]).map((file) => [file.path, text(file.bytes)])).toEqual([
		[
			"/etc/opendkim.d/key.conf",
			"Domain example.com\nKeyFile /etc/dkimkeys/example.com/202612.private\nSelector 202612\n",
		],
	]);
});

test("signs offline with opendkim.conf as it is staged, its includes in place and no daemon's options", async () => {
	const main = "UserID opendkim\nInclude /etc/more.conf\nKeyFile /etc/postfix/dkim.key\nSelector mail\n";
	const { signer, sim, ran, given } = oneKeyHost(main, {
		"/etc/more.conf": "Canonicalization simple\nSocket local:/o\nDomain example.com",
	});
	sim.put("/etc/.staged", main.replace("mail", "202612"));
	const expectation = { domain: "example.com", selector: "202612", record: "" };
	const reading = await signer.read();
	await signer.signOffline(new Map([["/etc/opendkim.conf", "/etc/.staged"]]), [expectation], reading);
	expect(ran).toMatchObject([
		{ argv: ["/usr/sbin/opendkim", "-b", "s", "-x", "/etc/.staged.conf", "-t", "-"], owner: OWNER },
	]);
	expect(given[0]?.split("\n").filter(Boolean)).toEqual([
		"Canonicalization simple",
		"Domain example.com",
		"KeyFile /etc/postfix/dkim.key",
		"Selector 202612",
		"Background no",
	]);
	expect(sim.text("/etc/.staged.conf")).toBeNull();
});

test("a key that only root can read is good where root starts OpenDKIM, not where that reloads by itself", async () => {
	for (const [swap, why] of [
		["restart", null],
		["reload", "/etc/postfix/dkim.key cannot be read by opendkim"],
	] as const) {
		const { signer } = oneKeyHost(ONE, {}, swap);
		expect(await signer.unsafe("/etc/postfix/dkim.key", await signer.read())).toBe(why);
	}
});

test("with SubDomains mail from below is signed, too; there is no place for another domain", async () => {
	const { signer } = oneKeyHost(`${ONE}\nSubDomains yes\n`);
	expect((await signer.read()).notes).toEqual([]);
	expect([...(await signer.firstKeyFaults(["example.org"], new Set()))]).toEqual([
		[
			"example.org",
			"/etc/opendkim.conf names one key, that of example.com: there is no place for another. Use KeyTable and SigningTable",
		],
	]);
});

test.each([
	["a pattern", "Domain *.example.com", "expected the name of a domain"],
	["a relative path", "KeyFile dkim.key", "expected an absolute"],
])("%s: the line says why it is not turned", async (_, option, why) => {
	const { signer } = oneKeyHost(`${ONE}\n${option}\n`);
	const { lines } = await signer.read();
	expect(lines.length).toBeGreaterThan(0);
	for (const line of lines) expect(line).toMatchObject({ publicKey: null, signs: true });
	expect(lines[0]?.problem).toContain(why);
});

test("several domains sign with the one key: a line each, and one change for all of them", async () => {
	const both = ONE.replace(/^Domain.*$/m, "Domain example.com, Example.org");
	const { signer } = oneKeyHost(both);
	const reading = await signer.read();
	expect(reading.lines).toMatchObject([
		{ domain: "example.com", selector: "mail", entry: "KeyFile", problem: null, signs: true },
		{ domain: "example.org", selector: "mail", entry: "KeyFile", problem: null, signs: true },
	]);
	const [file] = signer.render(reading, [turn, { ...turn, domain: "example.org" }]);
	expect(Buffer.from(file?.bytes ?? []).toString()).toBe(
		both
			.replace(/(?<=^Selector\s+)mail$/m, turn.to?.selector ?? "")
			.replace("/etc/postfix/dkim.key", turn.to?.keyPath ?? ""),
	);
	expect(() => signer.render(reading, [turn])).toThrow("for all of example.com, example.org");
	const other = { ...turn, domain: "example.org", to: { selector: "other", keyPath: "/k" } };
	expect(() => signer.render(reading, [turn, other])).toThrow("for all of example.com, example.org");
});

test("Selector and KeyFile in two files are told: there is no one rename that changes both", async () => {
	const main = "Domain example.com\nSelector mail\nInclude /etc/key.conf\n";
	const { signer } = oneKeyHost(main, { "/etc/key.conf": "KeyFile /etc/postfix/dkim.key\n" });
	expect((await signer.read()).lines[0]?.problem).toContain("two files cannot be changed at once");
});

test.each(["Domain", "Selector", "KeyFile"])("half of it is refused: no %s", async (option) => {
	const { signer } = oneKeyHost(ONE.replace(new RegExp(`^${option}.*$`, "m"), ""));
	await expect(signer.read()).rejects.toMatchObject({
		code: "signer.config",
		message: expect.stringContaining("expected Domain, Selector and KeyFile together") as string,
	});
});

test.each<[string, readonly SignerChange[]]>([
	["taking the only key out", [{ domain: "example.com", from: "mail", to: null }]],
	["a first key", [{ ...turn, from: null }]],
	["another selector's turn", [{ ...turn, from: "other" }]],
	["two changes", [turn, { ...turn, domain: "example.org" }]],
	["a path that would end the value", [{ ...turn, to: { selector: "s", keyPath: "/a #b" } }]],
])("%s is refused", async (_, changes) => {
	const { signer } = oneKeyHost();
	const reading = await signer.read();
	expect(() => signer.render(reading, changes)).toThrow(
		expect.objectContaining({ code: "signer.config" }) as Error,
	);
});

test("beside a KeyTable the three options mean nothing, and that is noted", async () => {
	const { signer } = guideHost({ "/etc/opendkim.conf": `${CONFIG}Selector mail\n` });
	const reading = await signer.read();
	expect(reading.lines).toMatchObject([{ selector: "202610" }]);
	expect(reading.notes).toEqual(["selector in opendkim.conf has no effect beside KeyTable."]);
});
