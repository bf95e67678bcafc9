/** DESIGN.md's eight promises, each a function that says how the simulated world breaks it; empty means kept. */

import { CAUSES } from "../../src/agent/causes.ts";
import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";
import { type KeyState, mayMove } from "../../src/rotation/life.ts";
import type { Policy } from "../../src/rotation/policy.ts";
import { type MailHost, readTables, type Tables } from "./mail-host.ts";
import type { Asked, SimDns, SimZone } from "./sim-dns.ts";
import { publicHalfOf, publishedKey, verifies } from "./sim-mail.ts";
import type { Removal } from "./sim-provider.ts";

/** The door put another selector into the live tables. */
export interface Switch {
	readonly atMs: number;
	readonly domain: string;
	readonly from: string | null;
	readonly to: string | null;
	/** Back to what the tables said before the last switch. */
	readonly isUndo: boolean;
}

/** A key of the agent's state went from one state to another. */
export interface Transition {
	readonly atMs: number;
	readonly domain: string;
	readonly selector: string;
	readonly from: KeyState | null;
	readonly to: KeyState;
	/** When it came into `from`; null if it is new. */
	readonly sinceMs: number | null;
}

export interface ForeignThings {
	readonly records: readonly { readonly name: string; readonly value: string }[];
	/** By table path: the lines that are not ours, in order. */
	readonly lines: ReadonlyMap<string, readonly string[]>;
	/** Key files that keyturn did not make. */
	readonly files: readonly { readonly path: string; readonly content: string }[];
}

/** What has changed since the last look; what nothing has touched still is as it was found then. */
export interface News {
	readonly tables: boolean;
	/** Something below the key directory. */
	readonly keys: boolean;
	/** What mail is signed with. */
	readonly mail: boolean;
	/** Zones of which a server holds something else. */
	readonly zones: ReadonlySet<SimZone>;
}

/** What the checker sees: the world itself, and what happened in it since the last look. */
export interface Observed {
	readonly nowMs: number;
	readonly news: News;
	readonly host: MailHost;
	readonly dns: SimDns;
	readonly policies: ReadonlyMap<string, Policy>;
	readonly queueLifetimeMs: number;
	readonly switches: readonly Switch[];
	readonly transitions: readonly Transition[];
	readonly removals: readonly Removal[];
	/** Key files unlinked below the signer's key directory, with what they held. */
	readonly unlinked: readonly { readonly path: string; readonly content: string }[];
	/** Paths written, made or chmodded. */
	readonly touched: readonly string[];
	/** What was said: log lines, events, history, answers of the door. */
	readonly said: readonly { readonly where: string; readonly text: string }[];
	/** Receivers' verdicts on mail just sent, through their recursive resolvers. */
	readonly refused: readonly { readonly domain: string; readonly selector: string; readonly why: string }[];
	readonly foreign: ForeignThings;
	/** The first key seen under each selector and domain. */
	readonly keyUnder: Map<string, string>;
	/** Whether nobody is at work on the services, and nothing outside keeps them from running. */
	readonly servicesSettled: boolean;
	readonly servicesExpected: { readonly signer: boolean; readonly mailServer: boolean };
}

/** Evidence counts for five minutes at the door; one more for the way there. */
const EVIDENCE_MS = 6 * 60_000;
/** How fresh a look at the successor has to be before the old record goes. */
const SUCCESSOR_MS = 60 * 60_000;
/** A wall clock that is off by less than this is believed. */
const CLOCK_TOLERANCE_MS = 60 * 60_000;
/** PEM's own words, and how the DER of every Ed25519 and RSA private key begins in base64. */
const SECRETS = ["PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEI", "ADANBgkqhkiG9w0BAQEFAASC"] as const;

export const PROMISES = {
	"1 never unverifiable": neverUnverifiable,
	"2 never switched on hope": neverSwitchedOnHope,
	"3 never removed early": neverRemovedEarly,
	"4 never someone else's": neverSomeoneElses,
	"5 all or nothing": allOrNothing,
	"6 never readable": neverReadable,
} as const;

