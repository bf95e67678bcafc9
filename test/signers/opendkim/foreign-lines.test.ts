import { expect, test } from "vitest";
import { findForeign } from "../../../src/signers/opendkim/foreign-lines.ts";
import { parseKeyTable } from "../../../src/signers/opendkim/key-table.ts";
import { createSigningTable } from "../../../src/signers/opendkim/signing-table.ts";
import { guideHost, key } from "./guide-signer.ts";

const KEYS =
	"news example.com:nl:/k/nl\nmain example.com:202610:/k/m\ntwo example.com:202610:/k/m\nother example.org:x:/k/x\n";

function foreignIn(signing: string, { keys = KEYS, isMultiple = false } = {}) {
	const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
	const tables = {
		entries: parseKeyTable(bytes(keys)),
		signing: createSigningTable("refile", bytes(signing), isMultiple),
	};
	return [...findForeign(tables).keys()].map((name) => name.split(" ")[0]);
}

test("the key of a domain's ordinary mail is turned, with every line of it; others are left alone", () => {
	expect(
		foreignIn("news@example.com news\n*@example.com main\n*@mail.example.com two\n*@example.org other\n"),
	).toEqual(["news"]);
});

test("of two that sign every message, the first", () => {
	expect(foreignIn("*@example.com main\n*@example.com news\n", { isMultiple: true })).toEqual(["news"]);
	expect(foreignIn("*@example.com news\n*@example.com main\n", { isMultiple: true })).toEqual(["main"]);
});

test("where no ordinary mail is signed, the first of the key table is the domain's own", () => {
	expect(foreignIn("a@example.com main\nb@example.com news\n")).toEqual(["main"]);
});

test("a line that nothing names stands in nobody's way", () => {
	expect(foreignIn("*@example.com main\n")).toEqual([]);
});

test("the reading says which and why", async () => {
	const { signer, sim } = guideHost({
		"/etc/opendkim/key.table": "news example.com:nl:/k/nl\nexample example.com:202610:/k/m\n",
		"/etc/opendkim/signing.table": "news@example.com news\n*@example.com example\n",
	});
	sim.put("/k/nl", key.pem);
	sim.put("/k/m", key.pem);
	expect((await signer.read()).lines).toMatchObject([
		{
			selector: "nl",
			publicKey: key.spki,
			signs: true,
			problem:
				"202610 signs the ordinary mail of example.com, and is the key that keyturn turns; this one is left alone",
		},
		{ selector: "202610", signs: true, problem: null },
	]);
});
