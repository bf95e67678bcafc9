/** What keyturn owes those around it: hooks, programs that use its keys, mail in the queue, and whoever reads old keys. */

import { isCandidate } from "../../src/rotation/life.ts";
import { linesFor, readTables } from "./mail-host.ts";
import type { Observed } from "./promises.ts";
import { publicHalfOf, verifies } from "./sim-mail.ts";
import { waitingIn } from "./sim-queue.ts";

/** Where private halves are laid out. */
export const SHELF = "/srv/keys";

const DAY_MS = 86_400_000;
/** RULES.md "Grace and the queue". */
const LAID_OUT_AFTER_MS = 7 * DAY_MS;
/** A wall clock that is off by less than this is believed. */
const CLOCK_TOLERANCE_MS = 60 * 60_000;

/** No key begins to sign against the word of a program of `hooks.pre`, nor before one was asked. */
export function hooksAreAsked(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	for (const { domain, to, isUndo } of seen.switches) {
		if (to === null || isUndo) continue;
		const said = seen.hooks.said.get(domain) ?? "nothing";
		if (said !== "done") breaches.push(`${domain} was switched to ${to} though the hook had said ${said}`);
	}
	return breaches;
}

/** The record of a key that another program signs with stays, but for one that is compromised. */
export function othersAreWaitedFor(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	for (const { name: owner, value } of seen.removals) {
		const name = seen.dns.originOf(owner);
		for (const { program, domain, selector, publicKey } of seen.others)
			if (
				name === `${selector}._domainkey.${domain}` &&
				verifies(publicKey, [value]) &&
				!seen.revocations.isAsked(domain, selector)
			)
				breaches.push(`the record ${name} was removed, and ${program} signs with its key`);
	}
	return breaches;
}

/** Mail that waits in the queue keeps the record of its key, for one lifetime of the queue more at most. */
export function queueIsWaitedFor(seen: Observed): readonly string[] {
	const breaches: string[] = [];
	// By a clock that jumped nobody can tell which message is older than a key's last use.
	if (seen.isClockOff) return breaches;
	for (const { name: owner, value } of seen.removals) {
		const name = seen.dns.originOf(owner);
		for (const mail of waitingIn(seen.queue, seen.nowMs)) {
			const { id, domain, selector, publicKey } = mail;
			if (name !== `${selector}._domainkey.${domain}` || !verifies(publicKey, [value])) continue;
			if (seen.revocations.isAsked(domain, selector)) continue;
			if (seen.nowMs < waitedForUntilMs(seen, mail))
				breaches.push(`the record ${name} was removed, and ${id} waits in the queue, signed with its key`);
		}
	}
	return breaches;
}

function waitedForUntilMs(
	seen: Observed,
	{
		domain,
		selector,
		publicKey,
	}: { readonly domain: string; readonly selector: string; readonly publicKey: string },
): number {
	const mail = seen.host.classes.get(`${domain} ${selector} ${publicKey}`);
	const policy = seen.policies.get(domain);
	if (mail === undefined || policy === undefined) return 0;
	const leastMs = seen.queueLifetimeMs + policy.record.ttlSeconds * 1000;
	return mail.lastMs + Math.max(policy.retire.graceMs, leastMs) + seen.queueLifetimeMs;
}

/** A private half is laid out long after its record went, when nobody signs or verifies with it, and for good. */
export function onlyOldKeysAreLaidOut(seen: Observed): readonly string[] {
	const breaches = laidOutNow(seen).flatMap((key) =>
		whyTooSoon(seen, key).map((why) => `the private half of ${key.name} was laid out: ${why}`),
	);
	for (const { domain, selector, to } of seen.transitions)
		if (seen.laidOut.has(`${domain} ${selector}`) && (isCandidate(to) || to === "active"))
			breaches.push(`${domain}: ${selector} is ${to} again though everybody has its private half`);
	for (const { domain, selector } of laidOutNow(seen)) seen.laidOut.add(`${domain} ${selector}`);
	return breaches;
}

/** What is laid out is the key of that name, one that keyturn made and that nobody else has. */
export function onlyOurKeysAreLaidOut(seen: Observed): readonly string[] {
	return laidOutNow(seen).flatMap(({ name, publicKey }) => {
		const whys: string[] = [];
		if (seen.adopted.has(name)) whys.push("keyturn did not make it");
		if ((seen.keyUnder.get(name) ?? publicKey) !== publicKey) whys.push("it is another key");
		if (seen.others.some((use) => use.publicKey === publicKey)) whys.push("another program signs with it");
		return whys.map((why) => `the private half of ${name} was laid out: ${why}`);
	});
}

interface LaidOut {
	readonly name: string;
	readonly domain: string;
	readonly selector: string;
	readonly publicKey: string;
}

/** One that is being written is not whole yet. */
function laidOutNow(seen: Observed): readonly LaidOut[] {
	return seen.touched.flatMap((path): readonly LaidOut[] => {
		if (!path.startsWith(SHELF)) return [];
		const [domain = "", file = ""] = path.slice(SHELF.length + 1).split("/");
		const selector = file.replace(/\.pem$/, "");
		const publicKey = publicHalfOf(seen.host.disk.text(path) ?? "");
		if (!file.endsWith(".pem") || publicKey === null) return [];
		return [{ name: `${selector}._domainkey.${domain}`, domain, selector, publicKey }];
	});
}

function whyTooSoon(seen: Observed, { name, domain, selector, publicKey }: LaidOut): readonly string[] {
	const whys: string[] = [];
	const goneMs = seen.goneSinceMs.get(name);
	const ttlMs = (seen.policies.get(domain)?.record.ttlSeconds ?? 0) * 1000;
	if (goneMs === undefined) whys.push("its record was never removed");
	else if (seen.nowMs < goneMs + ttlMs + LAID_OUT_AFTER_MS - CLOCK_TOLERANCE_MS)
		whys.push(`its record was removed ${Math.round((seen.nowMs - goneMs) / 3_600_000)} hours ago`);
	if (linesFor(readTables(seen.host.disk), domain).some((line) => line.selector === selector))
		whys.push("the tables name it");
	const target = seen.dns.targetOf(name);
	for (const server of seen.dns.zoneOf(target)?.servers ?? [])
		if (verifies(publicKey, server.held.txt.get(target)?.values ?? []))
			whys.push(`${server.name} still serves its record`);
	return whys;
}
