import { expect, onTestFinished, test, vi } from "vitest";
import {
	createSigningTable,
	entriesFor,
	isNamed,
	senderFor,
} from "../../../src/signers/opendkim/signing-table.ts";

function table(text: string, kind: "file" | "refile" = "refile", isMultiple = false) {
	return createSigningTable(kind, Buffer.from(text, "latin1"), isMultiple);
}

test.each([
	["refile", "*@example.com example", "keyturn-probe@example.com"],
	["refile", "news@example.com example", "news@example.com"],
	["refile", "*@*.example.com example", "keyturn-probe@probe.example.com"],
	["refile", "*@other.example example", "keyturn-probe@other.example"],
	["refile", "* example", "keyturn-probe@example.com"],
	["file", "example.com example", "keyturn-probe@example.com"],
	["file", ".example.com example", "keyturn-probe@probe.example.com"],
	["file", "news@example.com example", "news@example.com"],
	["file", "news@* example", "news@example.com"],
] as const)("finds an address for %s %s", (kind, line, sender) => {
	expect(senderFor(table(line, kind), "example", "example.com")).toBe(sender);
});

test("finds an address for a name that is the sender's domain", () => {
	const signing = table("*@example.org %\n*@*.net %");
	expect(senderFor(signing, "example.org", "d.example")).toBe("keyturn-probe@example.org");
	expect(isNamed(signing, "example.org")).toBe(true);
	expect(isNamed(signing, "example")).toBe(false);
});

test("an entry that an earlier line catches has none, unless all matches sign", () => {
	const text = "*@example.com first\n*@example.com second";
	expect(senderFor(table(text), "second", "example.com")).toBeNull();
	expect(senderFor(table(text, "refile", true), "second", "example.com")).toBe("keyturn-probe@example.com");
	expect(entriesFor(table(text, "refile", true), "a@example.com")).toEqual(["first", "second"]);
});

test("a narrower line after a broader one keeps its place in the order", () => {
	const signing = table("news@example.com news\n*@example.com all\n*@EXAMPLE.com late\n* any");
	expect(entriesFor(signing, "news@example.com")).toEqual(["news"]);
	expect(entriesFor(signing, "x@example.com")).toEqual(["all"]);
	expect(entriesFor(signing, "x@example.net")).toEqual(["any"]);
});

test("ten thousand domains are told apart by name: no pattern is tried", async () => {
	vi.resetModules();
	vi.doMock("../../../src/signers/opendkim/address-pattern.ts", { spy: true });
	onTestFinished(() => {
		vi.doUnmock("../../../src/signers/opendkim/address-pattern.ts");
		vi.resetModules();
	});
	const { readPattern } = await import("../../../src/signers/opendkim/address-pattern.ts");
	const watched = await import("../../../src/signers/opendkim/signing-table.ts");
	const watchedTable = (text: string) => watched.createSigningTable("refile", Buffer.from(text), false);
	const count = 10_000;
	const lines = Array.from({ length: count }, (_, index) => `*@d${index}.example e${index}`);
	const signing = watchedTable(lines.join("\n"));
	for (let index = 0; index < count; index++)
		expect(watched.senderFor(signing, `e${index}`, `d${index}.example`)).toBe(
			`keyturn-probe@d${index}.example`,
		);
	expect(readPattern).not.toHaveBeenCalled();
	watchedTable("*@a*.example a");
	expect(readPattern).toHaveBeenCalled();
});

test("a line that begins with a blank is none in a table of patterns", () => {
	expect(entriesFor(table(" *@example.com a\n* b"), "x@example.com")).toEqual(["b"]);
	const plain = createSigningTable("file", Buffer.from("\texample.com a\n"), false);
	expect(entriesFor(plain, "x@example.com")).toEqual(["a"]);
});

test("the sender's domain as a name is one in lower case", () => {
	expect(entriesFor(table("*@example.com %\n"), "x@EXAMPLE.com")).toEqual(["example.com"]);
});

test("a line of which is not known what it matches leaves open what stands behind it", () => {
	expect(entriesFor(table("*@(a|b).example a\n* b"), "x@example.com")).toEqual([]);
	expect(entriesFor(table("x@example.com c\n*@(a|b).example a\n* b"), "x@example.com")).toEqual(["c"]);
});
