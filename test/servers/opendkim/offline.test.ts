import { spawnSync } from "node:child_process";
import { chmod, chown, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseProbeAnswer } from "../../../src/signers/probe-protocol.ts";
import { makeKey, mayRun, type OpenDkimHost, prepareHost, verifier } from "./opendkim-host.ts";

const DOMAIN = "example.com";
const old = makeKey();
const fresh = makeKey();
const expectation = { domain: DOMAIN, selector: "202611", record: fresh.record };

async function stage(host: OpenDkimHost) {
	const oldPath = await host.writeKey("example", old);
	await host.write("signing.table", `*@${DOMAIN} example\n`);
	await host.write("key.table", `# ours\nexample ${DOMAIN}:202610:${oldPath} # first\n`);
	const newPath = await host.writeKey("202611", fresh);
	const signer = host.signer();
	const reading = await signer.read();
	const [rendered] = signer.render(reading, [
		{ domain: DOMAIN, from: "202610", to: { selector: "202611", keyPath: newPath } },
	]);
	if (rendered === undefined) throw new Error("nothing rendered");
	const staged = await host.write("key.table.staged", Buffer.from(rendered.bytes).toString("latin1"));
	return { signer, reading, newPath, staged: new Map([[rendered.path, staged]]) };
}

function rootsOwn(directory: string): string {
	const at = (name: string) => join(directory, name);
	return `KeyTable ${at("key.table")}
SigningTable refile:${at("signing.table")}
InternalHosts refile:${at("hosts")}
ExternalIgnoreList refile:${at("hosts")}
PeerList 127.0.0.1`;
}

describe.skipIf(!mayRun)("signing offline with a staged table", () => {
	test("gives a message that verifies against the new record, and leaves nothing behind", async () => {
		const host = await prepareHost({ extra: "InternalHosts 192.0.2.7\nAutoRestart yes\nBackground yes" });
		const { signer, reading, staged } = await stage(host);
		const before = await readdir(host.directory);
		const [message] = await signer.signOffline(staged, [expectation], reading);
		const verdicts = await verifier.verify(message ?? "", async (name) =>
			name === `202611._domainkey.${DOMAIN}` ? [fresh.record] : [],
		);
		expect(verdicts).toEqual([{ domain: DOMAIN, selector: "202611", outcome: "pass", reason: null }]);
		expect(await verifier.verify(message ?? "", async () => [old.record])).toMatchObject([
			{ outcome: "fail" },
		]);
		expect(await verifier.verify(message ?? "", async () => null)).toMatchObject([{ outcome: "unknown" }]);
		expect(await verifier.verify(message ?? "", async () => [])).toMatchObject([{ outcome: "fail" }]);
		expect(await readdir(host.directory)).toEqual(before);
	});

	test("signs where the tables and lists of hosts are root's alone, who reads them at a start", async () => {
		const host = await prepareHost({ naming: rootsOwn });
		const { signer, reading, staged } = await stage(host);
		const hosts = await host.write("hosts", "127.0.0.1\n");
		for (const path of [...staged.values(), host.keyTable, join(host.directory, "signing.table"), hosts])
			await chown(path, 0, 0);
		expect(await signer.preflight()).toBeNull();
		const [message] = await signer.signOffline(staged, [expectation], reading);
		expect(message).toContain("s=202611");
	});

	test("refuses what OpenDKIM refuses, naming the address", async () => {
		const host = await prepareHost();
		const { signer, reading, staged, newPath } = await stage(host);
		const signing = () => signer.signOffline(staged, [expectation], reading);
		await chmod(newPath, 0o644);
		await expect(signing()).rejects.toThrow(`keyturn-probe@${DOMAIN}`);
		await chmod(newPath, 0o600);
		await chown(newPath, 0, 0);
		await expect(signing()).rejects.toMatchObject({ code: "signer.probe" });
		await chown(newPath, host.uid, host.gid);
		expect(await signing()).toHaveLength(1);
		expect(await readdir(host.directory)).not.toContain("key.table.staged.conf");
	});

	test("signs with the live table where nothing is staged", async () => {
		const host = await prepareHost();
		const { signer, reading } = await stage(host);
		const live = { domain: DOMAIN, selector: "202610", record: old.record };
		const [message] = await signer.signOffline(new Map(), [live], reading);
		expect(await verifier.verify(message ?? "", async () => [old.record])).toMatchObject([
			{ selector: "202610", outcome: "pass" },
		]);
		await expect(signer.signOffline(new Map(), [expectation], reading)).rejects.toMatchObject({
			code: "signer.config",
		});
	});

	test("preflight passes a good configuration and tells what is wrong with a bad one", async () => {
		const host = await prepareHost();
		await stage(host);
		expect(await host.signer("restart").preflight()).toBeNull();
		expect(await host.signer("reload").preflight()).toBeNull();
		await chown(join(host.directory, "key.table"), 0, 0);
		expect(await host.signer("restart").preflight()).toBeNull();
		expect(await host.signer("reload").preflight()).toContain("key.table");
	});
});

describe.skipIf(!mayRun)("probe.ts as a program", () => {
	const run = (input: string) =>
		spawnSync(process.execPath, ["--import", "tsx", "src/probe.ts"], { input, encoding: "utf8" });

	test("answers a request with a verdict", async () => {
		const host = await prepareHost({ socket: "unix" });
		const path = await host.writeKey("example", old);
		await host.write("signing.table", `*@${DOMAIN} example\n`);
		await host.write("key.table", `example ${DOMAIN}:202610:${path}\n`);
		await host.start();
		const { status, stdout } = run(
			JSON.stringify({
				kind: "milter",
				socket: { kind: "unix", path: join(host.directory, "opendkim.sock") },
				expectations: [
					{
						domain: DOMAIN,
						selector: "202610",
						record: old.record,
						sender: `a@${DOMAIN}`,
						unsigned: { means: "failed" },
					},
				],
				timeoutMs: 5000,
				settleMs: 0,
			}),
		);
		expect(status).toBe(0);
		expect(parseProbeAnswer(stdout)).toEqual({
			isUp: true,
			reason: null,
			verdicts: [{ domain: DOMAIN, selector: "202610", outcome: "signed", reason: null }],
		});
	});

	test("refuses what is no request", () => {
		const { status, stdout, stderr } = run('{"kind":"milter"}');
		expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
		expect(stderr).toContain("probe request");
	});
});
