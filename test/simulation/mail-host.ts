/**
 * The simulated mail host: which signer and mail server run, what the signer has loaded, and every kind of message that
 * left it. OpenDKIM reads its tables at start and reload, and opens the key file for every message. A host that signs each
 * message twice has a second table of keys, as dkimpy-milter has one for Ed25519; its keys are opened for every message, too.
 */

import type { SimDisk } from "../fakes/sim-disk.ts";
import type { SimTime } from "./sim-time.ts";
import { publicHalfOf } from "./sim-mail.ts";

export const KEY_TABLE = "/etc/opendkim/key.table";
export const SIGNING_TABLE = "/etc/opendkim/signing.table";
/** Of the keys that sign each message once more; absent where each is signed once. */
export const SECOND_KEY_TABLE = "/etc/opendkim/key.table.ed25519";
export const KEYS = "/etc/opendkim/keys";
export const SIGNER_UID = 110;

/** How long the mail server is held when the signer will not come up; after that somebody was told, and mail goes on. */
export const HOLD_MS = 5 * 60_000;

export interface TableLine {
	readonly entry: string;
	readonly domain: string;
	readonly selector: string;
	readonly keyPath: string;
}

/**
 * What a signer that loaded these tables does for a domain's mail, by the domain; what it signs with once more stands under
 * `secondOf` the domain.
 */
export type Tables = ReadonlyMap<string, TableLine>;

export interface SignedBy {
	readonly selector: string;
	readonly publicKey: string;
}

export type Signature =
	/** With each of its keys. */
	| { readonly kind: "signed"; readonly by: readonly SignedBy[] }
	/** The message stays in its sender's queue. */
	| { readonly kind: "deferred"; readonly why: string }
	| { readonly kind: "unsigned"; readonly why: string };

/** All mail of one domain signed with one key under one selector. */
export interface MailClass {
	readonly domain: string;
	readonly selector: string;
	readonly publicKey: string;
	readonly firstMs: number;
	lastMs: number;
	isCurrent: boolean;
}

export interface MailHost {
	disk: SimDisk;
	readonly mailDomains: readonly string[];
	/** Postfix passes mail on unsigned while the milter is away (many guides set that), or defers it. */
	readonly acceptsWithoutMilter: boolean;
	readonly mailServer: { running: boolean; startedAt: Date };
	readonly signer: {
		running: boolean;
		/** By the wall clock of then, as systemd keeps it. */
		startedAt: Date;
		stoppedMs: number;
		/** Whether an injected fault has kept it from starting since it was stopped. */
		isRefused: boolean;
		loaded: Tables;
		reloadAsked: boolean;
		/** Connections open at a reload go on with the tables of before. */
		old: { readonly loaded: Tables; readonly untilMs: number }[];
	};
	readonly classes: Map<string, MailClass>;
	/** Those of `classes` that mail is signed with now. */
	current: readonly MailClass[];
	/** Grows with every change below the key directory. */
	keyChanges: number;
	/** Grows whenever mail begins or ceases to be signed with a key. */
	mailChanges: number;
	/** Messages that left unsigned, but for those after the hold. */
	readonly unsigned: { readonly atMs: number; readonly domain: string; readonly why: string }[];
	startSigner(): "running" | "failed";
	stopSigner(): void;
	askReload(oldConnectionsMs: number): void;
	/** The next milter connection makes a reload happen. */
	connect(): void;
	sign(loaded: Tables, domain: string): Signature;
	/** Sends mail of every domain now: what is in use is noted, what is no longer keeps its last moment. */
	sendMail(): void;
	/** Other programs send mail signed with these keys, too. */
	sendOthers(uses: readonly Pick<MailClass, "domain" | "selector" | "publicKey">[]): void;
}

