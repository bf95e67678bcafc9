/** Our reader of key records against two verifiers: OpenDKIM's (by opendkim-testkey) and mailauth. */

import { spawnSync } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { describe, expect, onTestFinished, test } from "vitest";
import { publicHalf, recordKey } from "../../../src/dkim/key-material.ts";
import { parseKeyRecord, refusedTags } from "../../../src/dkim/key-record.ts";
import { quoteTxt } from "../../../src/dkim/txt-strings.ts";
import { createMailVerifier } from "../../../src/system/mail-verifier.ts";
import { startBind } from "../bind.ts";
import { makeKey } from "../opendkim/opendkim-host.ts";
import { makeDirectory, removeDirectory } from "../program.ts";
import { mayRunTestkey, TESTKEY } from "./programs.ts";

const DOMAIN = "example.com";
const key = makeKey();
const P = base64Of(key.record);
const OTHER = base64Of(makeKey().record);

/** One of each oddity. */
const NAMED: readonly (readonly [what: string, record: string])[] = [
	["as we write it", `v=DKIM1;k=rsa;p=${P}`],
	["blanks", `v=DKIM1 ; k = rsa ;\tp = ${P} ;`],
	["blanks in front and behind", `  v=DKIM1; p=${P}  `],
	["blanks in p=", `v=DKIM1; p=${P.slice(0, 100)} ${P.slice(100, 200)}\t${P.slice(200)}`],
	["a no-break space in p=", `v=DKIM1; p=${P.slice(0, 100)}\u00a0${P.slice(100)}`],
	["a line end in p=", `v=DKIM1; p=${P.slice(0, 100)}\r\n ${P.slice(100)}`],
	["no v=", `k=rsa; p=${P}`],
	["p= alone", `p=${P}`],
	["v= not first", `k=rsa; v=DKIM1; p=${P}`],
	["v=DKIM2", `v=DKIM2; p=${P}`],
	["v=dkim1", `v=dkim1; p=${P}`],
	["v= empty", `v=; p=${P}`],
	["V=", `V=DKIM1; p=${P}`],
	["P=", `v=DKIM1; P=${P}`],
	["no p=", "v=DKIM1; k=rsa"],
	["p= empty", "v=DKIM1; p="],
	["p= of another key", `v=DKIM1; p=${OTHER}`],
	["p= cut short", `v=DKIM1; p=${P.slice(0, -40)}`],
	["p= without its padding", `v=DKIM1; p=${P.replace(/=+$/, "")}`],
	["p= with padding too much", `v=DKIM1; p=${P}==`],
	["p= with a character that is no base64", `v=DKIM1; p=${P.slice(0, 50)}!${P.slice(50)}`],
	["p= in base64url", `v=DKIM1; p=${P.replaceAll("+", "-").replaceAll("/", "_")}`],
	["p= twice", `v=DKIM1; p=${P}; p=${P}`],
	["p= twice, the first of another key", `v=DKIM1; p=${OTHER}; p=${P}`],
	["k= twice", `v=DKIM1; k=rsa; k=rsa; p=${P}`],
	["k= empty", `v=DKIM1; k=; p=${P}`],
	["k=RSA", `v=DKIM1; k=RSA; p=${P}`],
	["k=ed25519", `v=DKIM1; k=ed25519; p=${P}`],
	["k= unknown", `v=DKIM1; k=x; p=${P}`],
	["h=sha256", `v=DKIM1; h=sha256; p=${P}`],
	["h=sha1", `v=DKIM1; h=sha1; p=${P}`],
	["h=sha1:sha256", `v=DKIM1; h=sha1 : sha256; p=${P}`],
	["h=rsa-sha256, as guides have it", `v=DKIM1; h=rsa-sha256; p=${P}`],
	["h= unknown", `v=DKIM1; h=md5; p=${P}`],
	["h= empty", `v=DKIM1; h=; p=${P}`],
	["s=email", `v=DKIM1; s=email; p=${P}`],
	["s=*", `v=DKIM1; s=*; p=${P}`],
	["s=tlsrpt", `v=DKIM1; s=tlsrpt; p=${P}`],
	["s=tlsrpt:email", `v=DKIM1; s=tlsrpt:email; p=${P}`],
	["s= empty", `v=DKIM1; s=; p=${P}`],
	["t=y", `v=DKIM1; t=y; p=${P}`],
	["t=s", `v=DKIM1; t=s; p=${P}`],
	["t= unknown", `v=DKIM1; t=z:y; p=${P}`],
	["n=", `v=DKIM1; n=a note, with: marks?; p=${P}`],
	["an open parenthesis in n=", `v=DKIM1; n=a(b; p=${P}`],
	["a backslash in n=", `v=DKIM1; n=a\\b; p=${P}`],
	["g=*", `v=DKIM1; g=*; p=${P}`],
	["g= empty", `v=DKIM1; g=; p=${P}`],
	["g=somebody", `v=DKIM1; g=somebody; p=${P}`],
	["an unknown tag", `v=DKIM1; x-y=1; p=${P}`],
	["an unknown tag with a letter and digits", `v=DKIM1; z9=1; p=${P}`],
	["a tag without a value", `v=DKIM1; x; p=${P}`],
	["an empty tag", `v=DKIM1;; p=${P}`],
	["a semicolon in front", `;v=DKIM1; p=${P}`],
	["two semicolons at the end", `v=DKIM1; p=${P};;`],
	["an octet beyond ASCII in n=", `v=DKIM1; n=schön; p=${P}`],
	["a control character in n=", `v=DKIM1; n=a\u0001b; p=${P}`],
	["nothing", ""],
	["another record", "v=spf1 -all"],
	["quotes around all", `"v=DKIM1; p=${P}"`],
];

