import { expect, test } from "vitest";
import { readServerMessage } from "../../../src/dns/dns-wire/server-message.ts";
import { signMessage, type TsigKey, verifyAnswer } from "../../../src/dns/dns-wire/tsig.ts";
import { encodeQuery } from "../../../src/dns/dns-wire/update.ts";
import { signedAnswer } from "./signed-answer.ts";

const KEY: TsigKey = { name: "updater", algorithm: "hmac-sha256", secret: Buffer.alloc(32, 7) };
const NOW = 1_800_000_000;

const answerTo = (requestMac: Buffer, key: TsigKey, at: number): Buffer =>
	signedAnswer(encodeQuery(9, "a.test", "TXT"), requestMac, key, at);

test("an answer of the holder of the key is believed, whatever id a forwarder gave it", () => {
	const { mac } = signMessage(encodeQuery(9, "a.test", "TXT"), KEY, NOW);
	const answer = answerTo(mac, KEY, NOW + 10);
	expect(verifyAnswer(answer, KEY, mac, NOW)).toEqual({ kind: "signed" });
	answer.writeUInt16BE(4711, 0);
	expect(verifyAnswer(answer, KEY, mac, NOW)).toEqual({ kind: "signed" });
});

test("an answer with any octet changed is not believed", () => {
	const { mac } = signMessage(encodeQuery(9, "a.test", "TXT"), KEY, NOW);
	const answer = answerTo(mac, KEY, NOW);
	for (let place = 2; place < answer.length; place++) {
		const changed = Buffer.from(answer);
		changed[place] = (changed[place] ?? 0) ^ 0x01;
		expect(verifyAnswer(changed, KEY, mac, NOW).kind, `octet ${place}`).not.toBe("signed");
	}
});

test("an answer to another request, with another key, with another algorithm or of another hour is not believed", () => {
	const { mac } = signMessage(encodeQuery(9, "a.test", "TXT"), KEY, NOW);
	const other = signMessage(encodeQuery(9, "b.test", "TXT"), KEY, NOW).mac;
	const forged = [
		answerTo(other, KEY, NOW),
		answerTo(mac, { ...KEY, secret: Buffer.alloc(32, 8) }, NOW),
		answerTo(mac, { ...KEY, name: "another" }, NOW),
		answerTo(mac, { ...KEY, algorithm: "hmac-sha512" }, NOW),
		answerTo(mac, KEY, NOW - 301),
		answerTo(mac, KEY, NOW + 301),
	];
	expect(forged.map((answer) => verifyAnswer(answer, KEY, mac, NOW).kind)).toEqual(
		forged.map(() => "forged"),
	);
});

test("a message without TSIG, and one cut short, are unsigned", () => {
	const plain = encodeQuery(9, "a.test", "TXT");
	const { bytes, mac } = signMessage(plain, KEY, NOW);
	expect(verifyAnswer(plain, KEY, mac, NOW)).toEqual({ kind: "unsigned" });
	for (let length = 0; length < bytes.length; length++)
		expect(verifyAnswer(bytes.subarray(0, length), KEY, mac, NOW).kind).toBe("unsigned");
});

test("the signature is the message's last record, and the rest stays as it was", () => {
	const plain = encodeQuery(4711, "s1._domainkey.example.test", "TXT");
	const { bytes } = signMessage(plain, KEY, NOW);
	expect(bytes.subarray(12, plain.length)).toEqual(plain.subarray(12));
	const read = readServerMessage(bytes);
	expect(read?.questions).toEqual([{ name: "s1._domainkey.example.test", type: 16 }]);
	expect(read?.additional).toMatchObject([{ name: "updater", type: 250, class: 255, ttlSeconds: 0 }]);
});