export function createMailHost(given: {
	readonly disk: SimDisk;
	readonly time: SimTime;
	readonly mailDomains: readonly string[];
	readonly acceptsWithoutMilter: boolean;
}): MailHost {
	const { time } = given;
	const host: MailHost = {
		disk: given.disk,
		mailDomains: given.mailDomains,
		acceptsWithoutMilter: given.acceptsWithoutMilter,
		mailServer: { running: false, startedAt: time.wall() },
		signer: {
			running: false,
			startedAt: time.wall(),
			stoppedMs: 0,
			isRefused: false,
			loaded: new Map(),
			reloadAsked: false,
			old: [],
		},
		classes: new Map(),
		current: [],
		keyChanges: 0,
		mailChanges: 0,
		unsigned: [],
		startSigner: () => {
			const tables = readTables(host.disk);
			if (tables === null) return "failed";
			Object.assign(host.signer, {
				running: true,
				startedAt: time.wall(),
				isRefused: false,
				loaded: tables,
				reloadAsked: false,
				old: [],
			});
			return "running";
		},
		stopSigner: () => {
			if (host.signer.running) host.signer.stoppedMs = time.elapsedMs();
			Object.assign(host.signer, { running: false, loaded: new Map(), reloadAsked: false, old: [] });
		},
		askReload: (oldConnectionsMs) => {
			if (!host.signer.running) return;
			host.signer.reloadAsked = true;
			if (oldConnectionsMs > 0)
				host.signer.old.push({
					loaded: host.signer.loaded,
					untilMs: time.elapsedMs() + oldConnectionsMs,
				});
		},
		connect: () => {
			const { signer } = host;
			if (!signer.running || !signer.reloadAsked) return;
			signer.reloadAsked = false;
			signer.loaded = readTables(host.disk) ?? signer.loaded;
		},
		sign: (loaded, domain) => signWith(host.disk, loaded, domain),
		sendMail: () => sendMail(host, time.elapsedMs()),
		sendOthers: (uses) => {
			for (const { domain, selector, publicKey } of uses) {
				const known = host.classes.get(`${domain} ${selector} ${publicKey}`);
				if (known !== undefined) known.lastMs = time.elapsedMs();
			}
		},
	};
	return host;
}

/** What signed when mail was last sent: as long as it is the same, only the time of the last message moves on. */
const lastSigning = new WeakMap<
	MailHost,
	{ readonly loaded: readonly Tables[]; readonly keyChanges: number }
>();

function sendMail(host: MailHost, nowMs: number): void {
	for (const mail of host.current) mail.lastMs = nowMs;
	const loaded = whatSigns(host, nowMs);
	const last = lastSigning.get(host);
	if (last?.keyChanges === host.keyChanges && isSame(last.loaded, loaded)) return;
	lastSigning.set(host, { loaded, keyChanges: host.keyChanges });
	for (const mail of host.current) mail.isCurrent = false;
	host.current = loaded.flatMap((tables) =>
		host.mailDomains.flatMap((domain) => noteMail(host, domain, host.sign(tables, domain), nowMs)),
	);
	host.mailChanges += 1;
}

/** The tables by which mail is signed now: none while no mail leaves, several while connections of before a reload are open. */
function whatSigns(host: MailHost, nowMs: number): readonly Tables[] {
	const { signer } = host;
	if (!host.mailServer.running) return [];
	if (!signer.running) {
		const isExcused = signer.isRefused && nowMs - signer.stoppedMs >= HOLD_MS;
		if (host.acceptsWithoutMilter && !isExcused)
			for (const domain of host.mailDomains)
				host.unsigned.push({ atMs: nowMs, domain, why: "the mail server runs without the signer" });
		return [];
	}
	host.connect();
	if (signer.old.length === 0) return [signer.loaded];
	signer.old = signer.old.filter((old) => old.untilMs > nowMs);
	return [signer.loaded, ...signer.old.map((old) => old.loaded)];
}

function isSame(some: readonly Tables[], others: readonly Tables[]): boolean {
	return some.length === others.length && some.every((tables, index) => tables === others[index]);
}

function noteMail(host: MailHost, domain: string, signature: Signature, nowMs: number): readonly MailClass[] {
	if (signature.kind === "unsigned") host.unsigned.push({ atMs: nowMs, domain, why: signature.why });
	return signature.kind === "signed" ? signature.by.flatMap((key) => noteKey(host, domain, key, nowMs)) : [];
}

function noteKey(
	host: MailHost,
	domain: string,
	{ selector, publicKey }: SignedBy,
	nowMs: number,
): readonly MailClass[] {
	const name = `${domain} ${selector} ${publicKey}`;
	const known = host.classes.get(name);
	if (known === undefined) {
		const mail = { domain, selector, publicKey, firstMs: nowMs, lastMs: nowMs, isCurrent: true };
		host.classes.set(name, mail);
		return [mail];
	}
	if (known.isCurrent) return [];
	known.lastMs = nowMs;
	known.isCurrent = true;
	return [known];
}

