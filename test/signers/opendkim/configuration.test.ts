import { expect, test } from "vitest";
import {
	isYes,
	offlineConfiguration,
	optionLines,
	parseDataset,
	parseSocket,
	valuesOf,
} from "../../../src/signers/opendkim/configuration.ts";
import { isLoopbackInternal } from "../../../src/signers/opendkim/internal-hosts.ts";
import { settingsSchema } from "../../../src/signers/opendkim/settings.ts";

test("keys in any case, comments and CR cut, the last one counts", () => {
	const text = "KEYTABLE /a\r\n# keytable /b\n keyTable\t /c d  # why\n\nUserID opendkim#x\n";
	const lines = optionLines(text);
	expect([...valuesOf(lines)]).toEqual([
		["keytable", "/c d"],
		["userid", "opendkim"],
	]);
	expect(lines.map(({ value, valueAt }) => text.slice(valueAt, valueAt + value.length))).toEqual([
		"/a",
		"/c d",
		"opendkim",
	]);
});

test.each([
	["/etc/key.table", "file", "/etc/key.table"],
	["file:/etc/key.table", "file", "/etc/key.table"],
	["REFILE:/etc/st", "refile", "/etc/st"],
	["csl:a=b", "csl", "a=b"],
	["a,b:c", "csl", "a,b:c"],
	["127.0.0.1", "csl", "127.0.0.1"],
	["/etc/keys.db", "db", "/etc/keys.db"],
	["dsn:pgsql://x", "dsn", "pgsql://x"],
	["/etc/odd:name", "/etc/odd", "name"],
])("the data set %s is of the kind %s", (value, kind, path) => {
	expect(parseDataset(value)).toEqual({ kind, path });
});

test.each([
	["inet:8891@localhost", { kind: "inet", host: "localhost", port: 8891 }],
	["inet:8891@127.0.0.1", { kind: "inet", host: "127.0.0.1", port: 8891 }],
	["inet:8891", { kind: "inet", host: "127.0.0.1", port: 8891, isOnEveryAddress: true }],
	["inet:8891@0.0.0.0", { kind: "inet", host: "127.0.0.1", port: 8891, isOnEveryAddress: true }],
	["inet6:8891@[::1]", { kind: "inet", host: "::1", port: 8891 }],
	["inet6:8891", { kind: "inet", host: "::1", port: 8891, isOnEveryAddress: true }],
	["local:/run/o.sock", { kind: "unix", path: "/run/o.sock" }],
	["unix:/run/o.sock", { kind: "unix", path: "/run/o.sock" }],
	["/run/o.sock", { kind: "unix", path: "/run/o.sock" }],
])("the socket %s", (value, target) => {
	expect(parseSocket(value)).toEqual(target);
});

test("a socket that is none is refused", () => {
	expect(() => parseSocket("localhost:8891")).toThrow("expected inet:port@host or local:/path");
});

test("the first letter says yes or no", () => {
	expect(["yes", "True", "1", "no", "false", "0"].map((value) => isYes(value, false))).toEqual([
		true,
		true,
		true,
		false,
		false,
		false,
	]);
	expect([isYes(undefined, true), isYes(undefined, false)]).toEqual([true, false]);
});

test("offline, the signing options stay, the tables are the staged ones; what needs root or a daemon goes", () => {
	const text =
		"KeyTable /live\nSigningTable refile:/st\nUserID opendkim\nSyslog yes\nSocket inet:1@x\nCanonicalization simple\n";
	const staged = { keyTable: "file:/live.staged", signingTable: "refile:/st.staged" };
	expect(offlineConfiguration(text, staged).split("\n").filter(Boolean)).toEqual([
		"Canonicalization simple",
		"Background no",
		"KeyTable file:/live.staged",
		"SigningTable refile:/st.staged",
	]);
});

test.each([
	[["127.0.0.1"], true],
	[["10.0.0.0/8", "127.0.0.0/8"], true],
	[["0.0.0.0/0"], true],
	[["localhost", "::1"], true],
	[["127.0.0.2", "mail.example.com"], false],
	[["128.0.0.0/2"], false],
	[["127.0.0.0/8", "!127.0.0.1"], false],
	[[], false],
])("loopback among the internal hosts %j: %s", (hosts, isInternal) => {
	expect(isLoopbackInternal(hosts)).toBe(isInternal);
});

test("settings: defaults filled in, paths that a table cannot hold refused", () => {
	expect(settingsSchema.parse({ keys: "/etc/opendkim/keys" })).toEqual({
		config: "/etc/opendkim.conf",
		keys: "/etc/opendkim/keys",
		program: "/usr/sbin/opendkim",
	});
	for (const keys of ["keys", "/a b", "/a#", "/a%", "/a/", "/"])
		expect(settingsSchema.safeParse({ keys }).success).toBe(false);
	expect(settingsSchema.safeParse({ keys: "/k", key: "/x" }).success).toBe(false);
});
