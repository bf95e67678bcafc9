/** Looks at the world after every step that changed it, and asks each promise whether it still holds. */

import type { KeyState } from "../../src/rotation/life.ts";
import { KEY_TABLE, readTables, SECOND_KEY_TABLE, secondOf, SIGNING_TABLE } from "./mail-host.ts";
import { knowable, signing } from "./other-programs.ts";
import {
	type DocumentSeen,
	type News,
	type Observed,
	PROMISES,
	type PromiseName,
	type Switch,
	type Transition,
} from "./promises.ts";
import type { SimZone } from "./sim-dns.ts";
import { verifies } from "./sim-mail.ts";
import { allWants, documentPath, parseStored, storedDomain } from "./stored-domain.ts";
import type { World } from "./world.ts";

export interface Breach {
	readonly promise: PromiseName;
	readonly what: string;
	readonly atMs: number;
}

export interface Checker {
	/** Sends mail, lets receivers judge, and checks. Cheap when nothing changed. */
	check(): void;
	readonly breaches: Breach[];
	/** Keys replaced so far. */
	turns(): number;
	/** Of its keys that turned the longest time ago; null if one of them never did. */
	lastSwitchMs(domain: string): number | null;
	/** After a power loss files may be older than they were: that is no transition. */
	forgetStates(): void;
}

interface KnownKey {
	readonly state: KeyState;
	readonly sinceMs: number;
}

/** The longest negative TTL, and the longest lag of a server before it. */
const HURRY_MS = 6 * 3_600_000;

const TABLES = [KEY_TABLE, SIGNING_TABLE, SECOND_KEY_TABLE];
const ALL = Object.entries(PROMISES);

