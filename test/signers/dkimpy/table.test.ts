import { describe, expect, test } from "vitest";
import type { Disk } from "../../../src/ports/disk.ts";
import { readDkimpy } from "../../../src/signers/dkimpy/configuration.ts";
import { DKIMPY_TABLE, isCaught, labelIn } from "../../../src/signers/dkimpy/table.ts";

describe("dkimpy-milter's KeyTable", () => {
	test.each(["", "# shop example.com:1:/k", "shop", "shop example.com:1:/k # ours"])(
		"has no key in: %s",
		(line) => {
			expect(DKIMPY_TABLE.parse(line)).toBeNull();
		},
	);

	test.each([
		"shop example.com:202610",
		"shop %:202610:/k",
		"shop example.com:202610:k",
		"shop a.example:1:/k:/l",
	])("cannot be turned in: %s", (line) => {
		expect(DKIMPY_TABLE.parse(line)?.problem).not.toBeNull();
	});

	test("is changed in selector and path only", () => {
		const line = "  shop\tExample.com:202610:/keys/a \r";
		expect(DKIMPY_TABLE.parse(line)).toEqual({
			label: "shop",
			domain: "example.com",
			selector: "202610",
			path: "/keys/a",
			problem: null,
		});
		expect(DKIMPY_TABLE.turn(line, { selector: "202611", keyPath: "/keys/b" })).toBe(
			"  shop\tExample.com:202611:/keys/b \r",
		);
	});
});

describe("dkimpy-milter.conf", () => {
	const reading = async (text: string) => {
		const disk = { read: async () => Promise.resolve(Buffer.from(text)) } as unknown as Disk;
		return readDkimpy(disk, "/etc/dkimpy-milter/dkimpy-milter.conf");
	};
	const tables = "KeyTable /k # ours\nSigningTable refile:/s\n";

	test("names tables, user and socket", async () => {
		expect(
			await reading(`${tables}Socket inet:8892@127.0.0.1\nUserID a:b\nKeyTableEd25519 file:/e\n`),
		).toEqual({
			keyTable: "/k",
			signingTable: "/s",
			user: "a:b",
			socket: { kind: "inet", host: "127.0.0.1", port: 8892 },
			keyTableEd25519: "/e",
		});
	});

	test.each([
		[tables, "has no Socket"],
		["Socket inet:8892@127.0.0.1\nKeyFile /k\nSelector s\nDomain example.com\n", "KeyTable: expected a file"],
		["Socket inet:8892@127.0.0.1\nKeyTable csl:a\nSigningTable /s\n", "KeyTable: expected a file, got csl:a"],
	])("is refused: %s", async (text, why) => {
		await expect(reading(text)).rejects.toThrow(why);
	});
});

test.each([
	["%", true],
	["a@example.com", true],
	["*@example.com", true],
	["*example.com", true],
	["*", false],
	["b@example.com", false],
	["*@example.org", false],
	["a*@*", false],
])("dkimpy-milter's SigningTable catches a@example.com with %s: %s", (pattern, caught) => {
	expect(isCaught(pattern, "a@example.com")).toBe(caught);
});

test("the label is the last part of a line of the SigningTable", () => {
	expect(labelIn("shop")).toBe("shop");
	expect(labelIn("@example.com:shop")).toBe("shop");
});
