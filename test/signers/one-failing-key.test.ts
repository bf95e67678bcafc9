import { describe, expect, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { Disk } from "../../src/ports/disk.ts";
import type { ProgramRequest, Programs } from "../../src/ports/programs.ts";
import type { Signer } from "../../src/ports/signer.ts";
import { settingsSchema as commandSettings } from "../../src/signers/command/settings.ts";
import { createCommandSigner } from "../../src/signers/command/signer.ts";
import { settingsSchema as dkimproxySettings } from "../../src/signers/dkimproxy/settings.ts";
import { createDkimproxySigner } from "../../src/signers/dkimproxy/signer.ts";
import { settingsSchema as dockerSettings } from "../../src/signers/docker-mailserver/settings.ts";
import { createDockerMailserverSigner } from "../../src/signers/docker-mailserver/signer.ts";
import type { RunProbe } from "../../src/signers/probe-protocol.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";
import { simKey } from "../fakes/sim-signer.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";

const KEYS = "/srv/dms/config/opendkim/keys";
const FILES = {
	"/etc/passwd": "root:x:0:0::/root:/bin/sh\nsigner:x:107:113::/:/bin/false\n",
	"/etc/group": "root:x:0:\nsigner:x:113:\n",
	"/etc/dkimproxy/dkimproxy_out.conf": "listen 127.0.0.1:10027\nsender_map /t/map\n",
	"/t/map": `b.example dkim(s=s,key=${KEYS}/b)\na.example dkim(s=s,key=${KEYS}/a)\n`,
	"/t/in-use": `b.example s ${KEYS}/b\na.example s ${KEYS}/a\n`,
	"/srv/dms/config/opendkim/KeyTable":
		"b b.example:s:/etc/opendkim/keys/b\na a.example:s:/etc/opendkim/keys/a\n",
	"/srv/dms/config/opendkim/SigningTable": "*@b.example b\n*@a.example a\n",
	"/prove": "",
	[`${KEYS}/a`]: simKey("a.example s").key,
	[`${KEYS}/b`]: simKey("b.example s").key,
};

interface Parts {
	readonly disk: Disk;
	readonly programs: Programs;
	readonly outside: Programs;
	readonly runProbe: RunProbe;
}

const about = { name: "main", service: "signer", swap: "restart" } as const;

/** Each signs for b.example before a.example. */
const SIGNERS: Readonly<Record<string, (parts: Parts) => Signer>> = {
	command: (parts) =>
		createCommandSigner({
			...about,
			...parts,
			settings: commandSettings.parse({
				table: "/t/in-use",
				keys: "/keys",
				apply: ["/prove"],
				prove: ["/prove"],
				user: "signer",
			}),
		}),
	dkimproxy: (parts) =>
		createDkimproxySigner({
			...about,
			...parts,
			settings: dkimproxySettings.parse({ keys: "/keys", user: "signer" }),
		}),
	"docker-mailserver": (parts) =>
		createDockerMailserverSigner({
			...about,
			...parts,
			clock: createSleepingClock(),
			settings: dockerSettings.parse({ volume: "/srv/dms/config" }),
		}),
};

/** Whoever is asked to sign for a domain does it, or fails as `failing` says of the domain. */
function signerOf(name: string, failing: (domain: string) => "refuses" | "hangs" | null): Signer {
	const sim = new SimDisk(() => new Date(0));
	for (const [path, text] of Object.entries(FILES)) sim.put(path, text);
	const run = async ({ argv, input = "" }: ProgramRequest) => {
		// The container's copy of its table.
		if (argv.includes("cat"))
			return Promise.resolve({
				status: 0,
				signal: null,
				stdout: FILES["/srv/dms/config/opendkim/KeyTable"],
				stderr: "",
			});
		const domain = /[ab]\.example/.exec(`${argv.join(" ")} ${String(input)}`)?.[0] ?? "";
		const how = failing(domain);
		if (how === "hangs") throw new KeyturnError("program.timeout", `${argv[0]} takes too long`);
		const stdout = `DKIM-Signature: d=${domain}\r\n${String(input)}`;
		const result = how === null ? { status: 0, stdout } : { status: 1, stdout: "" };
		return Promise.resolve({ ...result, signal: null, stderr: "cannot read it" });
	};
	const runProbe: RunProbe = async (request) => {
		const expectations = "expectations" in request ? request.expectations : [];
		const verdicts = expectations.map(({ domain, selector }) => {
			return { domain, selector, outcome: "signed" as const, reason: null };
		});
		return Promise.resolve({ isUp: true, reason: null, verdicts });
	};
	const disk = sim.open({ process: createSimProcess() });
	const create = SIGNERS[name];
	if (create === undefined) throw new Error(`no signer ${name}`);
	return create({ disk, programs: { run }, outside: { run }, runProbe });
}

const BOTH = ["b.example", "a.example"].map((domain) => {
	return { domain, selector: "s", record: simKey(`${domain} s`).record };
});

describe.each(Object.keys(SIGNERS))("with %s", (name) => {
	test("a key whose message cannot be signed fails alone", async () => {
		const signer = signerOf(name, (domain) => (domain === "b.example" ? "refuses" : null));
		const reading = await signer.read();
		await signer.ready(10_000, reading);
		expect(await signer.probe(BOTH, reading)).toEqual([
			{
				domain: "b.example",
				selector: "s",
				outcome: "failed",
				reason: expect.stringContaining("cannot read it") as string,
			},
			{ domain: "a.example", selector: "s", outcome: "signed", reason: null },
		]);
	});

	test("where none can be signed it does not answer, and where one hangs nobody waits for the next", async () => {
		const refusing = signerOf(name, () => "refuses");
		await expect(refusing.probe(BOTH, await refusing.read())).rejects.toThrow("cannot read it");
		const hanging = signerOf(name, (domain) => (domain === "b.example" ? "hangs" : null));
		await expect(hanging.probe(BOTH, await hanging.read())).rejects.toThrow("takes too long");
	});
});
