/** Asks an Exim what its transports would sign with, as the user that it delivers as: it expands its own options (`-be`). */

import { KeyturnError } from "../../errors.ts";
import type { ProgramResult, Programs } from "../../ports/programs.ts";
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
	return result.status === 0 ? null : failureOf("-bV", result, result.stdout);
}

/** Those with a dkim_private_key; fails with `signer.config` where none has one, and with `signer.probe` where Exim did not say. */
export async function signingTransports(asked: EximAsked): Promise<readonly SigningTransport[]> {
	const transports = (await listedTransports(asked)).flatMap(({ name, text }) => {
		const [domain = "", selector = "", key = ""] = ["dkim_domain", "dkim_selector", "dkim_private_key"].map(
			(option) => optionIn(text, option),
		);
		return key === "" ? [] : [{ name, domain, selector, key }];
	});
	if (transports.length > 0) return transports;
	throw new KeyturnError("signer.config", "no transport of Exim's has a dkim_private_key", {
		hint: "docs/signers.md has the three macros that have it look into the table.",
	});
}

/**
 * Names of those that deliver by SMTP and have no dkim_private_key: mail through them leaves unsigned. Fails with `signer.probe`
 * where Exim did not say.
 */
export async function unsigningTransports(asked: EximAsked): Promise<readonly string[]> {
	return (await listedTransports(asked)).flatMap(({ name, text }) => {
		const isSmtp = optionIn(text, "driver") === "smtp" && optionIn(text, "protocol") !== "lmtp";
		return !isSmtp || optionIn(text, "dkim_private_key") !== "" ? [] : [name];
	});
}

const TRANSPORT = /^(\S+) transport:$/m;

/** All of them, each with the text of its options; of an Exim that failed on the way some may be lacking. */
async function listedTransports(
	asked: EximAsked,
): Promise<readonly { readonly name: string; readonly text: string }[]> {
	const result = await run(asked, ["-bP", "transports"]);
	const { status, stdout } = result;
	if (status !== 0) {
		const words = failureOf("-bP transports", result, TRANSPORT.test(stdout) ? "" : stdout);
		throw new KeyturnError("signer.probe", words, { retry: true });
	}
	return stdout.split(/^(?=\S+ transport:$)/m).flatMap((text) => {
		const name = TRANSPORT.exec(text)?.[1];
		return name === undefined ? [] : [{ name, text }];
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
	const result = await run(asked, ["-f", `postmaster@${domain}`, "-be", ...texts]);
	const lines = result.stdout.split("\n");
	// One each at least, if an empty one: of an Exim that did not get so far nothing follows.
	if (lines.length > texts.length) return lines;
	throw new KeyturnError(
		"signer.probe",
		failureOf(`-be: expected ${texts.length} lines, got ${lines.length - 1}`, result),
		{ retry: true },
	);
}

/** What it said of its failure: on standard error, or else in `stdout`, which must not be what it was asked for: that may be a key. */
function failureOf(question: string, { status, stderr }: ProgramResult, stdout = ""): string {
	const words = (stderr.trim() || stdout.trim()).slice(0, WORDS_LIMIT);
	return `exim ${question}: ${words || "it said nothing"} (exit status ${status})`;
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
