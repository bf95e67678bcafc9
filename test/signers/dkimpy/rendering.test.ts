/** How the tables of a dkimpy-milter change that signs each message with keys of two algorithms. */

import { describe, expect, test } from "vitest";
import { hashOf } from "../../../src/durable.ts";
import type { SignerChange, SignerFile } from "../../../src/ports/signer.ts";
import { renderDkimpy } from "../../../src/signers/dkimpy/rendering.ts";

const file = (path: string, text: string) => {
	const bytes = Buffer.from(text);
	return { path, bytes, hash: hashOf(bytes) };
};
const FILES = [
	file("/keytable", "# rsa\nshop example.com:r1:/k/r1\n"),
	file("/signingtable", "*@example.com shop\n% shop\n"),
	file("/edtable", "shop example.com:e1:/k/e1\nexample.org example.net:e9:/k/e9\n"),
];
const RSA = "v=DKIM1;k=rsa;p=MIIB";
const ED25519 = "v=DKIM1;k=ed25519;p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

function first(selector: string, record: string, domain = "example.org"): SignerChange {
	return { domain, from: null, to: { selector, keyPath: `/k/${selector}`, record } };
}

function render(changes: readonly SignerChange[], files = FILES) {
	return renderDkimpy(files, changes).map(({ path, hashBefore, bytes }) => {
		expect(hashBefore).toBe(files.find((one) => one.path === path)?.hash);
		return [path, Buffer.from(bytes).toString()];
	});
}

describe("with a table for each algorithm", () => {
	test("first keys get one name in both, before a signing line names it", () => {
		const pair = [first("202612", RSA), first("202612b", ED25519)];
		const expected = [
			["/keytable", "# rsa\nshop example.com:r1:/k/r1\nexample.org-2 example.org:202612:/k/202612\n"],
			[
				"/edtable",
				"shop example.com:e1:/k/e1\nexample.org example.net:e9:/k/e9\nexample.org-2 example.org:202612b:/k/202612b\n",
			],
			["/signingtable", "*@example.com shop\n*@example.org example.org-2\n% shop\n"],
		];
		expect(render(pair)).toEqual(expected);
		expect(render(pair.toReversed())).toEqual(expected);
	});

	test("what stands already of first keys, of a switch that was interrupted, is completed in the same order", () => {
		const pair = [first("202612", RSA), first("202612b", ED25519)];
		const whole = render(pair).map(([path, text]) => file(path ?? "", text ?? ""));
		const [keys, beside, signing] = whole;
		const [ownKeys, ownSigning, ownBeside] = FILES;
		if (keys === undefined || beside === undefined || signing === undefined) throw new Error("three files");
		if (ownKeys === undefined || ownSigning === undefined || ownBeside === undefined)
			throw new Error("no files");
		const text = ({ path, bytes }: SignerFile) => [path, Buffer.from(bytes).toString()];
		expect(render(pair, [keys, ownSigning, ownBeside])).toEqual([text(beside), text(signing)]);
		expect(render(pair, [keys, ownSigning, beside])).toEqual([text(signing)]);
		expect(() => render(pair, [ownKeys, ownSigning, beside])).toThrow(
			"expected no line of example.org with 202612b, got one",
		);
	});

	test("keys taken out leave all three, the signing line first", () => {
		const gone = ["r1", "e1"].map((from): SignerChange => ({ domain: "example.com", from, to: null }));
		const files = [FILES[0], file("/signingtable", "*@example.com shop\n"), FILES[2]].filter(
			(one) => one !== undefined,
		);
		expect(render(gone, files)).toEqual([
			["/signingtable", ""],
			["/keytable", "# rsa\n"],
			["/edtable", "example.org example.net:e9:/k/e9\n"],
		]);
	});

	test.each([
		["a first key of one of them", [first("202612", RSA)]],
		["a first key of the other", [first("202612", ED25519)]],
		["first keys of one kind", [first("202612", RSA), first("202612b", RSA, "other.example")]],
		["one of both taken out", [{ domain: "example.com", from: "r1", to: null }]],
	])("refuses %s: its mail would be refused for want of the other", (_, changes) => {
		expect(() => render(changes)).toThrow(/come and go together/);
	});

	test("a turn of one leaves the other tables alone", () => {
		const to = { selector: "e2", keyPath: "/k/e2", record: ED25519 };
		expect(render([{ domain: "example.com", from: "e1", to }])).toEqual([
			["/edtable", "shop example.com:e2:/k/e2\nexample.org example.net:e9:/k/e9\n"],
		]);
	});
});

test("with one table a first key needs no other", () => {
	expect(render([first("202612", RSA)], FILES.slice(0, 2)).map(([path]) => path)).toEqual([
		"/keytable",
		"/signingtable",
	]);
});
