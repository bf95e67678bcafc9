/** Puts one more domain into keyturn.yaml as text, so that every comment, order and blank of it stays as it is. */

import { isMap, isSeq, type Node, parseDocument, type YAMLSeq } from "yaml";
import { KeyturnError } from "../errors.ts";
import { signersOf } from "../rotation/lanes.ts";
import type { Policy } from "../rotation/policy.ts";
import type { Settings } from "./settings.ts";
import { signerPart } from "./starter.ts";

export interface DomainEntry {
	readonly domain: string;
	readonly provider: string;
	/** Null where there is one signer only; several where each of its keys has one of its own. */
	readonly signer: string | readonly string[] | null;
}

/** What is left out is taken where there is one only. */
export interface DomainAsked {
	readonly domain: string;
	readonly provider: string | null;
	/** Several with commas between them. */
	readonly signer: string | null;
}

export type DomainAdded =
	| { readonly kind: "added"; readonly text: string; readonly line: string }
	/** Somebody has to write it by hand. */
	| { readonly kind: "refused"; readonly why: string };

/** The text with the entry as the last of `domains`; nothing is said about whether the text is a right configuration. */
export function withDomain(text: string, entry: DomainEntry): DomainAdded {
	const document = parseDocument(text, { schema: "core", resolveKnownTags: false, logLevel: "error" });
	if (document.errors.length > 0 || !isMap(document.contents))
		return refused("it is not YAML as keyturn reads it");
	const domains = document.contents.get("domains", true);
	if (!isSeq(domains)) return refused("its `domains` is no list of domains");
	const line = writtenAs(entry);
	const changed = insert(text, domains, line);
	if (changed === null) return refused("the form of its list of domains is not one that keyturn adds to");
	return isRight(text, changed, entry)
		? { kind: "added", text: changed, line }
		: refused("its list of domains would not read as before");
}

/** Where several are configured, the domain has to say which is its own. */
export function entryFor(asked: DomainAsked, { providers, signers }: Settings, path: string): DomainEntry {
	const provider = onlyOne(asked.provider, providers, { path, option: "--provider", what: "providers" });
	if (asked.signer === null && signers.length === 1) return { domain: asked.domain, provider, signer: null };
	const [signer = "", ...others] = (asked.signer?.split(",") ?? [null]).map((one) =>
		onlyOne(one, signers, { path, option: "--signer", what: "signers" }),
	);
	return { domain: asked.domain, provider, signer: others.length === 0 ? signer : [signer, ...others] };
}

/** Of a domain that is configured already nothing is changed: whoever asks for something else is told. */
export function refuseOther({ provider, signer }: DomainAsked, policy: Policy, path: string): void {
	const { domain, providers } = policy;
	const refuse = (what: string, has: readonly string[], asked: string): never => {
		throw new KeyturnError(
			"usage",
			`${domain} stands in ${path} already, with ${what} ${has.join(",")}: expected no --${what}, or that, got ${asked}`,
			{ hint: `to change it, change the ${what} of its entry, and run the command again` },
		);
	};
	if (provider !== null && !providers.includes(provider)) refuse("provider", providers, provider);
	const signers = signersOf(policy);
	if (signer !== null && signer !== signers.join(",")) refuse("signer", signers, signer);
}

function onlyOne(
	asked: string | null,
	all: readonly { readonly name: string }[],
	{ path, option, what }: { readonly path: string; readonly option: string; readonly what: string },
): string {
	const names = all.map(({ name }) => name);
	const [first, ...others] = names;
	if (asked === null && first !== undefined && others.length === 0) return first;
	if (asked !== null && names.includes(asked)) return asked;
	throw new KeyturnError(
		"usage",
		asked === null
			? `${path} has several ${what}: expected ${option} with one of them`
			: `${asked} is no name under ${what} in ${path}`,
		{ hint: `configured: ${names.join(", ")}` },
	);
}

function writtenAs({ domain, provider, signer }: DomainEntry): string {
	return `{ name: ${domain}, provider: ${provider}${signerPart(signer)} }`;
}

function insert(text: string, domains: YAMLSeq, line: string): string | null {
	const last = domains.items.at(-1) as Node | undefined;
	if (last?.range == null || domains.range == null) return null;
	const [, end] = last.range;
	if (domains.flow === true) return `${text.slice(0, end)}, ${line}${text.slice(end)}`;
	const dash = text.lastIndexOf("-", last.range[0]);
	const indent = /[^\n]*$/.exec(text.slice(0, dash))?.[0] ?? "";
	if (!/^ *$/.test(indent)) return null;
	const newline = text.charAt(end - 1) === "\n" ? end - 1 : text.indexOf("\n", end);
	if (newline === -1) return `${text}\n${indent}- ${line}\n`;
	return `${text.slice(0, newline + 1)}${indent}- ${line}\n${text.slice(newline + 1)}`;
}

/** Read again, it has to say what it said, and the new domain besides. */
function isRight(before: string, after: string, { domain, provider, signer }: DomainEntry): boolean {
	const said = valuesOf(before);
	const says = valuesOf(after);
	if (said === null || says === null) return false;
	const entry = { name: domain, provider, ...(signer === null ? {} : { signer }) };
	return JSON.stringify({ ...said, domains: [...said.domains, entry] }) === JSON.stringify(says);
}

function valuesOf(text: string): { readonly domains: readonly unknown[] } | null {
	const document = parseDocument(text, { schema: "core", resolveKnownTags: false, logLevel: "error" });
	if (document.errors.length > 0) return null;
	const value = document.toJS() as { readonly domains?: unknown } | null;
	return Array.isArray(value?.domains) ? (value as { readonly domains: readonly unknown[] }) : null;
}

function refused(why: string): DomainAdded {
	return { kind: "refused", why };
}
