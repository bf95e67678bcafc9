import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { createProvider } from "../../../providers/zonefile/provider.ts";
import { settingsSchema } from "../../../providers/zonefile/settings.ts";
import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import { createPublisher } from "../../../src/publishing/publisher.ts";
import { createTurns } from "../../../src/publishing/turns.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createSystemDisk } from "../../../src/system/disk.ts";
import { createProgramTrust } from "../../../src/system/program-trust.ts";
import { createSystemPrograms } from "../../../src/system/programs.ts";
import { createSystemRandom } from "../../../src/system/random.ts";
import { describeProviderContract, type ProviderBench, valueOf } from "../../providers/contract.ts";
import { startBind } from "../bind.ts";
import { askPlainly, served } from "../dns-question.ts";
import { freePort, type StartedServer, waitUntil } from "../program.ts";

const ZONE = "example.test";
const KEY = { name: "control", algorithm: "hmac-sha256", secret: randomBytes(32).toString("base64") };
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const clock = createSystemClock();
const signal = new AbortController().signal;
const SOA = `; kept by hand
@ IN SOA ns1 hostmaster ( 2026010101 ; serial
	3600 60 86400 60 )
@ IN NS ns1
ns1 IN A 127.0.0.1
long TXT ( "over several"
	" lines" ) ; as people write it
`;

describeProviderContract("a zone file of BIND", async () => benchOf(await started()));
describeProviderContract("a zone file of BIND, through the publisher", async () => {
	const bench = benchOf(await started());
	const tools = { turns: createTurns(), clock, random: createSystemRandom(), log: SILENT };
	return { ...bench, provider: createPublisher({ ...tools, provider: bench.provider }) };
});

test("what named-checkzone refuses is not written, and BIND serves on", async () => {
	const host = await started();
	onTestFinished(host.stop);
	const before = `${await readFile(host.file, "utf8")}two CNAME ns1\ntwo A 127.0.0.1\n`;
	await writeFile(host.file, before);
	const name = `s1._domainkey.${ZONE}`;
	const add = { kind: "add", name, value: valueOf(410), ttlSeconds: 300 } as const;
	const direct = host.providerWith(["/bin/true", "{zone}"]);
	const [result] = await direct.change(ZONE, [add], signal);
	expect(result).toMatchObject({ kind: "refused", why: expect.stringContaining("CNAME and other data") });
	expect(await readFile(host.file, "utf8")).toBe(before);
	expect(await served(host, `long.${ZONE}`)).toEqual(["over several lines"]);
});

const OWN_WRITERS: readonly (readonly [string, string, (host: Host) => Promise<unknown>])[] = [
	["takes updates for", "allow-update { localhost; };", update],
	["signs inline", "dnssec-policy default; inline-signing yes;", signed],
];

test.each(OWN_WRITERS)("a zone that BIND %s is left to dynamic updates", async (_, statements, writes) => {
	const host = await started({ statements });
	onTestFinished(host.stop);
	await writes(host);
	const before = await readFile(host.file, "utf8");
	const add = { kind: "add", name: `s1._domainkey.${ZONE}`, value: valueOf(410), ttlSeconds: 300 } as const;
	expect(await host.provider.change(ZONE, [add], signal)).toMatchObject([
		{ kind: "refused", hint: expect.stringContaining("rfc2136") },
	]);
	expect(await readFile(host.file, "utf8")).toBe(before);
});

async function update({ address, port, directory }: Host): Promise<void> {
	const lines = ["server", address, port, "\nzone", ZONE, `\nupdate add x.${ZONE} 60 A 127.0.0.1\nsend\n`];
	await writeFile(join(directory, "update"), lines.join(" "));
	await promisify(execFile)("/usr/bin/nsupdate", [join(directory, "update")]);
}

async function signed({ directory }: Host): Promise<void> {
	const isSigned = async (): Promise<boolean> =>
		(await readdir(join(directory, "zones"))).includes(`${ZONE}.zone.signed`);
	await waitUntil("BIND to sign the zone", isSigned);
}

interface Host extends StartedServer {
	readonly file: string;
	readonly provider: DnsProvider;
	readonly reload: readonly [string, ...string[]];
	providerWith(reload: readonly [string, ...string[]]): DnsProvider;
}

async function started({ statements = "" } = {}): Promise<Host> {
	const controlPort = await freePort();
	const controls = `inet 127.0.0.1 port ${controlPort} allow { 127.0.0.1; } keys { "${KEY.name}"; };`;
	const server = await startBind({
		zones: [{ name: ZONE, records: SOA, statements }],
		tsigKeys: [KEY],
		controls,
	});
	const keyFile = join(server.directory, "rndc.key");
	await writeFile(keyFile, `key "${KEY.name}" { algorithm ${KEY.algorithm}; secret "${KEY.secret}"; };\n`);
	const file = join(server.directory, "zones", `${ZONE}.zone`);
	const port = String(controlPort);
	const reload = [
		"/usr/sbin/rndc",
		"-s",
		"127.0.0.1",
		"-p",
		port,
		"-k",
		keyFile,
		"reload",
		"{zone}",
	] as const;
	const providerWith: Host["providerWith"] = (command) =>
		createProvider({
			name: "local",
			settings: settingsSchema.parse({
				zones: { [ZONE]: file },
				reload: command,
				directory: server.directory,
			}),
			disk: createSystemDisk(),
			programs: createSystemPrograms(),
			programTrust: createProgramTrust(createSystemDisk(), process.getuid?.() ?? 0),
			clock,
		});
	return { ...server, file, reload, providerWith, provider: providerWith(reload) };
}

function benchOf(host: Host): ProviderBench {
	const rndc = host.reload.map((word) => (word === "{zone}" ? ZONE : word));
	return {
		provider: host.provider,
		zone: ZONE,
		async serves(name) {
			// BIND takes a reload on, and carries it out a moment later.
			await waitUntil(
				"BIND to serve the file",
				async () => (await serialOf(host)) === (await serialIn(host)),
			);
			return served(host, name);
		},
		async plant(name, strings) {
			const line = strings.map((text) => `"${text}"`).join(" ");
			await appendFile(host.file, `${name}. 60 IN TXT ${line}\n`);
			const text = await readFile(host.file, "utf8");
			const next = (await serialIn(host)) + 1;
			await writeFile(host.file, text.replace(/\d+ ; serial/, `${next} ; serial`));
			await promisify(execFile)(rndc[0] ?? "", rndc.slice(1));
		},
		async stop() {
			// Whatever was added and removed, nobody's line was touched.
			const text = await readFile(host.file, "utf8");
			expect(text.replace(/\d+ ; serial/, "2026010101 ; serial")).toContain(SOA);
			await host.stop();
		},
	};
}

async function serialIn({ file }: Host): Promise<number> {
	return Number(/(\d+) ; serial/.exec(await readFile(file, "utf8"))?.[1]);
}

async function serialOf(host: Host): Promise<number | null> {
	const packet = await askPlainly(host, ZONE, "SOA");
	const [soa] = packet?.answers ?? [];
	return soa?.type === "SOA" ? (soa.data.serial ?? null) : null;
}
