import { describe, expect, test } from "vitest";
import { hashOf } from "../../../src/durable.ts";
import type { SignerChange, SignerFile } from "../../../src/ports/signer.ts";
import {
	firstLineFaults,
	renderTwoTables,
	signingRows,
} from "../../../src/signers/one-table/signing-lines.ts";
import { isCaught, LABELLED_KEYS } from "../../../src/signers/one-table/labelled-keys.ts";

const KEYS =
	"# keys\nmail example.com:202610:/keys/mail.private # ours\nexample.net other.example:x:/keys/x\n";
const SIGNING = "*@example.com mail\n# all else\n*@*.example mail\n";

describe("a signing table beside a key table", () => {
	test("is not touched by a turn", () => {
		const files = render([change("example.com", "202610", "202611")]);
		expect(files).toEqual([
			["/keys.table", KEYS.replace("202610:/keys/mail.private", "202611:/new/202611.private")],
		]);
	});

	test("gets a first key's line last, before a pattern that would catch its mail", () => {
		expect(render([change("shop.example", null, "202611")])).toEqual([
			["/keys.table", `${KEYS}shop.example shop.example:202611:/new/202611.private\n`],
			["/signing.table", SIGNING.replace("*@*.example", "*@shop.example shop.example\n*@*.example")],
		]);
	});

	test("names a first key otherwise where a line has the domain's name", () => {
		const [keys, signing] = render([change("example.net", null, "202611")]);
		expect(keys?.[1]).toContain("\nexample.net-2 example.net:202611:/new/202611.private\n");
		expect(signing?.[1]).toContain("*@example.net example.net-2\n");
	});

	test("loses every line of a key that is taken out first", () => {
		expect(render([change("example.com", "202610", null)])).toEqual([
			["/signing.table", "# all else\n"],
			["/keys.table", "# keys\nexample.net other.example:x:/keys/x\n"],
		]);
	});

	test("loses the lines of every name that the key had", () => {
		const two = render([change("example.com", "202610", null)], {
			keys: `${KEYS}news example.com:202610:/keys/mail.private\n`,
			signing: `news@example.com news\n${SIGNING}`,
		});
		expect(two.map(([, text]) => text)).toEqual([
			"# all else\n",
			"# keys\nexample.net other.example:x:/keys/x\n",
		]);
	});

	test("keeps a key whose mail a line for whoever sends would give to what is gone", () => {
		const given = { keys: "example.com example.com:1:/k\n", signing: "* %\n" };
		expect(() => render([change("example.com", "1", null)], given)).toThrow(
			"example.com: without the key, the line * % of the signing table would give its mail to example.com, which the key table lacks",
		);
		expect(render([change("example.com", "1", null)], { ...given, passesUnnamed: true })).toEqual([
			["/keys.table", ""],
		]);
	});

	test("has no place for a key of mail that a line catches already", () => {
		const tables = { signing: file("/signing.table", SIGNING), isCaught };
		const faults = (mayStandBefore: boolean) =>
			firstLineFaults(tables, ["shop.example", "free.test"], () => mayStandBefore);
		expect([...faults(false).keys()]).toEqual(["shop.example"]);
		expect(faults(false).get("shop.example")).toContain("*@*.example mail");
		expect(faults(true).size).toBe(0);
	});

	test("gets the line of a first key whose row stands already, half of a switch that was interrupted", () => {
		const [first] = render([change("new.test", null, "s1")]);
		const half = first?.[1] ?? "";
		expect(half).toContain("new.test:s1:/new/s1.private");
		expect(render([change("new.test", null, "s1")], { keys: half })).toEqual([
			["/signing.table", render([change("new.test", null, "s1")])[1]?.[1]],
		]);
		expect(() =>
			render([change("new.test", null, "s1")], { keys: half.replace("/new/s1", "/old/s1") }),
		).toThrow("expected no line of new.test with s1, got one");
	});

	test("loses the row that is left of a key which none of its lines names", () => {
		const keys = `${KEYS}left left.test:s1:/old/left\n`;
		expect(render([change("left.test", "s1", null)], { keys })).toEqual([["/keys.table", KEYS]]);
	});

	test("has lines of two words only, and comments", () => {
		const bytes = Buffer.from("a b\n#c d\n\ne f # g\nh i j\n k  l:i=x \n");
		expect(signingRows(bytes)).toEqual([
			{ pattern: "a", label: "b" },
			{ pattern: "e", label: "f" },
			{ pattern: "k", label: "l" },
		]);
	});
});

function render(
	changes: readonly SignerChange[],
	{ keys = KEYS, signing = SIGNING, passesUnnamed = false } = {},
): readonly (readonly [string, string])[] {
	const tables = {
		keys: file("/keys.table", keys),
		signing: file("/signing.table", signing),
		format: LABELLED_KEYS,
		isCaught,
		passesUnnamed,
	};
	return renderTwoTables(tables, changes).map(({ path, bytes }) => [path, Buffer.from(bytes).toString()]);
}

function file(path: string, text: string): SignerFile {
	return { path, bytes: Buffer.from(text), hash: hashOf(Buffer.from(text)) };
}

function change(domain: string, from: string | null, selector: string | null): SignerChange {
	return {
		domain,
		from,
		to: selector === null ? null : { selector, keyPath: `/new/${selector}.private` },
	};
}
