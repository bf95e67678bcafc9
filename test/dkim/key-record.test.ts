import { describe, expect, it } from "vitest";
import {
	carriedTags,
	formatKeyRecord,
	isRevokedRecord,
	type KeyRecord,
	parseKeyRecord,
	refusedTags,
	revokedRecord,
} from "../../src/dkim/key-record.ts";

const plain: KeyRecord = { algorithm: "rsa", publicKey: "AAAA" };

function read(value: string): KeyRecord {
	const parsed = parseKeyRecord(value);
	if (parsed.kind !== "record") throw new Error(parsed.why);
	return parsed.record;
}

describe("a key record is read", () => {
	it.each<[string, string, KeyRecord]>([
		["with p= alone, as RSA", "p=AAAA", plain],
		["with a semicolon at the end", "v=DKIM1; k=ed25519; p=AAAA;", { ...plain, algorithm: "ed25519" }],
		["with blanks after the last semicolon", "p=AAAA; \t", plain],
		["with white space around names and values", " v = DKIM1 ;\r\n\tk\t= rsa ;p =AAAA ", plain],
		["with white space inside the key", "p=AA AA\r\n\tBB  CC", { ...plain, publicKey: "AAAABBCC" }],
		["without a key, as revoked", "v=DKIM1; p=", { ...plain, publicKey: "" }],
		["with tags that nobody knows", "v=DKIM1; g=*; x_1=y; p=AAAA", plain],
		["with an equals sign in a value", "p=AA==", { ...plain, publicKey: "AA==" }],
		["with a line break in a value", "n=one\ntwo; p=AAAA", { ...plain, notes: "one\ntwo" }],
		[
			"with every tag",
			"v=DKIM1; h=sha1 : sha256; s=email:*; t= y : s; n=a note; p=AAAA",
			{ ...plain, hash: ["sha1", "sha256"], service: ["email", "*"], flags: ["y", "s"], notes: "a note" },
		],
	])("%s", (_what, value, record) => {
		expect(parseKeyRecord(value)).toStrictEqual({ kind: "record", record });
	});

	it("up to the limits of tags and length", () => {
		const tags = (count: number) =>
			`p=AAAA${Array.from({ length: count - 1 }, (_, at) => `;x${at}=`).join("")}`;
		expect(parseKeyRecord(tags(64)).kind).toBe("record");
		expect(parseKeyRecord(tags(65))).toEqual({ kind: "unreadable", why: "too many tags" });
		expect(parseKeyRecord(`p=${"A".repeat(65_533)}`).kind).toBe("record");
		expect(parseKeyRecord(`p=${"A".repeat(65_534)}`)).toEqual({ kind: "unreadable", why: "too many tags" });
	});
});

describe("no key record is", () => {
	it.each([
		["an empty text", "", "it has no p="],
		["one without p=", "v=DKIM1; k=rsa", "it has no p="],
		["a text without tags", " just text ; p=AAAA", '"just text" is no tag=value'],
		["an empty tag between others", "v=DKIM1;;p=AAAA", '"" is no tag=value'],
		["a tag that starts with a digit", "1p=AAAA", '"1p=AAAA" is no tag=value'],
		["a tag with a hyphen", "a-b=c; p=AAAA", '"a-b=c" is no tag=value'],
		["a tag with white space in its name", "p p=AAAA", '"p p=AAAA" is no tag=value'],
		["a tag that stands twice", "p=AAAA; p=BBBB", "the tag p= stands twice"],
		["one whose version is not first", "p=AAAA; v=DKIM1", "v= is not the first tag"],
		["one of another version", "v=spf1; p=AAAA", "v=spf1 is not DKIM1"],
		["one whose version is written in lower case", "v=dkim1; p=AAAA", "v=dkim1 is not DKIM1"],
		["a long version", `v=${"x".repeat(50)}; p=AAAA`, `v=${"x".repeat(40)}… is not DKIM1`],
		["a no-break space", "v=DKIM1;p=QU\u00a0JD", "it has a character that is not plain ASCII: U+00A0"],
		["a control character", "v=DKIM1;n=\u001b;p=QUJD", "it has a character that is not plain ASCII: U+001B"],
		[
			"a character beyond 16 bits",
			"v=DKIM1;n=\u{1f600};p=",
			"it has a character that is not plain ASCII: U+1F600",
		],
		["a long text", "x".repeat(50), `"${"x".repeat(40)}…" is no tag=value`],
	])("%s", (_what, value, why) => {
		expect(parseKeyRecord(value)).toEqual({ kind: "unreadable", why });
	});
});

