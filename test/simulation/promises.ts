/** DESIGN.md's eight promises, each a function that says how the simulated world breaks it; empty means kept. */

import { isCandidate, type KeyState, mayMove } from "../../src/rotation/life.ts";
import type { Policy } from "../../src/rotation/policy.ts";
import { KEYS, linesFor, type MailHost, readTables, type Tables } from "./mail-host.ts";
import { type Asked, type SimDns, type SimZone, versionAt } from "./sim-dns.ts";
import { algorithmOf, publicHalfOf, publishedKey, verifies } from "./sim-mail.ts";
import {
	hooksAreAsked,
	onlyOldKeysAreLaidOut,
	onlyOurKeysAreLaidOut,
	othersAreWaitedFor,
	queueIsWaitedFor,
	SHELF,
} from "./promises-to-others.ts";
import type { OtherUse } from "./other-programs.ts";
import type { Revocations } from "./revocations.ts";
import type { SimHooks } from "./sim-hooks.ts";
import type { QueuedMail } from "./sim-queue.ts";
import type { Removal } from "./sim-provider.ts";
import { allWants, type StoredDomain } from "./stored-domain.ts";

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

/** What was saved of a domain. */
export interface DocumentSeen extends StoredDomain {
	/** The revision seen before it; null if there was none. */
	readonly before: number | null;
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
	/** The same without the time for which the host has slept. */
	readonly awakeMs: number;
	readonly news: News;
	readonly host: MailHost;
	readonly dns: SimDns;
	readonly policies: ReadonlyMap<string, Policy>;
	readonly queueLifetimeMs: number;
	readonly switches: readonly Switch[];
	readonly transitions: readonly Transition[];
	readonly documents: readonly DocumentSeen[];
	/** Paths of domains' documents that cannot be read. */
	readonly damaged: readonly string[];
	/** Writes to the agent's memory by somebody who did not hold its lock. */
	readonly strangers: readonly string[];
	readonly removals: readonly Removal[];
	/** Every "name value" that keyturn may take away again. */
	readonly ours: ReadonlySet<string>;
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
	/** The same of the agent's memory, as far as it survived the last power loss. */
	readonly documented: Map<string, string>;
	/** Where somebody took a record out of DNS behind keyturn's back. */
	readonly vanished: ReadonlySet<string>;
	/** It has no first key yet, or was wanted so. */
	readonly mayBeUnsigned: (domain: string) => boolean;
	readonly revocations: Revocations;
	/** When the record of each name was last removed. */
	readonly goneSinceMs: ReadonlyMap<string, number>;
	readonly hooks: Pick<SimHooks, "said">;
	/** Other programs that sign with keys of this host by now. */
	readonly others: readonly OtherUse[];
	readonly queue: readonly QueuedMail[];
	/** Whether the wall clock is off, or ever will be. */
	readonly isClockOff: boolean;
	/** Names of adopted keys. */
	readonly adopted: ReadonlySet<string>;
	/** "domain selector" of each key whose private half was laid out. */
	readonly laidOut: Set<string>;
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
	"I4 one turn, one writer": oneTurnOneWriter,
	"I6 no selector twice": noSelectorTwice,
	"I10 along the life table": alongTheLifeTable,
	"revoked for good": revokedForGood,
	"gone everywhere": goneEverywhere,
	"hooks are asked": hooksAreAsked,
	"others are waited for": othersAreWaitedFor,
	"the queue is waited for": queueIsWaitedFor,
	"old private halves only": onlyOldKeysAreLaidOut,
	"our private halves only": onlyOurKeysAreLaidOut,
} as const;

/** Those that only a whole run shows stand in aftermath.ts. */
export type PromiseName =
	| keyof typeof PROMISES
	| "7 one domain's trouble is its own"
	| "8 never silent"
	| "nothing is kept for good"
	| "I9 rest writes nothing";

/**
 * I2 and promise 1: mail signed now or still in a queue, and what the next start of the signer would sign with,
 * verifies everywhere.
 */
