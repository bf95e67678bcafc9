/** A signer by programs held to the contract of all signers. */

import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createCommandSigner } from "../../../src/signers/command/signer.ts";
import { answerProbe } from "../../../src/signers/socket-probe.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createSystemDisk } from "../../../src/system/disk.ts";
import { createMailVerifier } from "../../../src/system/mail-verifier.ts";
import { createOutsidePrograms } from "../../../src/system/outside-programs.ts";
import { createSystemPrograms } from "../../../src/system/programs.ts";
import { createSystemSockets } from "../../../src/system/sockets.ts";
import { describeSignerContract, type SignerBench } from "../../signers/contract.ts";
import { makeKey } from "../opendkim/opendkim-host.ts";
import { mayRun, prepareMailDkim } from "./mail-dkim.ts";

const verifier = createMailVerifier();
const disk = createSystemDisk();
const tools = { verifier, sockets: createSystemSockets(), clock: createSystemClock() };
const old = makeKey();
const others = makeKey();

describe.skipIf(!mayRun)("a signer by programs", () => {
	describeSignerContract("with Perl's Mail::DKIM", { start, makeKey, verifier, unsigned: "example.net" });

	test("says in the program's own words why it did not apply", async () => {
		const { signer, table, ed25519 } = await startAll();
		await writeFile(table, `example.com 202611 ${ed25519}\n`);
		await expect(signer.apply?.(await signer.read())).rejects.toThrow("ed25519 is beyond me");
	});
});

async function start(): Promise<SignerBench> {
	return startAll();
}

async function startAll() {
	const host = await prepareMailDkim();
	const keys = join(host.directory, "keys");
	await mkdir(keys, { mode: 0o700 });
	const write = async (name: string, text: string): Promise<string> => {
		const path = join(host.directory, name);
		await writeFile(path, text, { mode: 0o600 });
		return path;
	};
	const first = await write("keys/first.private", old.pem);
	const second = await write("keys/second.private", others.pem);
	const table = await write(
		"table",
		`# what signs\nexample.com\t202610  ${first} # the shop's\n\nexample.org 202609 ${second}\n`,
	);
	const signer = createCommandSigner({
		name: "main",
		service: "none",
		swap: "reload",
		disk,
		outside: createOutsidePrograms({ programs: createSystemPrograms(), disk, clock: tools.clock }),
		runProbe: async (request) => answerProbe(tools, request, new AbortController().signal),
		settings: { table, keys, apply: host.apply, prove: host.prove, user: "root", timeout: "60s" },
	});
	const apply = async () => signer.apply?.(await signer.read());
	await apply();
	return {
		signer,
		table,
		ed25519: await write("keys/ed25519.private", ED25519),
		domain: "example.com",
		inUse: { selector: "202610", record: old.record },
		other: "example.org",
		reload: apply,
		kill: async () => rm(join(host.directory, "running")),
		spoilConfiguration: async () => chmod(host.apply[0], 0o757),
	};
}

/** RFC 8463 appendix A.2, as PKCS#8. */
const ED25519 =
	"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