export type PromiseName = keyof typeof PROMISES | "7 one domain's trouble is its own" | "8 never silent";

/** Mail signed now or still in a queue, and what the next start of the signer would sign with, verifies everywhere. */
export function neverUnverifiable(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	const { news } = seen;
	if (news.mail || news.zones.size > 0)
		for (const mail of seen.host.classes.values()) {
			if (!mail.isCurrent && mail.lastMs + seen.queueLifetimeMs < seen.nowMs) continue;
			if (!news.mail && !hasNews(seen, mail.domain)) continue;
			const wrong = serversWithout(seen, mail.domain, mail.selector, mail.publicKey);
			if (wrong !== null)
				breaches.push(`mail of ${mail.domain} signed with ${mail.selector} does not verify: ${wrong}`);
		}
	for (const { domain, selector, publicKey } of startable(seen.host)) {
		if (!news.tables && !news.keys && !hasNews(seen, domain)) continue;
		const wrong = publicKey === null ? null : serversWithout(seen, domain, selector, publicKey);
		if (wrong !== null)
			breaches.push(`a start of the signer would sign ${domain} with ${selector}: ${wrong}`);
	}
	for (const { domain, why } of seen.host.unsigned) breaches.push(`mail of ${domain} left unsigned: ${why}`);
	for (const { domain, selector, why } of seen.refused)
		breaches.push(`a receiver refused mail of ${domain} signed with ${selector}: ${why}`);
	return breaches;
}

/** Every server was asked and answered rightly just before a switch; only a wrong or absent answer takes "verified" back. */
export function neverSwitchedOnHope(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	for (const { domain, to, isUndo, atMs } of seen.switches) {
		if (to === null || isUndo) continue;
		const name = `${to}._domainkey.${domain}`;
		const publicKey = keyUnder(seen, domain, to);
		const right = serversSaying(seen, name, atMs - EVIDENCE_MS, (values) => verifies(publicKey, values));
		if (right.size < quorumOf(seen, domain))
			breaches.push(`${domain} was switched to ${to} after right answers of ${right.size} servers only`);
	}
	for (const { domain, selector, from, to, sinceMs } of seen.transitions) {
		if (from !== "verified" || to !== "published") continue;
		const name = `${selector}._domainkey.${domain}`;
		const publicKey = keyUnder(seen, domain, selector);
		const wrong = serversSaying(seen, name, sinceMs ?? 0, (values) => !verifies(publicKey, values));
		if (wrong.size === 0)
			breaches.push(`${domain}: ${selector} was held absent though no server had said so`);
	}
	return breaches;
}

/** A record or key file that signed goes only out of use, after grace, with its successor seen right. */
export function neverRemovedEarly(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	for (const { name, value } of seen.removals) {
		const [selector = "", domain = ""] = name.split("._domainkey.");
		const early = whyEarly(seen, domain, selector, publishedKey(value));
		if (early !== null) breaches.push(`the record ${name} was removed: ${early}`);
		else if (hasSigned(seen, domain, publishedKey(value))) {
			const unseen = whyUnseen(seen, domain);
			if (unseen !== null) breaches.push(`the record ${name} was removed: ${unseen}`);
		}
	}
	for (const { path, content } of seen.unlinked) {
		const [selector = "", domain = ""] = path
			.replace(/\.private$/, "")
			.split("/")
			.toReversed();
		const early = whyEarly(seen, domain, selector, publicHalfOf(content));
		if (early !== null) breaches.push(`the key file ${path} was deleted: ${early}`);
	}
	return breaches;
}

