/** What a seed stands for: the host, its domains and policies, and how unlucky it is. */

import type { Policy } from "../../src/rotation/policy.ts";
import type { Schedule } from "../../src/rotation/slots.ts";
import { SHELF } from "./promises-to-others.ts";
import type { ZonePlan } from "./sim-dns.ts";
import type { Chance } from "./chance.ts";
import { createLuck, type Luck, type Weather } from "./luck.ts";

/** How close together turns come: often, as a host that is exercised; daily; or rarely, as real hosts turn them. */
export type Pace = "often" | "daily" | "rarely";

export interface Scenario {
	readonly pace: Pace;
	readonly beginning: Date;
	/** How long there is trouble. */
	readonly days: number;
	/** How long there is none at the end: enough for the longest back-off, and for one more turn of every domain. */
	readonly calmDays: number;
	/** Between an operator's wishes; null if there is none. */
	readonly wishEveryMs: number | null;
	readonly swap: "restart" | "reload";
	readonly acceptsWithoutMilter: boolean;
	readonly carefulProvider: boolean;
	readonly queueLifetimeMs: number;
	/** The longest that a mail server's connection stays open over a reload. */
	readonly oldConnectionsMs: number;
	readonly zones: readonly ZonePlan[];
	/** Domains below whose `_domainkey` every name has a record. */
	readonly wildcards: ReadonlySet<string>;
	readonly policies: readonly Policy[];
	/** Whose provider refuses from the first day to the last. */
	readonly broken: ReadonlySet<string>;
	/** Which nothing signs in the beginning. */
	readonly bare: ReadonlySet<string>;
	/** Which one key signs for in the beginning: a file that several lines name, or one line of the key table. */
	readonly together: { readonly domains: readonly string[]; readonly form: "file" | "line" };
	/** Whether the signer is a dkimpy-milter, which signs each message with an RSA key and an Ed25519 key. */
	readonly signsTwice: boolean;
	readonly wakeMs: number;
	readonly luck: Luck;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export function createScenario(chance: Chance, weather: Weather): Scenario {
	const alone = withNeighbours(createHost(chance, weather), chance.stream("neighbours"), weather);
	const host = withTogether(alone, chance.stream("together"));
	const twice = chance.stream("twice");
	// It knows no reload, and its lines are never one domain's and another's.
	const isAble = host.swap === "restart" && host.together.domains.length === 0;
	return isAble && twice.happens(0.6) ? signingTwice(host, () => twice.happens(0.8)) : host;
}

/**
 * The host with a signer that signs each message twice. Both keys of those that are chosen turn, of the others the RSA key; only
 * the former may be without keys, since lines of one name stand in both tables.
 */
export function signingTwice(host: Scenario, isChosen: (domain: string) => boolean): Scenario {
	const policies = host.policies.map((policy): Policy => {
		const { selector, domain } = policy;
		const single = { ...policy, swap: "restart", key: RSA } as const;
		return isChosen(domain)
			? { ...single, keys: [RSA, { algorithm: "ed25519" }], selector: templateOf(selector) }
			: single;
	});
	const chosen = new Set(policies.flatMap(({ domain, keys }) => (keys === undefined ? [] : [domain])));
	return {
		...host,
		signsTwice: true,
		swap: "restart",
		bare: new Set([...host.bare].filter((domain) => chosen.has(domain))),
		together: NOT_TOGETHER,
		policies,
	};
}

/** A ring has no names for several keys. */
function templateOf(selector: Policy["selector"]): Policy["selector"] {
	return selector.kind === "ring" ? { kind: "template", template: "{alg}-{yyyy}{mm}" } : selector;
}

/** In a third of all runs. They turn by what is configured for the first, so that the others are given the same. */
function withTogether(host: Scenario, chance: Chance): Scenario {
	const able = host.policies.filter(
		({ domain, key }) => !host.broken.has(domain) && !host.bare.has(domain) && key.algorithm !== "rsa",
	);
	if (!chance.happens(0.33) || able.length < 2) return host;
	const count = chance.between(2, Math.min(4, able.length));
	const start = chance.between(0, able.length - count);
	return turningTogether(host, able.slice(start, start + count), chance.pick(["file", "line"] as const));
}

/** The host, with these domains signed for by one key. */
export function turningTogether(
	host: Scenario,
	policies: readonly Policy[],
	form: Scenario["together"]["form"],
): Scenario {
	const domains = policies.map(({ domain }) => domain);
	const [first] = policies;
	if (first === undefined) return host;
	const { selector, schedule, timezone, window, publishAheadMs, key, standby } = first;
	const turn = { selector, schedule, timezone, window, publishAheadMs, key, standby };
	return {
		...host,
		bare: new Set([...host.bare].filter((name) => !domains.includes(name))),
		together: { domains, form },
		policies: host.policies.map((policy) =>
			domains.includes(policy.domain)
				? { ...policy, ...turn, retire: { ...policy.retire, publishPrivate: null } }
				: policy,
		),
	};
}

const NOT_TOGETHER: Scenario["together"] = { domains: [], form: "file" };

function createHost(chance: Chance, weather: Weather): Scenario {
	const pace = chance.happens(0.85) ? "often" : chance.pick(["daily", "rarely"] as const);
	const count = pace === "often" ? chance.between(6, 12) : chance.between(2, 6);
	const names = Array.from({ length: count }, (_, index) =>
		index === 2 && chance.happens(0.5) ? "mail.b.test" : `${"abcdefghijkl"[index]}.test`,
	);
	const broken = new Set(chance.happens(0.3) ? [chance.pick(names)] : []);
	const swap = chance.pick(["restart", "reload"] as const);
	const queueLifetimeMs = chance.between(...QUEUE_HOURS[pace]) * HOUR_MS;
	const common: Common = {
		pace,
		swap,
		queueLifetimeMs,
		timezone: chance.pick(["UTC", "Europe/Berlin", "America/New_York"]),
		hour: chance.between(0, 23),
		everyHours: chance.pick([2, 3, 4]),
		extraGraceHours: chance.between(1, 3),
		minimumSeconds: chance.pick([300, 600, 900]),
	};
	return {
		pace,
		beginning: beginningOf(chance),
		days: chance.between(...DAYS[pace]),
		calmDays: CALM_DAYS[pace],
		// Where services are stopped, only a wish turns a key more than once a day.
		wishEveryMs: wishEvery(chance, pace, swap),
		swap,
		acceptsWithoutMilter: chance.happens(0.5),
		carefulProvider: chance.happens(0.5),
		queueLifetimeMs,
		oldConnectionsMs: chance.pick([0, 5 * MINUTE_MS, 2 * HOUR_MS]),
		zones: names
			.filter((name) => name !== "mail.b.test")
			.map((name) => ({
				name,
				// The keys of one zone stand in another's, where several hosts or customers share one.
				aliasTo: name === "a.test" && chance.happens(0.2) ? "a-keys.b.test" : null,
				servers: chance.pick([2, 2, 3, 4]),
				minimumSeconds: chance.happens(0.7)
					? common.minimumSeconds
					: chance.pick(pace === "often" ? [300, 600, 900] : [300, 900, 3600, 7200]),
			})),
		broken,
		wildcards: new Set(names.filter(() => chance.happens(0.1))),
		policies: names.map((domain, index) => ({
			...createPolicy(chance, domain, common),
			// A few keys, since they cannot be made from a seed.
			...(index === 0 && pace !== "often" && chance.happens(0.5) ? { key: RSA } : {}),
		})),
		wakeMs: chance.pick(WAKE_MINUTES[pace]) * MINUTE_MS,
		luck: createLuck(chance, weather),
		bare: new Set(names.filter((name) => !broken.has(name) && chance.happens(0.2))),
		together: NOT_TOGETHER,
		signsTwice: false,
	};
}

/** What concerns others than the host itself, and how keys leave it; drawn from a stream of its own. */
function withNeighbours(scenario: Scenario, chance: Chance, weather: Weather): Scenario {
	const some = (likelihood: number, value: number) =>
		weather !== "calm" && chance.happens(likelihood) ? value : 0;
	const luck = {
		...scenario.luck,
		holds: some(0.4, 2),
		otherPrograms: some(0.4, 2),
		stuckMail: some(0.5, 8),
	};
	// Only a right clock tells how long a message may still wait.
	const mayBeShort = luck.clockSteps === 0;
	const policies = scenario.policies.map((policy): Policy => {
		const { retire, selector, record } = policy;
		const ttlMs = record.ttlSeconds * 1000;
		const isShort = chance.happens(0.2) && mayBeShort;
		return {
			...policy,
			retire: {
				...retire,
				graceMs: isShort ? chance.between(ttlMs, scenario.queueLifetimeMs) : retire.graceMs,
				tombstoneMs: chance.happens(0.1) ? HOUR_MS : 0,
				publishPrivate: selector.kind === "template" && chance.happens(0.5) ? SHELF : null,
			},
		};
	});
	return withTwoHosts({ ...scenario, luck, policies }, () => chance.happens(0.15));
}

/** Zones that two DNS hosts serve, each of which is told every record; those that share records with others are not. */
export function withTwoHosts(scenario: Scenario, isChosen: (zone: string) => boolean): Scenario {
	const zones = scenario.zones.map((zone) =>
		zone.name !== "a.test" && zone.name !== "b.test" && isChosen(zone.name)
			? { ...zone, hasTwoHosts: true }
			: zone,
	);
	const chosen = new Set(zones.flatMap((zone) => (zone.hasTwoHosts === true ? [zone.name] : [])));
	const policies = scenario.policies.map((policy) =>
		chosen.has(policy.domain)
			? { ...policy, providers: [providerOf(policy.domain), secondProviderOf(policy.domain)] }
			: policy,
	);
	return { ...scenario, zones, policies };
}

const RSA = { algorithm: "rsa", bits: 2048 } as const;

type Range = readonly [low: number, high: number];

const QUEUE_HOURS: Record<Pace, Range> = { often: [1, 6], daily: [6, 24], rarely: [24, 120] };
const DAYS: Record<Pace, Range> = { often: [2, 3], daily: [7, 10], rarely: [40, 80] };
const CALM_DAYS: Record<Pace, number> = { often: 2, daily: 3, rarely: 35 };
const WAKE_MINUTES: Record<Pace, readonly number[]> = {
	often: [60, 120],
	daily: [20, 60, 60],
	rarely: [720],
};

function wishEvery(chance: Chance, pace: Pace, swap: "restart" | "reload"): number | null {
	if (pace === "often") return (swap === "restart" ? chance.between(1, 3) : chance.between(3, 8)) * HOUR_MS;
	return chance.happens(0.4) ? chance.between(1, 4) * 24 * HOUR_MS : null;
}

/** Half of all runs meet a change of the clocks in one of the time zones. */
function beginningOf(chance: Chance): Date {
	const changes = [
		Date.UTC(2026, 2, 7, 12),
		Date.UTC(2026, 2, 28),
		Date.UTC(2026, 9, 24),
		Date.UTC(2026, 9, 31),
	];
	const change = chance.pick(changes) - chance.between(0, 24) * HOUR_MS;
	const any = Date.UTC(2026, chance.between(0, 11), chance.between(1, 28), chance.between(4, 22));
	return new Date(chance.happens(0.5) ? change : any);
}

interface Common {
	readonly pace: Pace;
	readonly swap: "restart" | "reload";
	readonly queueLifetimeMs: number;
	readonly timezone: string;
	/** Where turns come often all domains are due together: one tick then does the work of many. */
	readonly hour: number;
	readonly everyHours: number;
	/** Beyond what the queue needs. Where turns come often it is the same for all, and old records go together. */
	readonly extraGraceHours: number;
	/** Of most zones' absences. */
	readonly minimumSeconds: number;
}

function createPolicy(chance: Chance, domain: string, common: Common): Policy {
	const { pace, swap, timezone, queueLifetimeMs } = common;
	const isOften = pace === "often";
	const hour = isOften ? common.hour : chance.between(0, 23);
	const ttlSeconds = chance.pick([300, 3600]);
	const hasWindow = chance.happens(isOften ? 0.1 : 0.3);
	return {
		domain,
		schedule: scheduleOf(chance, common, hour),
		timezone,
		publishAheadMs: chance.pick(isOften ? [0, 0, 0, 1] : [0, 6, 12]) * HOUR_MS,
		window: hasWindow ? { fromMinute: 60 * hour, toMinute: (60 * (hour + 6)) % 1440 } : null,
		selector: selectorOf(chance),
		host: "mx1",
		key: { algorithm: "ed25519" },
		record: { ttlSeconds },
		standby: chance.happens(0.1),
		jitterMs: (isOften ? chance.pick([0, 0, 0, 0.5]) : chance.pick([0, 1, 2])) * HOUR_MS,
		spreadMs: chance.happens(0.2) ? HOUR_MS : 0,
		verify: {
			nameservers: "auto",
			quorum: chance.happens(0.1) ? 2 : "all",
			resolvers: chance.happens(0.5) ? ["system"] : [],
			via: ["servers"],
			intervalMs: 30_000,
			soakMs: "auto",
			timeoutMs: 6 * HOUR_MS,
		},
		retire: {
			graceMs:
				queueLifetimeMs +
				ttlSeconds * 1000 +
				(isOften ? common.extraGraceHours : chance.between(1, 6)) * HOUR_MS,
			tombstoneMs: 0,
			adopted: chance.happens(0.3),
			publishPrivate: null,
		},
		signer: "main",
		swap,
		providers: chance.happens(0.15) ? [providerOf(domain), secondProviderOf(domain)] : [providerOf(domain)],
		zone: null,
	};
}

/** In a ring there are names for all turns until the first of them is free again. */
function selectorOf(chance: Chance): Policy["selector"] {
	if (chance.happens(0.1))
		return { kind: "ring", names: Array.from({ length: 60 }, (_, index) => `kt${index + 1}`) };
	const template = chance.pick(["{yyyy}{mm}", "{yyyy}{mm}{dd}", "{host}-{yyyy}{mm}", "{alg}-{yyyy}{mm}"]);
	return { kind: "template", template };
}

function scheduleOf(chance: Chance, { pace, swap, everyHours }: Common, hour: number): Schedule {
	if (pace === "daily" || (pace === "often" && swap === "restart")) return scheduleAt([hour]);
	if (pace === "often")
		return scheduleAt(
			Array.from({ length: 24 }, (_, index) => index).filter(
				(index) => index % everyHours === hour % everyHours,
			),
		);
	return { ...scheduleAt([hour]), daysOfMonth: [chance.between(1, 28)] };
}

/** Each domain has an account of its own, so that one can be broken alone. */
export function providerOf(domain: string): string {
	return `account-${domain}`;
}

/** Another account that writes the same zone. */
export function secondProviderOf(domain: string): string {
	return `second-${domain}`;
}

function scheduleAt(hours: readonly number[]): Schedule {
	const range = (from: number, to: number) =>
		Array.from({ length: to - from + 1 }, (_, index) => from + index);
	return {
		expression: `0 ${hours.join(",")} * * *`,
		seconds: [0],
		minutes: [0],
		hours,
		daysOfMonth: range(1, 31),
		months: range(1, 12),
		weekdays: range(0, 6),
	};
}