export function neverUnverifiable(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	const { news } = seen;
	if (news.mail || news.zones.size > 0)
		for (const mail of seen.host.classes.values()) {
			if (!mail.isCurrent && mail.lastMs + seen.queueLifetimeMs < seen.nowMs) continue;
			if (seen.revocations.isRevoked(mail.domain, mail.selector)) continue;
			if (!news.mail && !hasNews(seen, `${mail.selector}._domainkey.${mail.domain}`)) continue;
			const wrong = serversWithout(seen, mail.domain, mail.selector, mail.publicKey);
			if (wrong !== null)
				breaches.push(`mail of ${mail.domain} signed with ${mail.selector} does not verify: ${wrong}`);
		}
	for (const { domain, selector, publicKey } of startable(seen.host)) {
		if (!news.tables && !news.keys && !hasNews(seen, `${selector}._domainkey.${domain}`)) continue;
		const wrong = publicKey === null ? null : serversWithout(seen, domain, selector, publicKey);
		if (wrong !== null)
			breaches.push(`a start of the signer would sign ${domain} with ${selector}: ${wrong}`);
	}
	for (const { domain, why } of seen.host.unsigned)
		if (!seen.mayBeUnsigned(domain)) breaches.push(`mail of ${domain} left unsigned: ${why}`);
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
		if (right.size < quorumOf(seen, domain, name))
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

/**
 * I3 and promise 3: a record or key file that signed goes only out of use, after grace, with its successor seen right. The
 * time is the true one, so that this is I12 too: a clock that moves never brings it forward.
 */
export function neverRemovedEarly(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	for (const { name: owner, value } of seen.removals) {
		const name = seen.dns.originOf(owner);
		const [selector = "", domain = ""] = name.split("._domainkey.");
		const early = whyEarly(seen, domain, selector, publishedKey(value));
		if (early !== null) breaches.push(`the record ${name} was removed: ${early}`);
		else if (hasSigned(seen, domain, publishedKey(value)) && !seen.revocations.isAsked(domain, selector)) {
			const unseen = whyUnseen(seen, domain, publishedKey(value));
			if (unseen !== null) breaches.push(`the record ${name} was removed: ${unseen}`);
		}
	}
	for (const { path, content } of seen.unlinked) {
		const [selector = "", domain = ""] = path
			// Where a ring's name came again before the file of the key before had gone.
			.replace(/(?<=\/kt\d+)-\d+(?=\.private$)/, "")
			.replace(/\.private$/, "")
			.split("/")
			.toReversed();
		const early = whyEarly(seen, domain, selector, publicHalfOf(content));
		if (early !== null) breaches.push(`the key file ${path} was deleted: ${early}`);
	}
	return breaches;
}

/** I7 and promise 4: foreign records, lines and files are as they were, and what goes is what keyturn put there. */
export function neverSomeoneElses(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	for (const { name, value } of seen.removals)
		if (!seen.ours.has(`${name} ${value}`))
			breaches.push(`the record ${name} was removed, which keyturn had not put there`);
	for (const { name, value } of seen.foreign.records)
		if (isNews(seen, name) && !seen.dns.zoneOf(name)?.current.txt.get(name)?.values.includes(value))
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
	for (const path of seen.damaged) breaches.push(`${path} does not parse`);
	const { news } = seen;
	for (const domain of news.tables ? seen.host.mailDomains : [])
		if (!tables.has(domain) && !seen.mayBeUnsigned(domain))
			breaches.push(`${domain} has no signing line any more`);
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
		if (!signer && seen.host.signer.running)
			breaches.push("the signer was started though it had been stopped");
		if (!mailServer && seen.host.mailServer.running)
			breaches.push("the mail server was started though it had been stopped");
		if (signer && !seen.host.signer.running) breaches.push("the signer ran before and does not run");
		if (mailServer && !seen.host.mailServer.running)
			breaches.push("the mail server ran before and does not run");
	}
	return breaches;
}

/**
 * I4: at most one turn of a domain is under way, of each algorithm where it signs with several, and nobody writes the agent's
 * memory without its lock.
 */
