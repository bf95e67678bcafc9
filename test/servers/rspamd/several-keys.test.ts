/** Messages that rspamd signs twice: an RSA key and an Ed25519 key, both turned, both signatures verified. */

import { generateKeyPairSync } from "node:crypto";
import { rename } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { bareKey, publicHalf, recordText } from "../../../src/dkim/key-material.ts";
import { formatKeyRecord } from "../../../src/dkim/key-record.ts";
import { makeKey, type TestKey, verifier } from "../opendkim/opendkim-host.ts";
import { mayRun, prepareHost } from "./rspamd-host.ts";

const DOMAIN = "example.com";
const [oldRsa, newRsa] = [makeKey(), makeKey()];
const [oldEd, newEd] = [makeEd25519(), makeEd25519()];

function makeEd25519(): TestKey {
	const pem = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
	const half = publicHalf(pem);
	if (half === null) throw new Error("no key");
	return { pem, record: formatKeyRecord({ algorithm: "ed25519", publicKey: recordText(half) }) };
}

const expected = (keys: readonly (readonly [string, TestKey])[]) =>
	keys.map(([selector, { record }]) => ({ domain: DOMAIN, selector, record }));

async function startHost(block: string) {
	return startWith(`domain {\n${block}}\n`);
}

async function startWith(sections: string) {
	const host = await prepareHost();
	const rsa = await host.write("keys/rsa.private", oldRsa.pem);
	const ed = await host.write("keys/ed.private", bareKey(oldEd.pem));
	await host.write(
		"dkim_signing.conf",
		`sign_local = true;\nuse_domain = "header";\n${sections.replace("RSA", rsa).replace("ED", ed)}`,
	);
	return { host, running: await host.start() };
}

describe.skipIf(!mayRun)("a running rspamd", () => {
	test("makes both signatures before, and both with the next keys after one rename", async () => {
		const { host, running } = await startHost(
			`\t${DOMAIN} {\n\t\tselectors [\n\t\t\t{ path = "RSA"; selector = "r1"; } # first\n\t\t\t{ path = "ED"; selector = "e1"; }\n\t\t]\n\t}\n`,
		);
		const { signer } = host;
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
		const [file] = signer.render(reading, changes);
		if (file === undefined) throw new Error("nothing was rendered");
		expect(Buffer.from(file.bytes).toString()).toContain("# first");
		const staged = await host.write("staged", Buffer.from(file.bytes).toString());
		const messages = await signer.signOffline(new Map([[file.path, staged]]), after, reading);
		for (const [index, { selector, record }] of after.entries())
			expect(
				await verifier.verify(messages[index] ?? "", async (name) =>
					Promise.resolve(name === `${selector}._domainkey.${DOMAIN}` ? [record] : []),
				),
			).toMatchObject([{ selector, outcome: "pass" }]);
		await rename(staged, file.path);
		await running.reload();
		expect((await signer.probe(after, reading)).map(({ outcome }) => outcome)).toEqual(["signed", "signed"]);
	});

	test.each([
		["beside others", `domain {\n\texample.org { path = "RSA"; selector = "r1"; }\n}\n`],
		["in a file that names no domain yet", ""],
	])("signs with both first keys of a domain that nothing signed, %s", async (_, sections) => {
		const { host, running } = await startWith(sections);
		const { signer } = host;
		const firsts = [
			["202612-rsa", newRsa],
			["202612-ed25519", newEd],
		] as const;
		const changes = [];
		for (const [selector, key] of firsts) {
			const keyPath = await host.write(`keys/${DOMAIN}/${selector}.private`, signer.keyFile?.(key.pem) ?? "");
			changes.push({ domain: DOMAIN, from: null, to: { selector, keyPath } });
		}
		expect([...(await signer.firstKeyFaults([DOMAIN], new Set([DOMAIN])))]).toEqual([]);
		const reading = await signer.read();
		const [file] = signer.render(reading, changes);
		if (file === undefined) throw new Error("nothing was rendered");
		await rename(await host.write("staged", Buffer.from(file.bytes).toString()), file.path);
		expect(await signer.preflight()).toBeNull();
		await running.reload();
		const verdicts = await signer.probe(expected(firsts), reading);
		expect(verdicts.map(({ outcome }) => outcome)).toEqual(["signed", "signed"]);
		const gone = signer.render(
			await signer.read(),
			firsts.map(([from]) => ({ domain: DOMAIN, from, to: null })),
		);
		expect(Buffer.from(gone[0]?.bytes ?? []).toString()).not.toContain(DOMAIN);
	});
});
