/** What an rspamd has configured now, or would have with staged files: its section, and the keys that it or a layout names. */

import { hashOf } from "../../durable.ts";
import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { Programs } from "../../ports/programs.ts";
import type { Signer, SignerFile } from "../../ports/signer.ts";
import type { Sockets } from "../../ports/sockets.ts";
import { type Account, findAccount, readAccounts } from "../accounts.ts";
import type { RunProbe } from "../probe-protocol.ts";
import { withOtherFile } from "./both-files.ts";
import { type Layout, readLayout } from "./layout.ts";
import { readRedis } from "./redis-keys.ts";
import type { RedisSettings, RspamdSettings } from "./settings.ts";
import { isOn, readSection, type SigningKey, type SigningSection } from "./signing-section.ts";

/** What an rspamd is read, changed and proven with. */
export interface RspamdOptions {
	/** Its name in keyturn.yaml. */
	readonly name: string;
	readonly settings: RspamdSettings;
	readonly service: string;
	readonly swap: "restart" | "reload";
	readonly disk: Disk;
	readonly programs: Programs;
	readonly sockets: Sockets;
	readonly runProbe: RunProbe;
}

/** As it was read. */
export interface Live {
	/** The file with `domain { }`. */
	readonly file: SignerFile;
	/** With the options of the other file, too. */
	readonly section: SigningSection;
	/** The file of override.d beside one of local.d, or the other way round; null where there is none. */
	readonly other: string | null;
	/** Where the keys are named elsewhere. */
	readonly layout: Layout | null;
	readonly keys: readonly NamedKey[];
	readonly account: Account;
}

/** A key, wherever it is named; whoever names it may call it by a name of its own. */
export type NamedKey = Pick<SigningKey, "domain" | "selector" | "path" | "problem"> & {
	readonly entry: string;
	readonly signs: boolean;
};

const FILE_LIMIT_BYTES = 4 * 1024 * 1024;

/** With what is staged in place of live files; fails with `signer.config` on what cannot be followed. */
export async function readLive(
	options: RspamdOptions,
	staged: ReadonlyMap<string, string> = new Map(),
): Promise<Live> {
	const { disk, settings } = options;
	const { file, section, other } = await readConfiguration(options, staged);
	const keyPath = keyPathOf(settings);
	const redis = redisIn(section, settings);
	const layout =
		redis === null
			? await readLayout({ disk, section, keyPath, staged })
			: await readRedis({ ...options, redis, section, keyPath }, staged);
	const keys =
		layout?.rows.map((row) => ({ ...row, entry: row.label ?? row.domain })) ??
		section.keys.map((key) => ({ ...key, entry: key.domain, signs: true }));
	const account = findAccount(await readAccounts(disk), settings.user);
	return { file, section, other, layout, keys, account };
}

/** The file with `domain { }`, and the options of both. */
export async function readConfiguration(
	{ disk, settings }: RspamdOptions,
	staged: ReadonlyMap<string, string>,
): Promise<Pick<Live, "file" | "section" | "other">> {
	const path = (await disk.realpath(settings.config)) ?? settings.config;
	const bytes = await disk.read(staged.get(path) ?? path, FILE_LIMIT_BYTES);
	if (bytes === null) throw new KeyturnError("signer.config", `${settings.config} is absent`);
	const own = readSection(Buffer.from(bytes).toString("latin1"), settings.config);
	return { file: { path, bytes, hash: hashOf(bytes) }, ...(await withOtherFile(disk, settings.config, own)) };
}

/** Where a key file goes. */
export function keyPathOf({ keys }: RspamdSettings): Signer["keyPath"] {
	if (!keys.includes("$")) return (domain, selector) => `${keys}/${domain}/${selector}.private`;
	return (domain, selector) => keys.replaceAll("$domain", domain).replaceAll("$selector", selector);
}

/** Fails with `signer.config` where rspamd and keyturn.yaml differ in it. */
function redisIn({ options }: SigningSection, settings: RspamdSettings): RedisSettings | null {
	const isAsked = isOn(options.get("use_redis"));
	if (isAsked === (settings.redis !== null)) return settings.redis;
	throw new KeyturnError(
		"signer.config",
		isAsked
			? `${settings.config} has use_redis, and keyturn.yaml names no \`redis\` for this signer`
			: `keyturn.yaml names \`redis\` for this signer, and ${settings.config} has no use_redis`,
		{ hint: "docs/signers.md shows both." },
	);
}

/** Whether a switch stands, and is off. */
export function isNo(value: string | undefined): boolean {
	return value !== undefined && /^(?:false|no|off)$/i.test(value);
}

/** The probe comes from loopback, of somebody who has logged in. */
export function signsNoProbe(options: ReadonlyMap<string, string>): boolean {
	return isNo(options.get("sign_local")) && isNo(options.get("sign_authenticated"));
}