describe("a key record is written", () => {
	it("without blanks, the key last, and without what is empty", () => {
		expect(formatKeyRecord(plain)).toBe("v=DKIM1;k=rsa;p=AAAA");
		expect(formatKeyRecord({ ...plain, hash: [], service: [], flags: [], notes: "" })).toBe(
			"v=DKIM1;k=rsa;p=AAAA",
		);
	});

	it("so that it is read as the same", () => {
		const full: KeyRecord = {
			algorithm: "ed25519",
			publicKey: "AAAA",
			hash: ["sha1", "sha256"],
			service: ["email", "other"],
			flags: ["s", "y"],
			notes: "kept",
		};
		expect(formatKeyRecord(full)).toBe("v=DKIM1;h=sha1:sha256;k=ed25519;s=email:other;t=s:y;n=kept;p=AAAA");
		expect(read(formatKeyRecord(full))).toEqual(full);
	});
});

describe("the successor of a record", () => {
	it("carries its tags on, but neither testing nor sha1", () => {
		expect(
			carriedTags({ hash: ["sha1", "sha256"], service: ["email"], flags: ["y", "s"], notes: "kept" }),
		).toStrictEqual({ hash: ["sha256"], service: ["email"], flags: ["s"], notes: "kept" });
	});

	it("has no tag of which nothing is left, or that was not there", () => {
		expect(carriedTags({ hash: ["sha1"], flags: ["y"] })).toStrictEqual({});
		expect(carriedTags({})).toStrictEqual({});
	});

	it("names a hash as the standard does where it was named after an algorithm", () => {
		expect(carriedTags({ hash: ["rsa-sha1", "rsa-sha256"] })).toStrictEqual({ hash: ["sha256"] });
		expect(carriedTags({ hash: ["x-rsa-sha256"] })).toStrictEqual({ hash: ["x-rsa-sha256"] });
	});
});

describe("a verifier refuses", () => {
	it.each<[string, Partial<KeyRecord>, string]>([
		["another algorithm", { algorithm: "ed25519" }, "k=ed25519, expected k=rsa"],
		["a record for other hashes", { hash: ["sha1", "sha512"] }, "h=sha1:sha512 does not allow sha256"],
		["a record for other services", { service: ["tlsrpt", "x"] }, "s=tlsrpt:x does not allow email"],
	])("%s", (_what, changes, why) => {
		expect(refusedTags({ ...plain, ...changes }, "rsa")).toBe(why);
	});

	it.each<[string, Partial<KeyRecord>]>([
		["nothing about plain tags", {}],
		["no record that allows sha256 among others", { hash: ["sha1", "sha256"] }],
		["no record for mail", { service: ["other", "email"] }],
		["no record for everything", { service: ["other", "*"] }],
	])("%s", (_what, changes) => {
		expect(refusedTags({ ...plain, ...changes }, "rsa")).toBeNull();
	});
});

describe("a revoked record", () => {
	it("has an empty key of the same algorithm and no other tag, and says so", () => {
		const ed25519 = "v=DKIM1; h=sha256; k=ed25519; t=s; n=ours; p=AAAA";
		expect(revokedRecord(ed25519)).toBe("v=DKIM1;k=ed25519;p=");
		expect(revokedRecord("p=AAAA")).toBe("v=DKIM1;k=rsa;p=");
		expect(revokedRecord("no record")).toBe("v=DKIM1;k=rsa;p=");
		expect(isRevokedRecord(revokedRecord(ed25519))).toBe(true);
	});

	it("is told from one with a key, and from what is no record", () => {
		expect(isRevokedRecord("v=DKIM1; p= ;")).toBe(true);
		expect(isRevokedRecord("v=DKIM1; p=AAAA")).toBe(false);
		for (const none of ["", "v=DKIM1", "p=;p="]) expect(isRevokedRecord(none), none).toBe(false);
	});
});
