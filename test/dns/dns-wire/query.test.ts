import { decode } from "dns-packet";
import { expect, test } from "vitest";
import { encodeQuery } from "../../../src/dns/dns-wire/query.ts";
import type { Question } from "../../../src/ports/resolver.ts";

const QUESTION: Question = { name: "s._domainkey.example.test", type: "TXT", recursive: false, dnssec: true };

function decodeQuery(question: Question, edns: boolean): ReturnType<typeof decode> {
	const bytes = encodeQuery(question, { id: 0xbeef, edns });
	if (bytes === null) throw new Error("no query");
	return decode(Buffer.from(bytes));
}

test("a question to a name server: no recursion, EDNS with 1232 octets, DO", () => {
	const packet = decodeQuery(QUESTION, true);
	expect(packet).toMatchObject({ type: "query", id: 0xbeef, flag_rd: false, flag_cd: false });
	expect(packet.questions).toEqual([{ name: QUESTION.name, type: "TXT", class: "IN" }]);
	expect(packet.additionals).toMatchObject([{ type: "OPT", udpPayloadSize: 1232, flag_do: true }]);
});

test("a question to a resolver sets RD; without EDNS there is no OPT", () => {
	const packet = decodeQuery({ ...QUESTION, recursive: true, dnssec: false }, false);
	expect(packet.flag_rd).toBe(true);
	expect(packet.additionals).toEqual([]);
});

test("the root can be asked for", () => {
	expect(decodeQuery({ ...QUESTION, name: "", type: "NS" }, true).questions?.[0]?.name).toBe(".");
});

test.each([
	"a..b",
	"a".repeat(64),
	`${"a.".repeat(127)}b`,
	"with space.test",
	"umlaut-ü.test",
	".test",
	"a\0b",
])("%j is no name to ask for", (name) => {
	expect(encodeQuery({ ...QUESTION, name }, { id: 1, edns: true })).toBeNull();
});