export function oneTurnOneWriter(seen: Observed): readonly string[] {
	const breaches = seen.strangers.map((what) => `${what} without the lock`);
	for (const document of seen.documents) {
		const { domain, keys } = document;
		const isDual = seen.policies.get(domain)?.keys !== undefined;
		// A key that is gone back to may stand beside the next one, whose turn waits for it.
		const goneBackTo = new Set(allWants(document).map(({ rollback }) => rollback?.selector));
		const candidates = keys.filter(({ state, selector }) => isCandidate(state) && !goneBackTo.has(selector));
		const turns = new Map<string, string[]>();
		for (const { algorithm, selector } of candidates) {
			const turn = isDual ? algorithm : "one";
			turns.set(turn, [...(turns.get(turn) ?? []), selector]);
		}
		for (const selectors of turns.values())
			if (selectors.length > 1) breaches.push(`${domain}: ${selectors.join(" and ")} at once`);
	}
	return breaches;
}

/** I6: a selector never stands for other key material than at first, even when its key is long gone. */
export function noSelectorTwice(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	for (const { domain, keys } of seen.documents)
		for (const { selector, publicKey } of keys) {
			const name = `${selector}._domainkey.${domain}`;
			const before = seen.keyUnder.get(name) ?? seen.documented.get(name) ?? publicKey;
			const isFree = isFreeAgain(seen, domain, name);
			if (isFree) {
				seen.keyUnder.delete(name);
				seen.documented.delete(name);
				// The name goes round; the key that was revoked under it does not.
				if (before !== publicKey) seen.revocations.renewed(domain, selector);
			}
			const known = isFree ? publicKey : before;
			seen.documented.set(name, known);
			if (known !== publicKey) breaches.push(`${domain}: the state has another key under ${selector}`);
		}
	return breaches;
}

/** A name of a ring: its record has been gone for long enough that neither mail nor a cache knows the key before. */
function isFreeAgain(seen: Observed, domain: string, name: string): boolean {
	const policy = seen.policies.get(domain);
	const goneMs = seen.goneSinceMs.get(name);
	if (policy?.selector.kind !== "ring" || goneMs === undefined) return false;
	const waitMs = policy.retire.graceMs + policy.record.ttlSeconds * 1000;
	return seen.nowMs >= goneMs + waitMs - CLOCK_TOLERANCE_MS;
}

/** A revoked key never signs again, and from the moment that its record was emptied nothing verifies with it any more. */
export function revokedForGood(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	const { revocations } = seen;
	for (const { domain, selector, to } of seen.transitions)
		if (revocations.isRevoked(domain, selector) && (isCandidate(to) || to === "active"))
			breaches.push(`${domain}: ${selector} is ${to} again though it was revoked`);
	for (const { domain, to } of seen.switches)
		if (to !== null && revocations.isRevoked(domain, to))
			breaches.push(`${domain} was switched to ${to}, which was revoked`);
	if (seen.news.zones.size === 0) return breaches;
	for (const { domain, selector, dnsHosts } of revocations.all()) {
		const name = `${selector}._domainkey.${domain}`;
		const target = seen.dns.targetOf(name);
		const zone = seen.dns.zoneOf(target);
		if (zone === null || !hasNews(seen, name)) continue;
		for (const dnsHost of dnsHosts)
			if (verifies(keyUnder(seen, domain, selector), versionAt(zone, dnsHost).txt.get(target)?.values ?? []))
				breaches.push(`mail signed with ${selector} of ${domain} verifies though it was revoked`);
	}
	return breaches;
}

/** Once the state says that nothing verifies with a key that signed any more, no DNS host of its zone has its record. */
export function goneEverywhere(seen: Observed): readonly string[] {
	return seen.transitions.flatMap(({ domain, selector, to }) => {
		if (to !== "retired" && to !== "revoked") return [];
		const target = seen.dns.targetOf(`${selector}._domainkey.${domain}`);
		const zone = seen.dns.zoneOf(target);
		const publicKey = keyUnder(seen, domain, selector);
		if (zone === null || !hasSigned(seen, domain, publicKey)) return [];
		const left = ([0, 1] as const).filter((dnsHost) =>
			verifies(publicKey, versionAt(zone, dnsHost).txt.get(target)?.values ?? []),
		);
		return left.length === 0
			? []
			: [`${domain}: ${selector} is ${to}, and its record stands at DNS host ${left.join(" and ")}`];
	});
}

