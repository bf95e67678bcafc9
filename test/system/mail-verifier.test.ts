import { generateKeyPairSync } from "node:crypto";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { expect, test } from "vitest";
import { createMailVerifier } from "../../src/system/mail-verifier.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const record = `v=DKIM1;k=rsa;p=${publicKey.export({ format: "der", type: "spki" }).toString("base64")}`;
const message = "From: <a@example.com>\r\nTo: <b@example.net>\r\nSubject: x\r\n\r\nhello\r\n";
const verifier = createMailVerifier();

async function signed(): Promise<string> {
	const options = {
		signingDomain: "example.com",
		selector: "s1",
		privateKey: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
	};
	const { signatures } = await dkimSign(message, { ...options, signatureData: [options] });
	return `${signatures.trimEnd()}\r\n${message}`;
}

test("passes against the record, asking for its name only", async () => {
	const asked: string[] = [];
	const verdicts = await verifier.verify(await signed(), async (name) => {
		asked.push(name);
		return [record];
	});
	expect(verdicts).toEqual([{ domain: "example.com", selector: "s1", outcome: "pass", reason: null }]);
	expect(new Set(asked)).toEqual(new Set(["s1._domainkey.example.com"]));
});

test.each([
	["absent", [] as string[], "fail"],
	["not to be told", null, "unknown"],
	["two", [record, "v=DKIM1; p="], "fail"],
	["revoked", ["v=DKIM1; p="], "fail"],
])("a record that is %s", async (_, values, outcome) => {
	const [verdict, ...more] = await verifier.verify(await signed(), async () => values);
	expect(more).toEqual([]);
	expect(verdict).toMatchObject({ domain: "example.com", selector: "s1", outcome });
	expect(verdict?.reason).not.toBeNull();
});

test("a domain and a selector in capitals are asked for in lower case; the selector is told as it is written", async () => {
	const message = (await signed()).replace("d=example.com", "d=Example.COM").replace("s=s1", "s=S1");
	const asked = new Set<string>();
	const verdicts = await verifier.verify(message, async (name) => {
		asked.add(name);
		return [record];
	});
	expect(verdicts).toMatchObject([{ domain: "example.com", selector: "S1" }]);
	expect([...asked]).toEqual(["s1._domainkey.example.com"]);
});

test("a changed message fails, an unsigned one has no verdict", async () => {
	const changed = (await signed()).replace("hello", "hallo");
	expect(await verifier.verify(changed, async () => [record])).toMatchObject([{ outcome: "fail" }]);
	expect(await verifier.verify(message, async () => [record])).toEqual([]);
});