/** Foreign records, lines and files are as they were. */
export function neverSomeoneElses(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	for (const { name, value } of seen.foreign.records)
		if (hasNews(seen, name) && !seen.dns.zoneOf(name)?.current.txt.get(name)?.values.includes(value))
			breaches.push(`the foreign record ${name} "${value.slice(0, 40)}" is gone`);
	for (const [path, lines] of seen.news.tables ? seen.foreign.lines : []) {
		const found = (seen.host.disk.text(path) ?? "").split("\n");
		let at = 0;
		for (const line of lines) {
			const next = found.indexOf(line, at);
			if (next < 0) breaches.push(`${path} lost the foreign line "${line}", or its place`);
			else at = next + 1;
		}
	}
	for (const { path, content } of seen.news.keys ? seen.foreign.files : [])
		if (seen.host.disk.text(path) !== content) breaches.push(`the adopted key file ${path} was changed`);
	return breaches;
}

/** The tables always parse, each line names a whole key that never changes under its selector, and services come back. */
export function allOrNothing(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	const tables = readTables(seen.host.disk);
	if (tables === null) return ["the tables on disk do not parse"];
	const { news } = seen;
	for (const domain of news.tables ? seen.host.mailDomains : [])
		if (!tables.has(domain)) breaches.push(`${domain} has no signing line any more`);
	for (const { domain, selector, publicKey } of news.tables || news.keys ? startable(seen.host) : []) {
		if (publicKey === null) breaches.push(`the tables name no whole key for ${domain} (${selector})`);
		else if (keyUnder(seen, domain, selector, publicKey) !== publicKey)
			breaches.push(`another key stands under ${selector} of ${domain}`);
	}
	for (const mail of news.mail ? seen.host.current : [])
		if (keyUnder(seen, mail.domain, mail.selector, mail.publicKey) !== mail.publicKey)
			breaches.push(`two keys signed as ${mail.selector} of ${mail.domain}`);
	if (seen.servicesSettled) {
		const { signer, mailServer } = seen.servicesExpected;
		if (signer && !seen.host.signer.running) breaches.push("the signer ran before and does not run");
		if (mailServer && !seen.host.mailServer.running)
			breaches.push("the mail server ran before and does not run");
	}
	for (const { domain, selector, from, to } of seen.transitions)
		if (!mayMove(from, to)) breaches.push(`${domain}: ${selector} went from ${from ?? "nothing"} to ${to}`);
	return breaches;
}

/** Private keys are 0600 below closed directories, and stand in nothing that is said. */
export function neverReadable(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	for (const path of seen.touched) {
		const inode = seen.host.disk.find(path, false);
		if (inode?.kind !== "file" || !holdsSecret(inode.content)) continue;
		if ((inode.mode & 0o077) !== 0) breaches.push(`${path} holds a key with mode ${inode.mode.toString(8)}`);
		const above = seen.host.disk.find(path.slice(0, path.lastIndexOf("/")), true);
		if (above !== null && (above.mode & 0o007) !== 0)
			breaches.push(`${path} holds a key in a directory with mode ${above.mode.toString(8)}`);
	}
	for (const { where, text } of seen.said)
		if (SECRETS.some((secret) => text.includes(secret))) breaches.push(`a private key was said in ${where}`);
	return breaches;
}

const secrets = new WeakMap<Uint8Array, boolean>();

/** Content is replaced, never changed. */
function holdsSecret(content: Uint8Array): boolean {
	const known = secrets.get(content);
	if (known !== undefined) return known;
	const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
	const holds = SECRETS.some((secret) => bytes.includes(secret));
	secrets.set(content, holds);
	return holds;
}

/** Once the faults are over, what the calm part of the run showed. */
export interface Aftermath {
	/** Domains that stay broken to the end. */
	readonly broken: ReadonlySet<string>;
	/** The last switch of each domain, in milliseconds; null if there was none. */
	readonly lastSwitchMs: ReadonlyMap<string, number | null>;
	/** The due moments of each domain that had all the time they need. */
	readonly lastDueMs: ReadonlyMap<string, number>;
	/** Events by sink, in the order of their delivery. */
	readonly delivered: ReadonlyMap<string, readonly KeyturnEvent[]>;
	/** Waits that named no reason or no moment, as sentences. */
	readonly silentWaits: readonly string[];
}