function signWith(disk: SimDisk, loaded: Tables, domain: string): Signature {
	const lines = linesFor(loaded, domain);
	if (lines.length === 0) return { kind: "unsigned", why: "no signing line" };
	const by: SignedBy[] = [];
	for (const { keyPath, selector } of lines) {
		const pem = disk.text(keyPath);
		const publicKey = pem === null ? null : publicHalfOf(pem);
		if (publicKey === null)
			return { kind: "deferred", why: `${keyPath} is ${pem === null ? "gone" : "no key"}` };
		by.push({ selector, publicKey });
	}
	return { kind: "signed", by };
}

/** Where the line stands by which a domain's mail is signed once more. */
export function secondOf(domain: string): string {
	return `${domain} second`;
}

/** All lines by which a domain's mail is signed. */
export function linesFor(tables: Tables | null, domain: string): readonly TableLine[] {
	const lines = [tables?.get(domain), tables?.get(secondOf(domain))];
	return lines.filter((line) => line !== undefined);
}

let readCache: { texts: readonly (string | null)[]; tables: Tables | null } | null = null;

/** The tables as the signer reads them; null when it would refuse to start. */
export function readTables(disk: SimDisk): Tables | null {
	const keyTable = disk.text(KEY_TABLE);
	const signingTable = disk.text(SIGNING_TABLE);
	const secondTable = disk.text(SECOND_KEY_TABLE);
	if (keyTable === null || signingTable === null) return null;
	const texts = [keyTable, signingTable, secondTable];
	if (readCache === null || !readCache.texts.every((text, index) => text === texts[index]))
		readCache = { texts, tables: parseTables(keyTable, signingTable, secondTable) };
	return readCache.tables;
}

/** `secondTable` is null where mail is signed once; otherwise every line that signs has to name a key in both tables. */
export function parseTables(
	keyTable: string,
	signingTable: string,
	secondTable: string | null,
): Tables | null {
	const keys = keysIn(keyTable);
	const seconds = secondTable === null ? null : keysIn(secondTable);
	if (keys === null || (secondTable !== null && seconds === null)) return null;
	const tables = new Map<string, TableLine>();
	for (const [pattern, entry] of wordsOf(signingTable)) {
		const domain = pattern.replace(/^\*@/, "");
		const line = keys.get(entry);
		const second = seconds?.get(entry);
		if (line === undefined || (seconds !== null && second === undefined)) return null;
		if (tables.has(domain)) continue;
		tables.set(domain, ofSender(line, domain));
		if (second !== undefined) tables.set(secondOf(domain), ofSender(second, domain));
	}
	return tables;
}

/** Of the key tables, what no line of the signing table names: nothing signs with it. */
export function unusedLines(disk: SimDisk): readonly TableLine[] {
	const named = new Set(wordsOf(disk.text(SIGNING_TABLE) ?? "").map(([, entry]) => entry));
	return [KEY_TABLE, SECOND_KEY_TABLE].flatMap((path) =>
		[...(keysIn(disk.text(path) ?? "") ?? new Map<string, TableLine>()).values()].filter(
			({ entry }) => !named.has(entry),
		),
	);
}

function keysIn(keyTable: string): ReadonlyMap<string, TableLine> | null {
	const keys = new Map<string, TableLine>();
	for (const [entry, value] of wordsOf(keyTable)) {
		const match = /^([^:]+):([^:]+):(\/.+)$/.exec(value);
		if (match === null) return null;
		const [, domain = "", selector = "", keyPath = ""] = match;
		if (!keys.has(entry)) keys.set(entry, { entry, domain, selector, keyPath });
	}
	return keys;
}

/** With `%` one line of the key table is for whoever sends. */
function ofSender(line: TableLine, domain: string): TableLine {
	if (line.domain !== "%") return line;
	return { ...line, domain, keyPath: line.keyPath.replaceAll("%", domain) };
}

function wordsOf(table: string): readonly (readonly [string, string])[] {
	return table
		.split("\n")
		.map((line) => line.replace(/#.*/, "").trim())
		.filter((line) => line !== "")
		.map((line) => {
			const [first = "", second = ""] = line.split(/\s+/);
			return [first, second] as const;
		});
}
