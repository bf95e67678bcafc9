/** What every signer has to do, run against the real program: its live configuration read, turned, proven, and put back. */

import { chmod, chown, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import type { MailVerifier } from "../../src/ports/mail-verifier.ts";
import type { RenderedFile, Signer, SignerChange, SignerReading } from "../../src/ports/signer.ts";
import { keyRecordName } from "../../src/dkim/names.ts";
import { hashOf } from "../../src/durable.ts";

export interface ContractKey {
	readonly selector: string;
	/** The key record that it is published with. */
	readonly record: string;
}

/** A running program of the signer's type, its files a test's own. */
export interface SignerBench {
	/** By `reload`. */
	readonly signer: Signer;
	/** It signs for this domain with this key, */
	readonly domain: string;
	readonly inUse: ContractKey;
	/** and for this one with a key of its own; null where it signs for one only. */
	readonly other: string | null;
	/** Has the running program read its configuration again, as its service's reload does. */
	reload(): Promise<void>;
	/** Kills the program; resolves when it is gone. */
	kill(): Promise<void>;
	/** Puts a fault into the configuration that the program itself complains of. */
	spoilConfiguration(): Promise<void>;
}

/** A fresh key, PKCS#8, with its record. */
export interface MadeKey {
	readonly pem: string;
	readonly record: string;
}

export interface ContractTools {
	readonly start: () => Promise<SignerBench>;
	readonly makeKey: () => MadeKey;
	readonly verifier: MailVerifier;
	/** A domain that nothing signs for and that can get a first key; null where there is no place for one. */
	readonly unsigned: string | null;
}

const NEXT = "209912";

export function describeSignerContract(title: string, tools: ContractTools): void {
	const { start, makeKey, verifier, unsigned } = tools;
	describe(title, () => {
		test("reads which key signs, twice the same, and touches nothing", async () => {
			const { signer, domain, other, inUse } = await start();
			const reading = await signer.read();
			const before = await contents(reading);
			const lines = reading.lines.filter((line) => line.domain === domain);
			expect(lines.length).toBeGreaterThan(0);
			for (const line of lines) {
				expect(line).toMatchObject({ selector: inUse.selector, problem: null, signs: true });
				expect(inUse.record).toContain(`p=${line.publicKey}`);
			}
			if (other !== null)
				expect(reading.lines.some((line) => line.domain === other && line.signs)).toBe(true);
			expect(reading.files.length).toBeGreaterThan(0);
			for (const file of reading.files) expect(file.hash).toBe(hashOf(file.bytes));
			expect((await signer.read()).tableHash).toBe(reading.tableHash);
			expect(await contents(reading)).toEqual(before);
		});

		test("gives every key a file of its own, below one directory", async () => {
			const { signer, domain } = await start();
			const path = signer.keyPath(domain, NEXT);
			expect(path).not.toBe(signer.keyPath(domain, `${NEXT}b`));
			expect(path.startsWith("/")).toBe(true);
			expect(path.endsWith(`/${domain}/${NEXT}.private`)).toBe(true);
		});

		test("a turn changes the key in use and nothing else, and back again is byte for byte as before", async () => {
			const bench = await start();
			const { signer, domain, inUse } = bench;
			const before = await signer.read();
			const fresh = await placed(bench, before, makeKey());
			const change = turn(domain, inUse.selector, fresh.keyPath);
			const rendered = signer.render(before, [change]);
			expect(rendered.length).toBeGreaterThan(0);
			expect(signer.render(before, [change])).toEqual(rendered);
			for (const file of rendered)
				expect(file.hashBefore).toBe(before.files.find((one) => one.path === file.path)?.hash);
			await putInPlace(rendered);
			await signer.apply?.(await signer.read());
			const after = await signer.read();
			expect(after.tableHash).not.toBe(before.tableHash);
			expect(after.lines).toEqual(
				before.lines.map((line) =>
					line.domain === domain && line.selector === inUse.selector
						? { ...line, selector: NEXT, keyPath: fresh.keyPath, publicKey: fresh.publicKey }
						: line,
				),
			);
			const oldPath = before.lines.find((line) => line.domain === domain)?.keyPath ?? "";
			await putInPlace(signer.render(after, [turn(domain, NEXT, oldPath, inUse.selector)]));
			expect(await contents(before)).toEqual(
				before.files.map((file) => Buffer.from(file.bytes).toString("hex")),
			);
		});

		test("signs offline with what is staged, while the live files stand", async () => {
			const bench = await start();
			const { signer, domain, inUse } = bench;
			const reading = await signer.read();
			const fresh = await placed(bench, reading, makeKey());
			const staged = new Map<string, string>();
			for (const file of signer.render(reading, [turn(domain, inUse.selector, fresh.keyPath)])) {
				const path = `${dirname(file.path)}/.staged-${file.path.split("/").at(-1) ?? ""}`;
				await writeAs(path, file.bytes, await stat(file.path));
				staged.set(file.path, path);
			}
			const expectation = { domain, selector: NEXT, record: fresh.record };
			const [message = ""] = await signer.signOffline(staged, [expectation], reading);
			const verdicts = await verifier.verify(message, async (name) =>
				Promise.resolve(name === keyRecordName(NEXT, domain) ? [fresh.record] : []),
			);
			expect(verdicts).toMatchObject([{ domain, selector: NEXT, outcome: "pass" }]);
			expect((await signer.read()).tableHash).toBe(reading.tableHash);
		});

		test("is seen to sign with the old key before, and with the new one after the reload", async () => {
			const bench = await start();
			const { signer, domain, inUse } = bench;
			const reading = await signer.read();
			await signer.ready(10_000, reading);
			const old = { domain, ...inUse };
			expect(await signer.probe([old], reading)).toEqual([
				{ domain, selector: inUse.selector, outcome: "signed", reason: null },
			]);
			const fresh = await placed(bench, reading, makeKey());
			await putInPlace(signer.render(reading, [turn(domain, inUse.selector, fresh.keyPath)]));
			await bench.reload();
			const next = { domain, selector: NEXT, record: fresh.record };
			const after = await signer.read();
			expect(await signer.probe([next], after)).toEqual([
				{ domain, selector: NEXT, outcome: "signed", reason: null },
			]);
			expect(await signer.probe([old], after)).toMatchObject([{ outcome: "failed" }]);
		});

		test("the probe fails where the record is another key's", async () => {
			const { signer, domain, inUse } = await start();
			const reading = await signer.read();
			await signer.ready(10_000, reading);
			const wrong = { domain, selector: inUse.selector, record: makeKey().record };
			expect(await signer.probe([wrong], reading)).toMatchObject([{ outcome: "failed" }]);
		});

		test("refuses a key file that its program could not use", async () => {
			const bench = await start();
			const reading = await bench.signer.read();
			const { keyPath } = await placed(bench, reading, makeKey());
			expect(await bench.signer.unsafe(keyPath, reading)).toBeNull();
			await chmod(keyPath, 0o600);
			await chown(keyPath, 65_534, 65_534);
			expect(await bench.signer.unsafe(keyPath, await bench.signer.read())).toEqual(expect.any(String));
		});

		test("is ready while it runs, and not once it is gone", async () => {
			const bench = await start();
			const reading = await bench.signer.read();
			await bench.signer.ready(10_000, reading);
			await bench.kill();
			await expect(bench.signer.ready(300, reading)).rejects.toMatchObject({ code: "signer.probe" });
		});

		test("passes on what the program says against its configuration", async () => {
			const bench = await start();
			expect(await bench.signer.preflight()).toBeNull();
			await bench.spoilConfiguration();
			expect(await bench.signer.preflight()).toEqual(expect.any(String));
		});

		if (unsigned === null) return;
		test("gives a domain its first key, and takes it out again byte for byte", async () => {
			const bench = await start();
			const { signer } = bench;
			const before = await signer.read();
			expect([...(await signer.firstKeyFaults([unsigned], new Set()))]).toEqual([]);
			const fresh = await placed(bench, before, makeKey(), unsigned);
			const first = { domain: unsigned, from: null, to: { selector: NEXT, keyPath: fresh.keyPath } };
			await putInPlace(signer.render(before, [first]));
			await bench.reload();
			const after = await signer.read();
			expect(after.lines.filter((line) => line.domain === unsigned)).toMatchObject([
				{ selector: NEXT, keyPath: fresh.keyPath, signs: true, problem: null },
			]);
			await signer.ready(10_000, after);
			const expectation = { domain: unsigned, selector: NEXT, record: fresh.record };
			expect(await signer.probe([expectation], after)).toMatchObject([{ outcome: "signed" }]);
			await putInPlace(signer.render(after, [{ domain: unsigned, from: NEXT, to: null }]));
			expect(await contents(before)).toEqual(
				before.files.map((file) => Buffer.from(file.bytes).toString("hex")),
			);
		});
	});
}

function turn(domain: string, from: string, keyPath: string, selector = NEXT): SignerChange {
	return { domain, from, to: { selector, keyPath } };
}

/** A new key where the door would place it. */
async function placed(
	{ signer, domain }: SignerBench,
	reading: SignerReading,
	key: MadeKey,
	of = domain,
): Promise<{ readonly keyPath: string; readonly record: string; readonly publicKey: string }> {
	const keyPath = signer.keyPath(of, NEXT);
	await makeDirectories(dirname(keyPath), reading.owner);
	await writeAs(keyPath, Buffer.from(key.pem), { ...reading.owner, mode: 0o600 });
	return { keyPath, record: key.record, publicKey: /p=(.*)$/.exec(key.record)?.[1] ?? "" };
}

async function makeDirectories(path: string, { uid, gid }: SignerReading["owner"]): Promise<void> {
	const made = await mkdir(path, { recursive: true, mode: 0o700 });
	if (made === undefined) return;
	for (let at = path; at.length >= made.length; at = dirname(at)) await chown(at, uid, gid);
}

async function writeAs(
	path: string,
	bytes: Uint8Array,
	{ uid, gid, mode }: { readonly uid: number; readonly gid: number; readonly mode: number },
): Promise<void> {
	await writeFile(path, bytes);
	await chown(path, uid, gid);
	await chmod(path, mode & 0o7777);
}

async function putInPlace(files: readonly RenderedFile[]): Promise<void> {
	expect(files.length).toBeGreaterThan(0);
	for (const { path, bytes } of files) {
		await writeAs(`${path}.new`, bytes, await stat(path));
		await rename(`${path}.new`, path);
	}
}

async function contents({ files }: SignerReading): Promise<readonly string[]> {
	return Promise.all(files.map(async ({ path }) => (await readFile(path)).toString("hex")));
}