/** Those that can turn have turned, whatever stands beside them. */
export function oneDomainsTroubleIsItsOwn(after: Aftermath): readonly string[] {
	const breaches: string[] = [];
	for (const [domain, dueMs] of after.lastDueMs) {
		if (after.broken.has(domain)) continue;
		const lastMs = after.lastSwitchMs.get(domain) ?? null;
		if (lastMs === null || lastMs < dueMs)
			breaches.push(
				`${domain} did not turn for its due date though nothing kept it: ${[...after.broken].join(", ") || "no domain"} is broken`,
			);
	}
	return breaches;
}

/** Waits name reason and moment; the broken are told of; what is over is told over; every sink got it. */
export function neverSilent(after: Aftermath): readonly string[] {
	const breaches = [...after.silentWaits];
	const all = new Set<string>();
	for (const events of after.delivered.values())
		for (const event of events)
			if (event.phase !== "repeat" && !isToldDirectly(event)) all.add(nameOf(event));
	const standing = new Map<string, KeyturnEvent>();
	for (const [sink, events] of after.delivered) {
		const got = new Set(events.map(nameOf));
		for (const name of all) if (!got.has(name)) breaches.push(`${sink} never got ${name}`);
		for (const event of events) {
			if (event.summary === "") breaches.push(`${event.event} has no summary`);
			if (event.trouble === null) continue;
			if (event.phase === "end") standing.delete(`${sink} ${event.trouble}`);
			else standing.set(`${sink} ${event.trouble}`, event);
		}
	}
	for (const domain of after.broken)
		if (![...standing.values()].some((event) => event.domains.includes(domain)))
			breaches.push(`${domain} is broken and nobody was told`);
	for (const event of standing.values())
		if (event.domains.length > 0 && event.domains.every((domain) => !after.broken.has(domain)))
			breaches.push(`${event.event} of ${event.domains.join(", ")} is over and its end was not told`);
	return breaches;
}

/** One happening, whatever id each sink's copy has. */
/** That a whole tick failed is told past the outbox, which may be out of reach: the process that dies forgets who knows. */
function isToldDirectly({ trouble, phase }: KeyturnEvent): boolean {
	return trouble === CAUSES.tick() && phase !== "end";
}

function nameOf({ event, at, trouble, phase, domains }: KeyturnEvent): string {
	return [event, phase ?? "", trouble ?? domains.join(" "), at].join(" ");
}

/** Whether a server of the zone that holds this name has changed. */
function hasNews(seen: Observed, name: string): boolean {
	const zone = seen.dns.zoneOf(name);
	return zone !== null && seen.news.zones.has(zone);
}

/** What the servers that count lack; null if enough of them hold exactly this key. */
function serversWithout(seen: Observed, domain: string, selector: string, publicKey: string): string | null {
	const name = `${selector}._domainkey.${domain}`;
	const zone = seen.dns.zoneOf(name);
	if (zone === null) return `no zone holds ${name}`;
	const wrong = zone.servers.filter(
		(server) => !verifies(publicKey, server.held.txt.get(name)?.values ?? []),
	);
	if (zone.servers.length - wrong.length >= quorumOf(seen, domain)) return null;
	return wrong
		.map((server) => `${server.name} holds ${server.held.txt.get(name)?.values.length ?? 0} records`)
		.join(", ");
}

function quorumOf(seen: Observed, domain: string): number {
	const quorum = seen.policies.get(domain)?.verify.quorum ?? "all";
	const servers = seen.dns.zoneOf(`_domainkey.${domain}`)?.servers.length ?? 0;
	return quorum === "all" ? servers : Math.min(quorum, servers);
}

interface Startable {
	readonly domain: string;
	readonly selector: string;
	readonly publicKey: string | null;
}

