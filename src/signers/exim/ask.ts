/** Asks an Exim what its transports would sign with, as the user that it delivers as: it expands its own options (`-be`). */

import { KeyturnError } from "../../errors.ts";
import type { Programs } from "../../ports/programs.ts";
import type { SignerReading } from "../../ports/signer.ts";
import type { EximSettings } from "./settings.ts";

export interface EximAsked {
	readonly programs: Programs;
	readonly settings: EximSettings;
	readonly owner: SignerReading["owner"];
}

/** A transport that can sign, with its options as Exim read them, macros put in. */
export interface SigningTransport {
	readonly name: string;
	readonly domain: string;
	readonly selector: string;
	readonly key: string;
}

const NEVER = new AbortController().signal;
const ANSWER_MS = 30_000;
const WORDS_LIMIT = 500;

/** Why Exim does not start with its configuration; null if it does. */
export async function whyNotRead(asked: EximAsked, timeoutMs = ANSWER_MS): Promise<string | null> {
	const result = await run(asked, ["-bV"], timeoutMs);
	if (result.status === 0) return null;
	return `exim -bV: ${(result.stderr || result.stdout).trim().slice(0, WORDS_LIMIT)} (exit status ${result.status})`;
}

/** Those with a dkim_private_key; fails with `signer.config` where none has one, and with `signer.probe` where Exim did not say. */
export async function signingTransports(asked: EximAsked): Promise<readonly SigningTransport[]> {
	const { status, stdout, stderr } = await run(asked, ["-bP", "transports"]);
	const transports = stdout.split(/^(?=\S+ transport:$)/m).flatMap((text) => {
		const name = /^(\S+) transport:$/m.exec(text)?.[1];
		const [domain = "", selector = "", key = ""] = ["dkim_domain", "dkim_selector", "dkim_private_key"].map(
			(option) => optionIn(text, option),
		);
		return name === undefined || key === "" ? [] : [{ name, domain, selector, key }];
	});
	if (transports.length > 0) return transports;
	if (status !== 0)
		throw new KeyturnError(
			"signer.probe",
			`exim -bP transports: ${stderr.trim().slice(0, WORDS_LIMIT) || "it said nothing"} (exit status ${status})`,
			{ retry: true },
		);
	throw new KeyturnError("signer.config", "no transport of Exim's has a dkim_private_key", {
		hint: "docs/signers.md has the three macros that have it look into the table.",
	});
}

/** Names of those that deliver by SMTP and have no dkim_private_key: mail through them leaves unsigned. */
export async function unsigningTransports(asked: EximAsked): Promise<readonly string[]> {
	const { stdout } = await run(asked, ["-bP", "transports"]);
	return stdout.split(/^(?=\S+ transport:$)/m).flatMap((text) => {
		const name = /^(\S+) transport:$/m.exec(text)?.[1];
		const isSmtp = optionIn(text, "driver") === "smtp" && optionIn(text, "protocol") !== "lmtp";
		return name === undefined || !isSmtp || optionIn(text, "dkim_private_key") !== "" ? [] : [name];
	});
}

interface SigningValues {
	/** Those that it would sign for; with each it asks for the selector and the key. */
	readonly domains: readonly string[];
	readonly selector: string;
	readonly path: string;
}

/** What a transport makes of mail from a domain, the other two as for that domain: empty where it would not sign. */
export async function valuesFor(
	asked: EximAsked,
	transport: SigningTransport,
	domain: string,
	staged: ReadonlyMap<string, string> = new Map(),
): Promise<SigningValues> {
	const put = (option: string): string =>
		withFrom(staging(option, asked.settings.table, staged), `postmaster@${domain}`);
	const domains = itemsOf((await expand(asked, domain, [put(transport.domain)])).join("\n"));
	const [selector = ""] = await expand(asked, domain, [withDomain(put(transport.selector), domain)]);
	const key = withDomain(put(transport.key), domain).replace(/\$\{?dkim_selector\}?/g, () => selector);
	const [path = ""] = await expand(asked, domain, [key]);
	return { domains, selector, path };
}

/** Whether Exim can read the file; never the file itself. */
export async function whyUnreadable(asked: EximAsked, path: string): Promise<string | null> {
	const [answer = ""] = await expand(asked, "keyturn.invalid", [`\${strlen:\${readfile{${path}}}}`]);
	return /^[1-9]\d*$/.test(answer) ? null : answer.slice(0, WORDS_LIMIT);
}

function optionIn(text: string, option: string): string {
	return new RegExp(`^${option} = (.*)$`, "m").exec(text)?.[1] ?? "";
}

function staging(option: string, table: string, staged: ReadonlyMap<string, string>): string {
	const [beside] = staged.values();
	return beside === undefined ? option : option.replaceAll(table, () => beside);
}

/** Outside a delivery there is no message whose header could be asked for. */
function withFrom(option: string, sender: string): string {
	return option.replace(/\$[rbl]?h(?:eader)?_(?:from|From|FROM):/g, () => sender);
}

/** Of a list of Exim's (spec, "List construction"): colons between, or what stands after a `<` at its start. None where it was not expanded. */
function itemsOf(list: string): readonly string[] {
	if (list.startsWith("Failed: ")) return [];
	const [, separator = ":", items = list] = /^\s*<([^a-z\d ])(.*)$/is.exec(list) ?? [];
	return items.split(separator).flatMap((item) => item.trim().toLowerCase() || []);
}

/** Outside a delivery Exim does not set it. */
function withDomain(option: string, domain: string): string {
	return option.replace(/\$\{dkim_domain\}|\$dkim_domain\b/g, () => domain);
}

async function expand(
	asked: EximAsked,
	domain: string,
	texts: readonly string[],
): Promise<readonly string[]> {
	const { status, stdout, stderr } = await run(asked, ["-f", `postmaster@${domain}`, "-be", ...texts]);
	const lines = stdout.split("\n");
	// One each at least, if an empty one: of an Exim that did not get so far nothing follows.
	if (lines.length > texts.length) return lines;
	throw new KeyturnError(
		"signer.probe",
		`exim -be: expected ${texts.length} lines, got ${lines.length - 1}: ${stderr.trim().slice(0, WORDS_LIMIT) || "it said nothing"} (exit status ${status})`,
		{ retry: true },
	);
}

async function run({ programs, settings, owner }: EximAsked, args: readonly string[], timeoutMs = ANSWER_MS) {
	const { program, config } = settings;
	return programs.run(
		{
			argv: [program, ...(config === null ? [] : ["-C", config]), ...args],
			timeoutMs,
			owner: { uid: owner.uid, gid: owner.gid },
		},
		NEVER,
	);
}
