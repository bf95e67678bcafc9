import { expect, test } from "vitest";
import { parseKeyFile } from "../../../providers/rfc2136/key-file.ts";
import { settingsSchema } from "../../../providers/rfc2136/settings.ts";

const SECRET = Buffer.from("a secret of the tests").toString("base64");
const PLAIN = `key "updater" {\n\talgorithm hmac-sha256;\n\tsecret "${SECRET}";\n};\n`;

test.each([
	["as tsig-keygen writes it", PLAIN],
	["without quotes, in one line", `key updater{algorithm hmac-sha256;secret ${SECRET};};`],
	["the other way round", `key "updater" { secret "${SECRET}"; algorithm "HMAC-SHA256"; };`],
	["with a final dot", `key "Updater." { algorithm hmac-sha256.; secret "${SECRET}"; };`],
	[
		"among comments of each kind",
		`# key "old" {\n/* secret "x";\n} */ ${PLAIN.replace(";", '; // key "b" { };')}# the end`,
	],
])("reads a key file %s", (_, text) => {
	const key = parseKeyFile(text, "/k");
	expect(key).toMatchObject({ name: "updater", algorithm: "hmac-sha256" });
	expect(Buffer.from(key.secret).toString()).toBe("a secret of the tests");
});

test.each([
	["nothing", ""],
	["something else", "root:x:0:0"],
	["two keys", PLAIN + PLAIN.replace("updater", "other")],
	["no secret", 'key "updater" { algorithm hmac-sha256; };'],
	["an algorithm of old", PLAIN.replace("hmac-sha256", "hmac-md5")],
	["no base64", PLAIN.replace(SECRET, "%%%%")],
	["a cut end", PLAIN.slice(0, -8)],
	["an open comment", `${PLAIN}/* and`],
	["a quote without end", PLAIN.replace(`${SECRET}"`, SECRET)],
])("declines a key file that holds %s, and tells no secret", (_, text) => {
	expect(() => parseKeyFile(text, "/k")).toThrow(/^\/k is no usable TSIG key: /);
	try {
		parseKeyFile(text, "/k");
	} catch (thrown) {
		expect(JSON.stringify(thrown) + String(thrown)).not.toContain(SECRET);
	}
});

test.each(["127.0.0.1:53", "[2001:db8::53]:5353"])("takes %s as a server", (server) => {
	expect(settingsSchema.safeParse({ server, keyfile: "/k" }).success).toBe(true);
});

test.each(["127.0.0.1", "ns1.example.test:53", "2001:db8::53:53", "127.0.0.1:0", "127.0.0.1:65536", ""])(
	"declines %j as a server",
	(server) => {
		expect(settingsSchema.safeParse({ server, keyfile: "/k" }).success).toBe(false);
	},
);

test("declines a secret written out, and a key given twice", () => {
	const server = "127.0.0.1:53";
	const key = { server, name: "k", algorithm: "hmac-sha256" };
	expect(settingsSchema.safeParse({ ...key, secret: { env: "TSIG" } }).success).toBe(true);
	expect(settingsSchema.safeParse({ ...key, secret: SECRET }).success).toBe(false);
	expect(settingsSchema.safeParse({ ...key, secret: { env: "TSIG" }, keyfile: "/k" }).success).toBe(false);
});
