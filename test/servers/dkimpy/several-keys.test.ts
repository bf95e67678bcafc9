/** Messages that dkimpy-milter signs twice: an RSA key and an Ed25519 key, each in its table, both turned in one restart. */

import { generateKeyPairSync } from "node:crypto";
import { readFile, rename } from "node:fs/promises";
import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { bareKey, publicHalf, recordText } from "../../../src/dkim/key-material.ts";
import { formatKeyRecord } from "../../../src/dkim/key-record.ts";
import { makeKey, type TestKey } from "../opendkim/opendkim-host.ts";
import { mayRun, prepareHost, verifier } from "./dkimpy-host.ts";

const DOMAIN = "example.com";
const [oldRsa, newRsa, oldEd, newEd] = [makeKey(), makeKey(), makeEd25519(), makeEd25519()];

function makeEd25519(): TestKey {
	const pem = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
	const half = publicHalf(pem);
	if (half === null) throw new Error("no key");
	return { pem, record: formatKeyRecord({ algorithm: "ed25519", publicKey: recordText(half) }) };
}

const expected = (keys: readonly (readonly [string, TestKey])[]) =>
	keys.map(([selector, { record }]) => ({ domain: DOMAIN, selector, record }));

describe.skipIf(!mayRun)("a dkimpy-milter with two tables of keys", () => {
	test("makes both signatures before, and both with the next keys after a restart", async () => {
		const host = await prepareHost();
		const { signer } = host;
		const rsa = await host.write("keys/rsa", oldRsa.pem);
		const ed = await host.write("keys/ed", bareKey(oldEd.pem));
		const keyTable = await host.write("keytable", `shop ${DOMAIN}:r1:${rsa}\n`);
		const edTable = await host.write("edtable", `# the short ones\nshop ${DOMAIN}:e1:${ed}\n`);
		const signingTable = await host.write("signingtable", `*@${DOMAIN} shop\n`);
		const running = await host.start([
			`KeyTable file:${keyTable}`,
			`KeyTableEd25519 file:${edTable}`,
			`SigningTable refile:${signingTable}`,
		]);
		const reading = await signer.read();
		expect(reading.lines.map(({ selector, problem }) => [selector, problem])).toEqual([
			["r1", null],
			["e1", null],
		]);
		const before = expected([
			["r1", oldRsa],
			["e1", oldEd],
		]);
		expect((await signer.probe(before, reading)).map(({ outcome }) => outcome)).toEqual(["signed", "signed"]);

		const turns = [
			["r1", "202612", newRsa],
			["e1", "202612b", newEd],
		] as const;
		const changes = [];
		for (const [from, selector, key] of turns) {
			const keyPath = await host.write(`keys/${DOMAIN}/${selector}.private`, signer.keyFile?.(key.pem) ?? "");
			changes.push({ domain: DOMAIN, from, to: { selector, keyPath } });
		}
		const after = expected(turns.map(([, selector, key]) => [selector, key] as const));
		const files = signer.render(reading, changes);
		expect(files.map(({ path }) => path)).toEqual([keyTable, edTable]);
		const staged = new Map<string, string>();
		for (const [index, { path, bytes }] of files.entries())
			staged.set(path, await host.write(`staged${index}`, Buffer.from(bytes).toString()));
		const messages = await signer.signOffline(staged, after, reading);
		for (const [index, { selector, record }] of after.entries())
			expect(
				await verifier.verify(messages[index] ?? "", async (name) =>
					Promise.resolve(name === `${selector}._domainkey.${DOMAIN}` ? [record] : []),
				),
			).toMatchObject([{ selector, outcome: "pass" }]);
		for (const [path, from] of staged) await rename(from, path);
		await running.restart();
		expect((await signer.probe(after, reading)).map(({ outcome }) => outcome)).toEqual(["signed", "signed"]);
		const only = signer.render(await signer.read(), [
			{ domain: DOMAIN, from: "202612b", to: { selector: "202701b", keyPath: "/k/next" } },
		]);
		expect(only.map(({ path, bytes }) => [path, Buffer.from(bytes).toString()])).toEqual([
			[edTable, `# the short ones\nshop ${DOMAIN}:202701b:/k/next\n`],
		]);
	});

	test("of lines with one name, and of keys for single addresses, those that keyturn turns are those that sign", async () => {
		const host = await prepareHost();
		const late = makeKey();
		const [boss, all, last] = [
			await host.write("keys/boss", newRsa.pem),
			await host.write("keys/all", oldRsa.pem),
			await host.write("keys/last", late.pem),
		];
		const keyTable = await host.write(
			"keytable",
			`boss ${DOMAIN}:boss:${boss}\nall ${DOMAIN}:early:${all}\nall ${DOMAIN}:late:${last}\n`,
		);
		const signingTable = await host.write("signingtable", `boss@${DOMAIN} boss\n*@${DOMAIN} all\n`);
		await host.start([`KeyTable file:${keyTable}`, `SigningTable refile:${signingTable}`]);
		const reading = await host.signer.read();
		expect(reading.lines.map(({ selector, problem }) => [selector, problem])).toEqual([
			["boss", expect.stringContaining(`late signs the ordinary mail of ${DOMAIN}`)],
			["early", "a later line stands for the same, so this one is never used"],
			["late", null],
		]);
		expect(await host.signer.probe(expected([["late", late]]), reading)).toMatchObject([
			{ outcome: "signed" },
		]);
	});

	test("gets both first keys of a domain, signs with both, and loses both again", async () => {
		const host = await prepareHost();
		const { signer } = host;
		const rsa = await host.write("keys/rsa", oldRsa.pem);
		const ed = await host.write("keys/ed", bareKey(oldEd.pem));
		const tables = [
			await host.write("keytable", `shop example.org:r1:${rsa}\n`),
			await host.write("signingtable", "*@example.org shop\n"),
			await host.write("edtable", `shop example.org:e1:${ed}\n`),
		];
		const [keyTable, signingTable, edTable] = tables;
		const running = await host.start([
			`KeyTable file:${keyTable}`,
			`KeyTableEd25519 file:${edTable}`,
			`SigningTable refile:${signingTable}`,
		]);
		const before = await Promise.all(tables.map(async (path) => readFile(path, "utf8")));
		expect([...(await signer.firstKeyFaults([DOMAIN], new Set([DOMAIN])))]).toEqual([]);
		expect([...(await signer.firstKeyFaults([DOMAIN], new Set()))]).toEqual([
			[DOMAIN, expect.stringContaining("let `key` be a list of rsa and ed25519")],
		]);
		const firsts = [
			["202612", newRsa],
			["202612b", newEd],
		] as const;
		const changes = [];
		for (const [selector, { pem, record }] of firsts) {
			const keyPath = await host.write(`keys/${DOMAIN}/${selector}.private`, signer.keyFile?.(pem) ?? "");
			changes.push({ domain: DOMAIN, from: null, to: { selector, keyPath, record } });
		}
		const put = async (given: Parameters<typeof signer.render>[1]) => {
			for (const { path, bytes } of signer.render(await signer.read(), given))
				await host.write(basename(path), Buffer.from(bytes).toString());
			await running.restart();
		};
		await put(changes);
		const verdicts = await signer.probe(expected(firsts), await signer.read());
		expect(verdicts.map(({ outcome }) => outcome)).toEqual(["signed", "signed"]);
		await put(firsts.map(([from]) => ({ domain: DOMAIN, from, to: null })));
		expect(await Promise.all(tables.map(async (path) => readFile(path, "utf8")))).toEqual(before);
	});
});
