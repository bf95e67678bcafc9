import { describe, expect, test } from "vitest";
import { hasAnotherKey, remnantOf } from "../../src/publishing/remnant.ts";
import { OF_ANOTHER_HOST } from "../fakes/lying-provider.ts";

const KEY = Buffer.from(Array.from({ length: 294 }, (_, index) => (index * 151) % 256)).toString("base64");
const SENT = `v=DKIM1;k=rsa;p=${KEY}`;

describe("what a provider made of a key record", () => {
	test.each([
		["cut at 255 octets", [SENT.slice(0, 255)]],
		["cut at the first semicolon", ["v=DKIM1"]],
		["its last string alone", [SENT.slice(255)]],
		["with blanks between its tags", [SENT.replaceAll(";", "; ")]],
		["with escapes that are octets of it now", [SENT.replaceAll(";", "\\;")]],
		["with escapes by number", [SENT.replaceAll(";", "\\059")]],
		["with quotes that are octets of it now", [`\\"${SENT}\\"`]],
		["twice in one value", [SENT + SENT]],
		["a record for each tag", SENT.split(";")],
	])("is known: %s", (_, values) => {
		expect(remnantOf(SENT, values)).toBe(values[0]);
	});

	test.each([
		["nothing", []],
		["another key", [`v=DKIM1;k=rsa;p=${KEY.replace("A", "B")}`]],
		["a key in letters of another case", [SENT.toLowerCase()]],
		["something of its own", ["google-site-verification=1"]],
		["nothing but blanks", [" "]],
		["a record that was emptied", ["v=DKIM1;k=rsa;p="]],
		["a piece beside something else", ["v=DKIM1", "google-site-verification=1"]],
	])("is not taken for that: %s", (_, values) => {
		expect(remnantOf(SENT, values)).toBeNull();
	});
});

test("a key that is whole is another's, and what was made of one's own is not", () => {
	expect(hasAnotherKey(SENT, OF_ANOTHER_HOST)).toBe(true);
	for (const made of [OF_ANOTHER_HOST.replaceAll(";", "; "), OF_ANOTHER_HOST.toLowerCase()])
		expect(hasAnotherKey(OF_ANOTHER_HOST, made)).toBe(false);
	expect(hasAnotherKey(SENT, OF_ANOTHER_HOST.slice(0, 200))).toBe(false);
});
