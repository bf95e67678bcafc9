/** A mail host of the demo's own in a scratch directory: OpenDKIM's files with a key for each domain, and keyturn.yaml. */

import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatKeyRecord } from "../../src/dkim/key-record.ts";
import { publicHalf, recordText } from "../../src/dkim/key-material.ts";
import { keyRecordName } from "../../src/dkim/names.ts";
import type { TsigKey } from "../../src/dns/dns-wire/tsig.ts";
import type { Disk } from "../../src/ports/disk.ts";
import type { Random } from "../../src/ports/random.ts";
import type { MakeKey } from "../../src/system/key-maker.ts";
import type { NameServer } from "./name-servers.ts";

export const DOMAINS = ["example.com", "example.net", "example.org"] as const;

export interface ScratchHost {
	readonly directory: string;
	readonly configPath: string;
	readonly signerConfigPath: string;
	readonly signerSocket: string;
	readonly tsig: TsigKey;
	/** The selector that signs before keyturn comes. */
	readonly selector: string;
	/** By domain: the key records that stand already. */
	readonly zones: ReadonlyMap<string, ReadonlyMap<string, string>>;
	/** The machine's files, with accounts of the demo's own: it runs as whoever started it, known here as opendkim. */
	readonly disk: Disk;
	/** Writes keyturn.yaml once it is known where the servers listen; answers its text. */
	configure(servers: { readonly primary: NameServer; readonly second: NameServer }): Promise<string>;
	remove(): Promise<void>;
}

export async function makeScratchHost(given: {
	readonly disk: Disk;
	readonly random: Random;
	readonly makeKey: MakeKey;
	readonly now: Date;
}): Promise<ScratchHost> {
	const directory = await makeDirectory();
	const path = (name: string): string => join(directory, name);
	const selector = monthBefore(given.now);
	const tsig = { name: "keyturn", algorithm: "hmac-sha256", secret: given.random.bytes(32) } as const;
	await mkdir(path("keys"), { mode: 0o700 });
	const zones = new Map<string, ReadonlyMap<string, string>>();
	for (const domain of DOMAINS) {
		const { pem } = await given.makeKey({ algorithm: "rsa", bits: 2048 });
		await writeFile(path(`keys/${domain}.private`), pem, { mode: 0o600 });
		zones.set(domain, new Map([[keyRecordName(selector, domain), recordOf(pem)]]));
	}
	await writeFile(path("key.table"), DOMAINS.map((domain) => keyLine(domain, selector, path)).join(""));
	await writeFile(path("signing.table"), DOMAINS.map((domain) => `*@${domain} ${domain}\n`).join(""));
	await writeFile(path("opendkim.conf"), signerConfiguration(path));
	await writeFile(path("tsig.key"), tsigFile(tsig), { mode: 0o600 });
	return {
		directory,
		configPath: path("keyturn.yaml"),
		signerConfigPath: path("opendkim.conf"),
		signerSocket: path("opendkim.sock"),
		tsig,
		selector,
		zones,
		disk: withAccounts(given.disk),
		async configure(servers) {
			const text = configuration(directory, servers, given.now);
			await writeFile(path("keyturn.yaml"), text);
			await chmod(path("keyturn.yaml"), 0o644);
			return text;
		},
		remove: () => rm(directory, { recursive: true, force: true }),
	};
}

/** OpenDKIM reads no path with a blank, # or % in it, and a socket's path is short. */
async function makeDirectory(): Promise<string> {
	const usual = await realpath(tmpdir());
	const base = /[\s#%]/.test(usual) || usual.length > 60 ? "/tmp" : usual;
	return mkdtemp(join(base, "keyturn-demo-"));
}

function recordOf(pem: string): string {
	const half = publicHalf(pem);
	if (half === null) throw new Error("the key just made cannot be read");
	return formatKeyRecord({ algorithm: half.algorithm, publicKey: recordText(half) });
}

/** 202609 in October 2026. */
function monthBefore(now: Date): string {
	const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1));
	return month.toISOString().slice(0, 7).replace("-", "");
}

function keyLine(domain: string, selector: string, path: (name: string) => string): string {
	return `${domain} ${domain}:${selector}:${path(`keys/${domain}.private`)}\n`;
}

function signerConfiguration(path: (name: string) => string): string {
	return [
		"Mode sv",
		"Canonicalization relaxed/simple",
		`Socket local:${path("opendkim.sock")}`,
		"UserID opendkim",
		"# The scratch directory lies below one that everybody may write to.",
		"RequireSafeKeys no",
		`KeyTable ${path("key.table")}`,
		`SigningTable refile:${path("signing.table")}`,
		"",
	].join("\n");
}

function tsigFile({ name, algorithm, secret }: TsigKey): string {
	const text = Buffer.from(secret).toString("base64");
	return `key "${name}" {\n\talgorithm ${algorithm};\n\tsecret "${text}";\n};\n`;
}

function configuration(
	directory: string,
	servers: { readonly primary: NameServer; readonly second: NameServer },
	now: Date,
): string {
	const [ns1, ns2] = [servers.primary, servers.second].map(({ address, port }) => `"${address}:${port}"`);
	return [
		`schedule: "0 3 1 ${nextMonths(now).join(",")} *"   # two turns, a month apart`,
		"publish_ahead: 3d",
		'window: "02:00-05:00"',
		"timezone: UTC",
		'selector: "{yyyy}{mm}"',
		"record: { ttl: 1h }",
		`verify: { nameservers: [${ns1}, ${ns2}], resolvers: [] }`,
		"retire: { grace: 14d, adopted: true }",
		"signer:",
		"  type: opendkim",
		`  config: ${directory}/opendkim.conf`,
		`  keys: ${directory}/keys`,
		"services:",
		"  stop: [demo-postfix, demo-opendkim]",
		"  start: [demo-opendkim, demo-postfix]",
		"providers:",
		`  home: { type: rfc2136, server: ${ns1}, keyfile: ${directory}/tsig.key }`,
		"domains:",
		...DOMAINS.map((domain) => `  - { name: ${domain}, provider: home }`),
		`state: ${directory}/state`,
		"",
	].join("\n");
}

/** The months of the next two firsts at three o'clock. */
function nextMonths(now: Date): readonly number[] {
	const first = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1, 3));
	const next = now < first ? 0 : 1;
	const months = [next, next + 1].map(
		(ahead) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1)).getUTCMonth() + 1,
	);
	return months.toSorted((a, b) => a - b);
}

function withAccounts(disk: Disk): Disk {
	const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
	const files = new Map([
		["/etc/passwd", `opendkim:x:${uid}:${gid}::/nonexistent:/usr/sbin/nologin\n`],
		["/etc/group", `opendkim:x:${gid}:\n`],
	]);
	return {
		...disk,
		read: async (path, limitBytes) => {
			const text = files.get(path);
			return text === undefined ? disk.read(path, limitBytes) : Buffer.from(text);
		},
	};
}