/** I10, without the replay of the history: keys move along the life table only, and every save counts one further. */
export function alongTheLifeTable(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	for (const { domain, selector, from, to } of seen.transitions)
		if (!mayMove(from, to)) breaches.push(`${domain}: ${selector} went from ${from ?? "nothing"} to ${to}`);
	for (const { domain, revision, before } of seen.documents)
		if (before !== null && revision <= before)
			breaches.push(`${domain}: revision ${revision} was written over ${before}`);
	return breaches;
}

/** Private keys are 0600 below closed directories, and stand in nothing that is said. */
export function neverReadable(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	for (const path of seen.touched) {
		const inode = seen.host.disk.find(path, false);
		// In its own directory a key may stand in a form that no word tells.
		const isKey = path.startsWith(`${KEYS}/`) || (inode?.kind === "file" && holdsSecret(inode.content));
		if (path.startsWith(SHELF) || inode?.kind !== "file" || !isKey) continue;
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
/** How many bytes of a buffer, from its beginning, hold no secret. */
const lookedThrough = new WeakMap<ArrayBufferLike, number>();
const LONGEST_SECRET = Math.max(...SECRETS.map(({ length }) => length));

/** Content is replaced, never changed. */
function holdsSecret(content: Uint8Array): boolean {
	const known = secrets.get(content);
	if (known !== undefined) return known;
	const { buffer, byteOffset, byteLength } = content;
	// Of a file that has grown, what stands before is the same bytes in the same place, and was looked through then.
	const seen = byteOffset === 0 ? (lookedThrough.get(buffer) ?? 0) : 0;
	const from = Math.max(0, Math.min(seen, byteLength) - LONGEST_SECRET);
	const bytes = Buffer.from(buffer, byteOffset + from, byteLength - from);
	const holds = SECRETS.some((secret) => bytes.includes(secret));
	secrets.set(content, holds);
	if (!holds && byteOffset === 0) lookedThrough.set(buffer, Math.max(seen, byteLength));
	return holds;
}

/** Whether a server of a zone has changed that a lookup of this name reaches. */
function hasNews(seen: Observed, name: string): boolean {
	return isNews(seen, name) || isNews(seen, seen.dns.targetOf(name));
}

function isNews(seen: Observed, name: string): boolean {
	const zone = seen.dns.zoneOf(name);
	return zone !== null && seen.news.zones.has(zone);
}

/** What the servers that count lack; null if enough of them hold exactly this key. */
function serversWithout(seen: Observed, domain: string, selector: string, publicKey: string): string | null {
	const name = seen.dns.targetOf(`${selector}._domainkey.${domain}`);
	if (seen.vanished.has(name)) return null;
	const zone = seen.dns.zoneOf(name);
	if (zone === null) return `no zone holds ${name}`;
	const wrong = zone.servers.filter(
		(server) => !verifies(publicKey, server.held.txt.get(name)?.values ?? []),
	);
	if (zone.servers.length - wrong.length >= quorumOf(seen, domain, name)) return null;
	return wrong
		.map((server) => `${server.name} holds ${server.held.txt.get(name)?.values.length ?? 0} records`)
		.join(", ");
}

/** How many servers have to hold the record at this name. */
function quorumOf(seen: Observed, domain: string, name: string): number {
	const quorum = seen.policies.get(domain)?.verify.quorum ?? "all";
	const servers = seen.dns.zoneOf(seen.dns.targetOf(name))?.servers.length ?? 0;
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

/** What the signer would sign with if it were started now. */
export function startable(host: MailHost): readonly Startable[] {
	const tables = readTables(host.disk);
	const last = lastStartable.get(host);
	if (last?.tables === tables && last.keyChanges === host.keyChanges) return last.found;
	const found = findStartable(host);
	lastStartable.set(host, { tables, keyChanges: host.keyChanges, found });
	return found;
}

function findStartable(host: MailHost): readonly Startable[] {
	const found = [];
	for (const line of (readTables(host.disk) ?? new Map()).values()) {
		const { domain } = line;
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
	const line = linesFor(readTables(seen.host.disk), domain).find((one) => one.selector === selector);
	const pem = line === undefined ? null : seen.host.disk.text(line.keyPath);
	const key = now ?? (pem === null ? null : publicHalfOf(pem)) ?? publishedAt(seen, name);
	if (key !== "") seen.keyUnder.set(name, key);
	return key;
}

function publishedAt(seen: Observed, name: string): string {
	const target = seen.dns.targetOf(name);
	const [value] = seen.dns.zoneOf(target)?.current.txt.get(target)?.values ?? [];
	return value === undefined ? "" : (publishedKey(value) ?? "");
}

/** The servers of which one of the definite answers since then `holds`. */
function serversSaying(
	seen: Observed,
	name: string,
	sinceMs: number,
	holds: (values: readonly string[]) => boolean,
	timeOf: (asked: Asked) => number = ({ atMs }) => atMs,
): ReadonlySet<string> {
	const saying = new Set<string>();
	for (const asked of seen.dns.asked(seen.dns.targetOf(name))) {
		const { server, said, by } = asked;
		if (timeOf(asked) >= sinceMs && said !== null && by !== "world" && holds(said)) saying.add(server);
	}
	return saying;
}

function hasSigned(seen: Observed, domain: string, publicKey: string | null): boolean {
	for (const mail of seen.host.classes.values())
		if (mail.domain === domain && mail.publicKey === publicKey) return true;
	return false;
}

function whyEarly(seen: Observed, domain: string, selector: string, publicKey: string | null): string | null {
	const isNamed = (tables: Tables | null) =>
		linesFor(tables, domain).some((line) => line.selector === selector);
	if (isNamed(readTables(seen.host.disk))) return "the tables on disk still name it";
	const { signer } = seen.host;
	// Connections of before a reload end by themselves: forged mail must not verify as long as they last.
	const old = seen.revocations.isAsked(domain, selector) ? [] : signer.old;
	for (const loaded of [signer.loaded, ...old.map((one) => one.loaded)])
		if (isNamed(loaded)) return "the running signer still uses it";
	if (seen.revocations.isAsked(domain, selector)) return null;
	const graceMs = graceOf(seen, domain);
	for (const mail of seen.host.classes.values())
		if (
			mail.domain === domain &&
			mail.publicKey === publicKey &&
			mail.lastMs + graceMs > seen.nowMs + CLOCK_TOLERANCE_MS
		)
			return `its last mail is ${Math.round((seen.nowMs - mail.lastMs) / 60_000)} minutes old, grace is ${graceMs / 60_000}`;
	return null;
}

/** RULES.md "Grace and the queue": never shorter than mail may wait in the queue, and the TTL. */
function graceOf({ policies, queueLifetimeMs }: Observed, domain: string): number {
	const policy = policies.get(domain);
	if (policy === undefined) return 0;
	return Math.max(policy.retire.graceMs, queueLifetimeMs + policy.record.ttlSeconds * 1000);
}

/** Of several keys that sign, the successor is that of the same algorithm. */
function whyUnseen(seen: Observed, domain: string, removed: string | null): string | null {
	const lines = linesFor(readTables(seen.host.disk), domain);
	const [only] = lines;
	const line =
		lines.length < 2
			? only
			: lines.find(
					({ selector }) => algorithmOf(keyUnder(seen, domain, selector)) === algorithmOf(removed ?? ""),
				);
	if (line === undefined) return null;
	const publicKey = keyUnder(seen, domain, line.selector);
	const name = `${line.selector}._domainkey.${domain}`;
	// A host that fell asleep between the look and the removal goes on where it was.
	const right = serversSaying(
		seen,
		name,
		seen.awakeMs - SUCCESSOR_MS,
		(values) => verifies(publicKey, values),
		({ awakeMs }) => awakeMs,
	);
	return right.size >= quorumOf(seen, domain, name)
		? null
		: `its successor ${line.selector} was not looked at again`;
}