/** What we refuse though one of the two takes it, and why. */
const STRICTER: ReadonlyMap<string, string> = new Map([
	["v= not first", "RFC 6376 section 3.6.1: first, or not at all"],
	["v=dkim1", "the same: DKIM1, in this case"],
	["P=", "section 3.2: names of tags are case-sensitive"],
	["p= with padding too much", "padding makes a multiple of four"],
	["p= with a character that is no base64", "OpenDKIM passes over it, mailauth does not"],
	["p= twice", "section 3.2: no tag stands twice"],
	["p= twice, the first of another key", "the same"],
	["k= twice", "the same"],
	["k=RSA", "section 3.2: values are case-sensitive"],
	["k=ed25519", "opendkim-testkey does not look at k="],
	["h=sha1", "section 6.1.2: the hash of the signature has to be listed; neither looks"],
	["h=rsa-sha256, as guides have it", "no hash, and OpenDKIM refuses it"],
	["h= unknown", "mailauth does not look at h="],
	["h= empty", "the same"],
	["s=tlsrpt", "section 3.6.1: a key for another service; mailauth does not look"],
	["s= empty", "the same"],
	["an unknown tag", "section 3.2: no hyphen in the name of a tag"],
	["a tag without a value", "section 3.2, and OpenDKIM refuses it"],
	["an empty tag", "the same"],
	["a semicolon in front", "the same"],
	["two semicolons at the end", "the same"],
	["a no-break space in p=", "section 2.8: white space is blank, tab and line end; OpenDKIM refuses it"],
	["an octet beyond ASCII in n=", "section 3.2, and OpenDKIM refuses it"],
	["a control character in n=", "the same"],
]);
/** What we take though one of the two refuses it. */
const LAXER: ReadonlyMap<string, string> = new Map([
	["an open parenthesis in n=", "mailauth takes it for a comment; keyturn.yaml does not let it in"],
	["a backslash in n=", "mailauth takes it for an escape; keyturn.yaml does not let it in"],
]);

/** Tags in any order, with any blanks: what is legal, and what nearly is. */
const tag = fc.tuple(
	fc.constantFrom(
		"k=rsa",
		"h=sha256",
		"h=sha256:sha1",
		"h=sha1",
		"s=email",
		"s=*",
		"s=x",
		"t=s",
		"t=y",
		"n=note",
		"g=*",
		"z=1",
		"k=ed25519",
	),
	fc.constantFrom("", " ", "  ", "\t"),
	fc.constantFrom("", " "),
);
const GENERATED = fc.sample(
	fc
		.tuple(
			fc.constantFrom("v=DKIM1;", "v=DKIM1; ", "v = DKIM1 ;", ""),
			fc.uniqueArray(tag, { maxLength: 4, selector: ([text]) => text.charAt(0) }),
			fc.nat(4),
			fc.constantFrom(P, P, P, OTHER, ""),
			fc.constantFrom("", ";", " ", "; "),
		)
		.map(([version, tags, at, value, end]) => {
			const parts = tags.map(
				([text, before, around]) => `${before}${text.replace("=", `${around}=${around}`)}`,
			);
			return version + [...parts.slice(0, at), `p=${value}`, ...parts.slice(at)].join(";") + end;
		}),
	{ numRuns: 80, seed: 7 },
);

