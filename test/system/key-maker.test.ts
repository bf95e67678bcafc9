import { createPrivateKey, createPublicKey } from "node:crypto";
import { expect, test } from "vitest";
import { publicHalf } from "../../src/dkim/key-material.ts";
import type { KeySpec } from "../../src/dkim/key-material.ts";
import { createKeyMaker, limitInFlight } from "../../src/system/key-maker.ts";

const ed25519: KeySpec = { algorithm: "ed25519" };

test.each<KeySpec>([{ algorithm: "rsa", bits: 2048 }, { algorithm: "rsa", bits: 3072 }, ed25519])(
	"makes a PKCS#8 key that node:crypto reads as the same: %o",
	async (spec) => {
		const { pem, publicKey } = await createKeyMaker()(spec);
		const key = createPrivateKey(pem);
		expect(pem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
		expect(createPublicKey(key).export({ format: "der", type: "spki" }).toString("base64")).toBe(publicKey);
		expect(publicHalf(pem)).toMatchObject({
			algorithm: spec.algorithm,
			bits: spec.algorithm === "rsa" ? spec.bits : null,
		});
		if (spec.algorithm === "rsa") expect(key.asymmetricKeyDetails?.publicExponent).toBe(65_537n);
	},
);

test("refuses RSA keys of a length that verifiers do not take", async () => {
	for (const bits of [512, 1024, 2047, 8192]) {
		await expect(createKeyMaker()({ algorithm: "rsa", bits })).rejects.toMatchObject({ code: "key.invalid" });
	}
});

test("only so many at a time, also after one that failed", async () => {
	const inTurn = limitInFlight(2);
	const gates = Array.from({ length: 6 }, () => gateOf());
	const started: number[] = [];
	const all = gates.map((gate, index) =>
		inTurn(() => {
			started.push(index);
			return gate.promise;
		}),
	);
	const outcomes = Promise.allSettled(all);
	expect(started).toEqual([0, 1]);
	gates[1]?.reject(new Error("no key"));
	await all[1]?.catch(() => undefined);
	await Promise.resolve();
	expect(started).toEqual([0, 1, 2]);
	for (const gate of gates) gate.resolve();
	expect((await outcomes).map(({ status }) => status).filter((status) => status === "rejected")).toHaveLength(
		1,
	);
	expect(started).toEqual([0, 1, 2, 3, 4, 5]);
});

function gateOf() {
	let resolve = () => {};
	let reject: (error: Error) => void = () => {};
	const promise = new Promise<void>((onResolve, onReject) => {
		resolve = onResolve;
		reject = onReject;
	});
	return { promise, resolve, reject };
}