export function createChecker(world: World): Checker {
	const { host, dns, time, scenario } = world;
	const policies = new Map(scenario.policies.map((policy) => [policy.domain, policy]));
	const breaches: Breach[] = [];
	const told = new Set<string>();
	const keyUnder = new Map<string, string>();
	const documented = new Map<string, string>();
	const selectors = new Map<string, string[]>();
	const states = new Map<string, Map<string, KnownKey>>();
	const texts = new Map<string, string>();
	const damaged: string[] = [];
	const revisions = new Map<string, number>();
	const lastSwitch = new Map<string, number>();
	/** When the record of each name was last removed, by keyturn or by somebody else. */
	const goneSinceMs = new Map<string, number>();
	const takenOut = new Set<string>();
	const adopted = new Set(world.foreign.adopted.keys());
	const laidOut = new Set<string>();
	const luck = world.chance.stream("receivers");
	const domainFiles = scenario.policies.map((policy) => documentPath(policy.domain));
	let turns = 0;
	/** Of each switch of a key in use so far, whether it was a turn. */
	const counts = new Map<string, boolean[]>();
	for (const [place, line] of readTables(host.disk) ?? []) selectors.set(place, [line.selector]);
	for (const domain of scenario.bare) {
		selectors.set(domain, []);
		if (scenario.signsTwice) selectors.set(secondOf(domain), []);
	}

	let known = readTables(host.disk);

	const findSwitches = (): Switch[] => {
		const found: Switch[] = [];
		const tables = readTables(host.disk);
		if (tables === null || tables === known) return found;
		known = tables;
		for (const [place, seen] of selectors) {
			const line = tables.get(place);
			const to = line?.selector ?? null;
			const from = seen.at(-1) ?? null;
			if (line === undefined || to === from || to === null) continue;
			const { domain } = line;
			const stored = storedDomain(host.disk, domain);
			const isAskedBack =
				stored !== null && allWants(stored).some(({ rollback }) => rollback?.selector === to);
			const isUndo = seen.at(-2) === to && !isAskedBack;
			found.push({ atMs: time.elapsedMs(), domain, from, to, isUndo });
			world.record.note("tables", `${domain}: ${from ?? "nothing"} -> ${to}${isUndo ? " (back)" : ""}`);
			const counted = seen.length > 1 && counts.get(place)?.at(-1) === true;
			if (isUndo) {
				seen.pop();
				counts.get(place)?.pop();
				turns -= counted ? 1 : 0;
			} else {
				// Neither a first key nor a way back is a turn.
				const isTurn = from !== null && !isAskedBack;
				seen.push(to);
				counts.set(place, [...(counts.get(place) ?? []), isTurn]);
				turns += isTurn ? 1 : 0;
				lastSwitch.set(place, time.elapsedMs());
			}
		}
		return found;
	};

	const readDocuments = (): DocumentSeen[] => {
		const found: DocumentSeen[] = [];
		for (const path of domainFiles) {
			const text = world.touched.has(path) ? host.disk.text(path) : null;
			if (text === null || texts.get(path) === text) continue;
			texts.set(path, text);
			const document = parseStored(text);
			if (document === null) {
				damaged.push(path);
				continue;
			}
			const { domain, revision } = document;
			found.push({ ...document, before: revisions.get(domain) ?? null });
			const isHurried = allWants(document).some(
				({ rotate, add }) => rotate?.noSoak === true || add?.noSoak === true,
			);
			noteHurry(domain, isHurried);
			revisions.set(domain, revision);
		}
		return found;
	};

	/** From the asking until caches have forgotten what they may have heard before the switch. */
	const noteHurry = (domain: string, isAsked: boolean) => {
		const until = world.hurriedUntilMs.get(domain);
		if (isAsked) world.hurriedUntilMs.set(domain, Infinity);
		else if (until === Infinity) world.hurriedUntilMs.set(domain, time.elapsedMs() + HURRY_MS);
	};

	const findTransitions = (documents: readonly DocumentSeen[]): Transition[] => {
		const found: Transition[] = [];
		for (const { domain, keys } of documents) {
			const known = states.get(domain) ?? new Map<string, KnownKey>();
			states.set(domain, known);
			for (const { selector, state } of keys) {
				const before = known.get(selector) ?? null;
				if (before?.state === state) continue;
				known.set(selector, { state, sinceMs: time.elapsedMs() });
				world.record.note("state", `${domain}: ${selector} ${before?.state ?? "new"} -> ${state}`);
				found.push({
					atMs: time.elapsedMs(),
					domain,
					selector,
					from: before?.state ?? null,
					to: state,
					sinceMs: before?.sinceMs ?? null,
				});
			}
		}
		return found;
	};

	let last: { readonly tables: readonly (string | null)[]; keyChanges: number; mailChanges: number } = {
		tables: [],
		keyChanges: -1,
		mailChanges: -1,
	};
	const zoneChanges = new Map<SimZone, number>();

	const findNews = (): News => {
		const now = {
			tables: TABLES.map((path) => host.disk.text(path)),
			keyChanges: host.keyChanges,
			mailChanges: host.mailChanges,
		};
		const zones = dns.zones.filter((zone) => zoneChanges.get(zone) !== zone.changes);
		for (const zone of zones) zoneChanges.set(zone, zone.changes);
		const news = {
			tables: now.tables.some((text, index) => text !== last.tables[index]),
			keys: now.keyChanges !== last.keyChanges,
			mail: now.mailChanges !== last.mailChanges,
			zones: new Set(zones),
		};
		last = now;
		return news;
	};

	/** One receiver in its recursive resolver's view, for mail sent now. */
	const receive = (): Observed["refused"] => {
		const refused = [];
		for (const mail of host.current) {
			// A quorum leaves out a server that receivers may nevertheless ask.
			if (policies.get(mail.domain)?.verify.quorum !== "all" || !luck.happens(0.3)) continue;
			const name = `${mail.selector}._domainkey.${mail.domain}`;
			if (world.vanished.has(dns.targetOf(name)) || world.revocations.isRevoked(mail.domain, mail.selector))
				continue;
			if (time.elapsedMs() < (world.hurriedUntilMs.get(mail.domain) ?? 0)) continue;
			const values = dns.receiverLookup(name);
			if (values !== null && !verifies(mail.publicKey, values))
				refused.push({ ...mail, why: `its resolver has ${values.length} records` });
		}
		return refused;
	};

	/** Until they put it back, what others took out is as gone as what keyturn removed. */
	const noteTakenOut = () => {
		for (const name of world.vanished) {
			const origin = dns.originOf(name);
			if (goneSinceMs.has(origin)) continue;
			takenOut.add(name);
			goneSinceMs.set(origin, time.elapsedMs());
		}
		for (const name of takenOut) {
			if (world.vanished.has(name)) continue;
			takenOut.delete(name);
			goneSinceMs.delete(dns.originOf(name));
		}
	};

	/** The name of a key whose record never stood is free from when the key went. */
	const noteNeverThere = (transitions: readonly Transition[]) => {
		for (const { domain, selector, to, atMs } of transitions) {
			const name = `${selector}._domainkey.${domain}`;
			const target = dns.targetOf(name);
			const isThere = dns.zoneOf(target)?.current.txt.has(target) ?? false;
			if (to === "retired" && !isThere && !goneSinceMs.has(name)) goneSinceMs.set(name, atMs);
		}
	};

	const servicesSettled = (): boolean =>
		world.phase === "running" &&
		!world.isRecoveryArmed &&
		time.awakeMs() > world.servicesExcusedUntilMs &&
		!world.scheduler.living().some((running) => running.kind === "door");

	return {
		breaches,
		turns: () => turns,
		lastSwitchMs: (domain) => {
			const turning = policies.get(domain)?.keys === undefined ? [domain] : [domain, secondOf(domain)];
			const all = turning.map((place) => lastSwitch.get(place) ?? null);
			return all.reduce((one, other) => (one === null || other === null ? null : Math.min(one, other)));
		},
		forgetStates: () => {
			states.clear();
			revisions.clear();
			texts.clear();
			documented.clear();
			for (const path of domainFiles) world.touched.add(path);
			const documents = readDocuments();
			findTransitions(documents);
			for (const { domain, keys } of documents)
				for (const { selector, publicKey } of keys)
					documented.set(`${selector}._domainkey.${domain}`, publicKey);
		},
		check: () => {
			if (!world.dirty) return;
			world.dirty = false;
			const others = signing(world.others, time.awakeMs());
			host.sendMail();
			host.sendOthers(knowable(world.others, time.awakeMs()));
			const documents = readDocuments();
			for (const { name, dnsHost } of world.removals) {
				const [selector = "", domain = ""] = dns.originOf(name).split("._domainkey.");
				world.revocations.emptied(domain, selector, dnsHost);
			}
			const seen: Observed = {
				nowMs: time.elapsedMs(),
				awakeMs: time.awakeMs(),
				news: findNews(),
				host,
				dns,
				policies,
				queueLifetimeMs: scenario.queueLifetimeMs,
				switches: findSwitches(),
				documents,
				transitions: findTransitions(documents),
				strangers: world.strangers,
				damaged,
				ours: world.ours,
				removals: world.removals,
				unlinked: world.unlinked,
				touched: [...world.touched],
				said: world.said,
				refused: receive(),
				foreign: world.foreign,
				keyUnder,
				documented,
				mayBeUnsigned: (domain) => world.unsigned.may(domain),
				revocations: world.revocations,
				goneSinceMs,
				hooks: world.hooks,
				others,
				queue: world.queue,
				isClockOff: scenario.luck.clockSteps > 0,
				adopted,
				laidOut,
				servicesSettled: servicesSettled(),
				servicesExpected: {
					signer: !world.stopped.has("opendkim"),
					mailServer: !world.stopped.has("postfix"),
				},
				vanished: world.vanished,
			};
			noteTakenOut();
			noteNeverThere(seen.transitions);
			for (const { name } of world.removals) {
				takenOut.delete(name);
				goneSinceMs.set(dns.originOf(name), seen.nowMs);
			}
			for (const [promise, holds] of ALL)
				for (const what of holds(seen)) {
					if (told.has(what)) continue;
					told.add(what);
					world.record.note("BREACH", `${promise}: ${what}`);
					breaches.push({ promise: promise as PromiseName, what, atMs: seen.nowMs });
				}
			// What left until now is judged by what was allowed until now.
			world.unsigned.look(host, time.elapsedMs());
			host.unsigned.length = 0;
			world.removals.length = 0;
			world.unlinked.length = 0;
			world.strangers.length = 0;
			damaged.length = 0;
			world.said.length = 0;
			world.touched.clear();
		},
	};
}