const lastStartable = new WeakMap<
	MailHost,
	{ readonly tables: Tables | null; readonly keyChanges: number; readonly found: readonly Startable[] }
>();

/** The key that each line of our domains would sign with after a start. */
function startable(host: MailHost): readonly Startable[] {
	const tables = readTables(host.disk);
	const last = lastStartable.get(host);
	if (last?.tables === tables && last.keyChanges === host.keyChanges) return last.found;
	const found = findStartable(host);
	lastStartable.set(host, { tables, keyChanges: host.keyChanges, found });
	return found;
}

function findStartable(host: MailHost): readonly Startable[] {
	const found = [];
	for (const [domain, line] of readTables(host.disk) ?? []) {
		if (!host.mailDomains.includes(domain)) continue;
		const pem = host.disk.text(line.keyPath);
		found.push({
			domain,
			selector: line.selector,
			publicKey: pem === null ? null : publicHalfOf(pem),
		});
	}
	return found;
}

function keyUnder(seen: Observed, domain: string, selector: string, now?: string): string {
	const name = `${selector}._domainkey.${domain}`;
	const known = seen.keyUnder.get(name);
	if (known !== undefined) return known;
	const line = readTables(seen.host.disk)?.get(domain);
	const pem = line?.selector === selector ? seen.host.disk.text(line.keyPath) : null;
	const key = now ?? (pem === null ? null : publicHalfOf(pem)) ?? publishedAt(seen, name);
	if (key !== "") seen.keyUnder.set(name, key);
	return key;
}

function publishedAt(seen: Observed, name: string): string {
	const [value] = seen.dns.zoneOf(name)?.current.txt.get(name)?.values ?? [];
	return value === undefined ? "" : (publishedKey(value) ?? "");
}

/** The servers that were asked since, and whose last definite answer `holds`. */
function serversSaying(
	seen: Observed,
	name: string,
	sinceMs: number,
	holds: (values: readonly string[]) => boolean,
): ReadonlySet<string> {
	const saying = new Set<string>();
	for (const { atMs, server, said, by } of seen.dns.asked(name) satisfies readonly Asked[])
		if (atMs >= sinceMs && said !== null && by !== "world" && holds(said)) saying.add(server);
	return saying;
}

function hasSigned(seen: Observed, domain: string, publicKey: string | null): boolean {
	for (const mail of seen.host.classes.values())
		if (mail.domain === domain && mail.publicKey === publicKey) return true;
	return false;
}

function whyEarly(seen: Observed, domain: string, selector: string, publicKey: string | null): string | null {
	const line = readTables(seen.host.disk)?.get(domain);
	if (line?.selector === selector) return "the tables on disk still name it";
	const { signer } = seen.host;
	for (const loaded of [signer.loaded, ...signer.old.map((old) => old.loaded)])
		if (loaded.get(domain)?.selector === selector) return "the running signer still uses it";
	const graceMs = seen.policies.get(domain)?.retire.graceMs ?? 0;
	for (const mail of seen.host.classes.values())
		if (
			mail.domain === domain &&
			mail.publicKey === publicKey &&
			mail.lastMs + graceMs > seen.nowMs + CLOCK_TOLERANCE_MS
		)
			return `its last mail is ${Math.round((seen.nowMs - mail.lastMs) / 60_000)} minutes old, grace is ${graceMs / 60_000}`;
	return null;
}

function whyUnseen(seen: Observed, domain: string): string | null {
	const line = readTables(seen.host.disk)?.get(domain);
	if (line === undefined) return null;
	const publicKey = keyUnder(seen, domain, line.selector);
	const name = `${line.selector}._domainkey.${domain}`;
	const right = serversSaying(seen, name, seen.nowMs - SUCCESSOR_MS, (values) => verifies(publicKey, values));
	return right.size >= quorumOf(seen, domain)
		? null
		: `its successor ${line.selector} was not looked at again`;
}
