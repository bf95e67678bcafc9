/** A docker-mailserver's volume held to the contract of all signers, with the real OpenDKIM and rspamd in place of its container's. */

import { execFileSync } from "node:child_process";
import { appendFile, chmod, chown, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe } from "vitest";
import { createDockerMailserverSigner } from "../../../src/signers/docker-mailserver/signer.ts";
import { settingsSchema } from "../../../src/signers/docker-mailserver/settings.ts";
import { answerProbe } from "../../../src/signers/socket-probe.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createSystemDisk } from "../../../src/system/disk.ts";
import { createMailVerifier } from "../../../src/system/mail-verifier.ts";
import { createSystemPrograms } from "../../../src/system/programs.ts";
import { createSystemSockets } from "../../../src/system/sockets.ts";
import { describeSignerContract, type SignerBench } from "../../signers/contract.ts";
import { makeKey } from "../opendkim/opendkim-host.ts";
import { prepareHost as prepareRspamd } from "../rspamd/rspamd-host.ts";
import { type Container, mayRun, prepareContainer } from "./container.ts";

const verifier = createMailVerifier();
const tools = { verifier, sockets: createSystemSockets(), clock: createSystemClock() };
const old = makeKey();
const others = makeKey();

describe.skipIf(!mayRun)("docker-mailserver", () => {
	const given = { makeKey, verifier, unsigned: "example.net" };
	describeSignerContract("with OpenDKIM", { ...given, start: startWithOpenDkim });
	describeSignerContract("with rspamd", { ...given, start: startWithRspamd });
});

function signerOf(container: Container, more: object) {
	const { volume, exec, smtp } = container;
	return createDockerMailserverSigner({
		name: "main",
		service: "mailserver",
		swap: "restart",
		disk: createSystemDisk(),
		programs: createSystemPrograms(),
		outside: createSystemPrograms(),
		clock: tools.clock,
		runProbe: async (request) => answerProbe(tools, request, new AbortController().signal),
		settings: settingsSchema.parse({ volume, exec, smtp, ...more }),
	});
}

async function write(path: string, text: string): Promise<string> {
	await mkdir(dirname(path), { recursive: true });
	await writeFile(path, text);
	return path;
}

async function startWithOpenDkim(): Promise<SignerBench> {
	const container = await prepareContainer();
	const at = join(container.volume, "opendkim");
	for (const [domain, key] of [
		["example.com", old],
		["example.org", others],
	] as const)
		await write(join(at, "keys", domain, "202610.private"), key.pem);
	const line = (domain: string) =>
		`202610._domainkey.${domain} ${domain}:202610:/etc/opendkim/keys/${domain}/202610.private\n`;
	await write(join(at, "KeyTable"), `${line("example.com")}${line("example.org")}`);
	await write(
		join(at, "SigningTable"),
		"*@example.com 202610._domainkey.example.com\n*@example.org 202610._domainkey.example.org\n",
	);
	await write(join(at, "TrustedHosts"), "127.0.0.1\nlocalhost\n");
	await container.act("start");
	return {
		signer: signerOf(container, {}),
		domain: "example.com",
		inUse: { selector: "202610", record: old.record },
		other: "example.org",
		reload: async () => {
			await container.act("stop");
			await container.act("up");
		},
		kill: async () => void (await container.act("stop")),
		spoilConfiguration: async () =>
			appendFile(join(container.directory, "etc/opendkim.conf"), "NoSuch yes\n"),
	};
}

/** rspamd reads the volume where the container has it; here that is another name of the same directory. */
async function startWithRspamd(): Promise<SignerBench> {
	const container = await prepareContainer();
	const rspamd = await prepareRspamd();
	const { volume, directory } = container;
	const inside = join(rspamd.directory, "inside");
	await symlink(volume, inside);
	for (const path of [directory, volume]) await chmod(path, 0o755);
	const [uid, gid] = ["-u", "-g"].map((option) =>
		Number(execFileSync("/usr/bin/id", [option, "_rspamd"], { encoding: "utf8" })),
	) as [number, number];
	for (const [name, key] of [
		["mail.private", old],
		["other.private", others],
	] as const)
		await chown(await write(join(volume, "rspamd/dkim", name), key.pem), uid, gid);
	const config = await write(
		join(volume, "rspamd/override.d/dkim_signing.conf"),
		`# documentation: https://rspamd.com/doc/modules/dkim_signing.html

enabled = true;

sign_authenticated = true;
sign_local = false;
try_fallback = false;

use_domain = "header";
use_redis = false; # don't change unless Redis also provides the DKIM keys
use_esld = true;
allow_username_mismatch = true;

check_pubkey = true; # you want to use this in the beginning

domain {
    example.com {
        path = "${inside}/rspamd/dkim/mail.private";
        selector = "202610";
    }
    example.org { path = "${inside}/rspamd/dkim/other.private"; selector = "202609"; }
}
`,
	);
	await symlink(config, rspamd.configPath);
	await container.act("start");
	const running = await rspamd.start();
	const port = rspamd.port;
	await writeFile(
		container.exec[0],
		`#!/bin/sh
case "$1" in
	rspamc) shift; exec rspamc --connect=127.0.0.1:${port} "$@" ;;
	rspamadm) exec rspamadm "$2" -q -c ${rspamd.mainPath} ;;
esac
`,
	);
	return {
		signer: signerOf(container, { signs: "rspamd", inside }),
		domain: "example.com",
		inUse: { selector: "202610", record: old.record },
		other: "example.org",
		reload: async () => running.restart(),
		kill: async () => void (await container.act("stop")),
		spoilConfiguration: async () => appendFile(rspamd.mainPath, "} }\n"),
	};
}
