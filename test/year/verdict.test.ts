import { generateKeyPairSync } from "node:crypto";
import { dkimSign } from "mailauth";
import { beforeAll, expect, test } from "vitest";
import { judgeAtAll, numberOf, type Receiver } from "../e2e/inside/verdict.ts";

const TEXT =
	"From: a@example.com\r\nTo: b@sink.test\r\nX-Number: 7\r\nDate: Fri, 1 Jan 2027 02:00:00 +0000\r\n\r\nHello.\r\n";
const NAME = "202701._domainkey.example.com";
const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const record = recordOf(publicKey.export({ type: "spki", format: "der" }));
const other = recordOf(
	generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ type: "spki", format: "der" }),
);
let signed: Buffer;

beforeAll(async () => {
	const key = {
		signingDomain: "example.com",
		selector: "202701",
		privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
	};
	const { signatures } = await dkimSign(TEXT, { ...key, signatureData: [key] });
	signed = Buffer.from(`${signatures}${TEXT}`, "latin1");
});

test("a message is well where every server has its record, and its number is read", async () => {
	const verdicts = await judgeAtAll(signed, [answering("one", [record]), answering("two", [record])]);
	expect(verdicts).toEqual(
		["one", "two"].map((server) => ({
			server,
			selector: "202701",
			selectors: ["202701"],
			reason: null,
			isAnswered: true,
		})),
	);
	expect(numberOf(signed)).toBe(7);
});

test("a server without the record, or with another, refuses it, whatever the other one says", async () => {
	const verdicts = await judgeAtAll(signed, [
		answering("well", [record]),
		failing("without", "ENOTFOUND"),
		answering("another", [other]),
	]);
	expect(verdicts.map(({ reason }) => reason === null)).toEqual([true, false, false]);
	expect(verdicts.every(({ isAnswered }) => isAnswered)).toBe(true);
});

test("a server that gives no answer decides nothing", async () => {
	const verdicts = await judgeAtAll(signed, [failing("dead", "ETIMEOUT"), answering("well", [record])]);
	expect(verdicts.map(({ isAnswered }) => isAnswered)).toEqual([false, true]);
});

test("a message without a signature is refused everywhere", async () => {
	const verdicts = await judgeAtAll(Buffer.from(TEXT, "latin1"), [answering("one", [record])]);
	expect(verdicts).toEqual([
		{ server: "one", selector: null, selectors: [], reason: "unsigned", isAnswered: true },
	]);
});

function answering(server: string, records: readonly string[]): Receiver {
	return {
		server,
		resolve: async (name, type) => {
			expect([name, type]).toEqual([NAME, "TXT"]);
			return Promise.resolve(records.map((text) => [text]));
		},
	};
}

function failing(server: string, code: string): Receiver {
	return { server, resolve: async () => Promise.reject(Object.assign(new Error(code), { code })) };
}

function recordOf(der: Buffer): string {
	return `v=DKIM1; k=rsa; p=${der.toString("base64")}`;
}
