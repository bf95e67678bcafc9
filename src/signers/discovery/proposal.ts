/** Reads a signer with the settings that `keyturn init` would write for it, and says what of it can be turned. */

import { publicHalfOf } from "../../dkim/key-material.ts";
import { asKeyturnError } from "../../errors.ts";
import type { FoundKey, FoundSetting, FoundSigner } from "../../ports/found-signer.ts";
import type { ProgramTrust } from "../../ports/program-trust.ts";
import type { Signer, SignerReading, SigningLine } from "../../ports/signer.ts";
import { SIGNER_TYPES, type SignerTools } from "../registry.ts";

/** What finds signers needs besides what they themselves do. */
export interface DiscoveryTools extends SignerTools {
	readonly programTrust: ProgramTrust;
}

export interface Proposal {
	readonly type: string;
	readonly service: string;
	/** The file to be named where something is wrong with it. */
	readonly config: string;
	readonly settings: Readonly<Record<string, FoundSetting>>;
	/** Where `keys` is a directory, that in which most of the keys in use lie is taken in its place. */
	readonly keysFollow: boolean;
	readonly swap: FoundSigner["swap"];
	/** Whether its user reads at a reload what root reads at a start: then its own program is asked whether it can. */
	readonly reloadsAsItsUser?: boolean;
	readonly isBehindMailServer?: boolean;
	readonly commands?: FoundSigner["commands"];
}

/** Reads only; what fails is told as its problem. */
export async function lookAt(tools: SignerTools, proposal: Proposal): Promise<FoundSigner> {
	const { config, settings } = proposal;
	try {
		const signer = await signerOf(tools, proposal, "restart");
		const reading = await signer.read();
		const { lines } = reading;
		const directory = proposal.keysFollow ? ownDirectory(keysDirectory(lines)) : null;
		return {
			...asFound(proposal),
			settings: directory === null ? settings : { ...settings, keys: directory },
			swap: await swapOf(tools, proposal, { signer, reading }),
			keys: lines.filter(isTurnable).map(keyOf),
			problems: lines.flatMap(({ entry, problem }) =>
				problem === null ? [] : [placed(config, entry === "" ? problem : `${entry}: ${problem}`)],
			),
		};
	} catch (thrown) {
		return { ...asFound(proposal), problems: [placed(config, asKeyturnError(thrown).message)] };
	}
}

/** One of which nothing is known but what was proposed. */
export function asFound(proposal: Proposal): FoundSigner {
	const { type, service, settings, swap, isBehindMailServer = true, commands = null } = proposal;
	const nothing = { keys: [], problems: [], steps: [] };
	return { type, service, settings, swap, isBehindMailServer, commands, ...nothing };
}

/** The first of these that is there; null if none is. */
export async function firstThere(
	{ disk }: Pick<SignerTools, "disk">,
	paths: readonly string[],
): Promise<string | null> {
	for (const path of paths) if ((await disk.stat(path)) !== null) return path;
	return null;
}

/** The text of a file that may be absent: null then. */
export async function textOf({ disk }: Pick<SignerTools, "disk">, path: string): Promise<string | null> {
	const bytes = await disk.read(path, TEXT_LIMIT_BYTES);
	return bytes === null ? null : Buffer.from(bytes).toString("latin1");
}

/** Where most of the keys in use lie: `<keys>/<domain>/…`, or `<keys>/…`; null if none is known. */
export function keysDirectory(lines: readonly Pick<SigningLine, "domain" | "keyPath">[]): string | null {
	const counts = new Map<string, number>();
	for (const { domain, keyPath } of lines) {
		const [file = "", parent = "", ...above] = keyPath.split("/").toReversed();
		const directory = (parent === domain ? above : [parent, ...above]).toReversed().join("/");
		if (file !== "" && directory.length > 1) counts.set(directory, (counts.get(directory) ?? 0) + 1);
	}
	const [most] = [...counts].toSorted(([, one], [, other]) => other - one);
	return most?.[0] ?? null;
}

const TEXT_LIMIT_BYTES = 1024 * 1024;
/** Where other programs have files of theirs: no place for new keys. */
const OTHERS = [
	"/etc",
	"/etc/postfix",
	"/etc/mail",
	"/etc/exim4",
	"/etc/exim",
	"/etc/rspamd",
	"/etc/ssl/private",
	"/root",
];

function ownDirectory(directory: string | null): string | null {
	return directory === null || OTHERS.includes(directory) ? null : directory;
}

async function signerOf(
	tools: SignerTools,
	{ type, service, settings }: Proposal,
	swap: "restart" | "reload",
): Promise<Signer> {
	const known = await SIGNER_TYPES[type]?.();
	if (known === undefined) throw new Error(`no signer of type ${type}`);
	return known.create({
		...tools,
		name: "found",
		service,
		swap,
		settings: known.settingsSchema.parse(settings),
	});
}

/** What the signer refuses for a reload, and not for a restart, is not recommended. */
async function swapOf(
	tools: SignerTools,
	proposal: Proposal,
	{ signer, reading }: { readonly signer: Signer; readonly reading: SignerReading },
): Promise<FoundSigner["swap"]> {
	const { swap } = proposal;
	if (swap.isOnly || swap.recommended === "restart") return swap;
	const reloading = await signerOf(tools, proposal, "reload");
	const why =
		(await whyNoReload(reloading, signer, reading)) ??
		(proposal.reloadsAsItsUser === true ? await whyUnreadable(reloading, signer) : null);
	return why === null ? swap : { recommended: "restart", why, isOnly: true };
}

async function whyNoReload(
	reloading: Signer,
	restarting: Signer,
	{ lines }: SignerReading,
): Promise<string | null> {
	try {
		const reading = await reloading.read();
		for (const { keyPath } of lines.filter(isTurnable)) {
			const why = await reloading.unsafe(keyPath, reading);
			if (why !== null && (await restarting.unsafe(keyPath, reading)) === null)
				return `a reload would not do: ${why}`;
		}
		return null;
	} catch (thrown) {
		return `a reload would not do: ${asKeyturnError(thrown).message}`;
	}
}

/** Tables and lists of hosts, for which a start needs no right of the signer's user. */
async function whyUnreadable(reloading: Signer, restarting: Signer): Promise<string | null> {
	try {
		const why = await reloading.preflight();
		if (why === null || (await restarting.preflight()) !== null) return null;
		return `a reload would not do: ${why}`;
	} catch {
		return null;
	}
}

function isTurnable(line: SigningLine): boolean {
	return line.signs && line.problem === null;
}

function keyOf({ domain, selector, keyPath, publicKey }: SigningLine): FoundKey {
	const half = publicKey === null ? null : publicHalfOf(publicKey);
	return { domain, selector, path: keyPath, algorithm: half?.algorithm ?? null };
}

function placed(config: string, problem: string): string {
	return problem.includes(config) ? problem : `${config}: ${problem}`;
}