type Verdict = "yes" | "no";

function ours(record: string): Verdict {
	const parsed = parseKeyRecord(record);
	if (parsed.kind !== "record" || refusedTags(parsed.record, "rsa") !== null) return "no";
	return recordKey(parsed.record)?.publicKey === publicHalf(key.pem)?.publicKey ? "yes" : "no";
}

/** The same for what is generated, by the tag that is to blame. */
const STRICTER_TAGS = /\bh\s*=\s*sha1\s*(?:;|$)|\bs\s*=\s*x|\bk\s*=\s*ed25519/;

describe.skipIf(!mayRunTestkey)("key records, as two verifiers read them", () => {
	test("are taken only if both take them, and refused only for a reason", async () => {
		const records = [...NAMED.map(([, record]) => record), ...GENERATED];
		const [testkey, mailauth] = await Promise.all([testkeyOf(records), mailauthOf(records)]);
		const judged = records.map((record, index) => ({
			what: NAMED[index]?.[0] ?? record.replaceAll(P, "P").replaceAll(OTHER, "OTHER"),
			isNamed: index < NAMED.length,
			ours: ours(record),
			theirs: [testkey[index], mailauth[index]],
		}));
		const laxer = judged.filter((one) => one.ours === "yes" && one.theirs.includes("no"));
		expect(laxer.map(({ what }) => what)).toEqual([...LAXER.keys()]);
		const stricter = judged.filter((one) => one.ours === "no" && one.theirs.includes("yes"));
		const named = stricter.filter(({ isNamed }) => isNamed).map(({ what }) => what);
		expect(named.toSorted()).toEqual([...STRICTER.keys()].toSorted());
		for (const { what } of stricter.filter(({ isNamed }) => !isNamed)) expect(what).toMatch(STRICTER_TAGS);
		for (const verdicts of [testkey, mailauth, judged.map((one) => one.ours)])
			expect(new Set(verdicts)).toEqual(new Set(["yes", "no"]));
	});
});

/** Whether opendkim-testkey ends with 0: the record is there, and its key is that of the file. */
async function testkeyOf(records: readonly string[]): Promise<readonly Verdict[]> {
	const directory = await makeDirectory("testkey");
	onTestFinished(() => removeDirectory(directory));
	const text = records.map((record, index) => `r${index}._domainkey IN TXT ${quoteTxt(record)}`).join("\n");
	const server = await startBind({ zones: [{ name: DOMAIN, records: text }] });
	onTestFinished(() => server.stop());
	const keyPath = join(directory, "key.private");
	await writeFile(keyPath, key.pem);
	await chmod(keyPath, 0o600);
	const conf = join(directory, "opendkim.conf");
	await writeFile(conf, `Nameservers ${server.address}@${server.port}\n`);
	return records.map((_, index) => {
		const args = ["-x", conf, "-d", DOMAIN, "-s", `r${index}`, "-k", keyPath];
		for (let asked = 1; ; asked += 1) {
			const { status, stderr, error } = spawnSync(TESTKEY, args, { encoding: "utf8" });
			if (status !== null && !NO_VERDICT.test(stderr)) return status === 0 ? "yes" : "no";
			// On a busy machine an answer may come too late for it.
			if (asked === 5) throw new Error(`${TESTKEY}: status ${status}: ${error?.message ?? stderr}`);
		}
	});
}

/** What libopendkim says of a record that it did not get; all else it says of what is in it. */
const NO_VERDICT = /' (?:query|reply|record not found|unexpected)/;

/** Whether mailauth passes a message that was signed with the key. */
async function mailauthOf(records: readonly string[]): Promise<readonly Verdict[]> {
	const message = `From: a@${DOMAIN}\r\nTo: b@example.net\r\nSubject: x\r\n\r\nhello\r\n`;
	const how = { signingDomain: DOMAIN, selector: "r", privateKey: key.pem };
	const { signatures } = await dkimSign(message, { ...how, signatureData: [how] });
	const verifier = createMailVerifier();
	const verdicts: Verdict[] = [];
	for (const record of records) {
		const [verdict] = await verifier.verify(signatures + message, async () => Promise.resolve([record]));
		verdicts.push(verdict?.outcome === "pass" ? "yes" : "no");
	}
	return verdicts;
}

function base64Of(record: string): string {
	return /p=(.*)$/.exec(record)?.[1] ?? "";
}
