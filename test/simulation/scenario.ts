/** What a seed stands for: the host, its domains and policies, and how unlucky it is. */

import type { Policy } from "../../src/rotation/policy.ts";
import type { Schedule } from "../../src/rotation/slots.ts";
import type { Chance } from "./chance.ts";

export interface Luck {
	/** Of death before one port call. */
	readonly daemonDies: number;
	readonly doorDies: number;
	/** Of power loss before one port call. */
	readonly powerFails: number;
	/** Of an edit of the tables between two calls of the door. */
	readonly administratorEdits: number;
	/** Episodes a day. */
	readonly serverFaults: number;
	readonly providerFaults: number;
	readonly diskFaults: number;
	readonly serviceFaults: number;
	readonly probeFaults: number;
	readonly clockSteps: number;
	readonly sinkFaults: number;
	readonly commands: number;
	readonly wishes: number;
	readonly guesses: number;
}

export interface Scenario {
	readonly beginning: Date;
	readonly days: number;
	readonly swap: "restart" | "reload";
	readonly acceptsWithoutMilter: boolean;
	readonly carefulProvider: boolean;
	readonly queueLifetimeMs: number;
	/** The longest that a mail server's connection stays open over a reload. */
	readonly oldConnectionsMs: number;
	readonly zones: readonly {
		readonly name: string;
		readonly servers: number;
		readonly minimumSeconds: number;
	}[];
	readonly policies: readonly Policy[];
	/** Whose provider refuses from the first day to the last. */
	readonly broken: ReadonlySet<string>;
	readonly wakeMs: number;
	readonly luck: Luck;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export function createScenario(chance: Chance, calm: boolean): Scenario {
	const count = chance.between(2, 7);
	const names = Array.from({ length: count }, (_, index) =>
		index === 2 && chance.happens(0.5) ? "mail.b.test" : `${"abcdefg"[index]}.test`,
	);
	const zones = names
		.filter((name) => name !== "mail.b.test")
		.map((name) => ({
			name,
			servers: chance.between(2, 4),
			minimumSeconds: chance.pick([300, 900, 3600, 7200]),
		}));
	const broken = new Set(count > 2 && chance.happens(0.3) ? [chance.pick(names)] : []);
	const swap = chance.pick(["restart", "reload"] as const);
	const queueLifetimeMs = chance.between(6, 24) * HOUR_MS;
	const timezone = chance.pick(["UTC", "Europe/Berlin", "America/New_York"]);
	return {
		beginning: new Date(Date.UTC(2026, chance.between(0, 11), chance.between(1, 28), chance.between(4, 22))),
		days: chance.between(8, 14),
		swap,
		acceptsWithoutMilter: chance.happens(0.5),
		carefulProvider: chance.happens(0.5),
		queueLifetimeMs,
		oldConnectionsMs: chance.pick([0, 5 * MINUTE_MS, 2 * HOUR_MS]),
		zones,
		broken,
		policies: names.map((domain) => createPolicy(chance, domain, swap, timezone, queueLifetimeMs)),
		wakeMs: chance.pick([20, 60, 60]) * MINUTE_MS,
		luck: calm ? NO_LUCK_NEEDED : createLuck(chance),
	};
}

function createPolicy(
	chance: Chance,
	domain: string,
	swap: "restart" | "reload",
	timezone: string,
	queueLifetimeMs: number,
): Policy {
	const hour = chance.between(0, 23);
	const ttlSeconds = chance.pick([300, 3600]);
	return {
		domain,
		schedule: dailyAt(hour),
		timezone,
		publishAheadMs: chance.pick([0, 6, 12]) * HOUR_MS,
		window: chance.happens(0.3) ? { fromMinute: 60 * hour, toMinute: (60 * (hour + 6)) % 1440 } : null,
		selector: {
			kind: "template",
			template: chance.pick(["{yyyy}{mm}", "{yyyy}{mm}{dd}", "{host}-{yyyy}{mm}"]),
		},
		host: "mx1",
		key: { algorithm: "ed25519" },
		record: { ttlSeconds },
		standby: false,
		jitterMs: chance.pick([0, 1, 2]) * HOUR_MS,
		spreadMs: chance.pick([0, 1]) * HOUR_MS,
		verify: {
			nameservers: "auto",
			quorum: "all",
			resolvers: chance.happens(0.5) ? ["system"] : [],
			via: ["servers"],
			intervalMs: 30_000,
			soakMs: "auto",
			timeoutMs: 6 * HOUR_MS,
		},
		retire: {
			graceMs: queueLifetimeMs + ttlSeconds * 1000 + chance.between(1, 6) * HOUR_MS,
			tombstoneMs: 0,
			adopted: chance.happens(0.3),
			publishPrivate: null,
		},
		signer: "main",
		swap,
		providers: [providerOf(domain)],
		zone: null,
	};
}

/** Each domain has an account of its own, so that one can be broken alone. */
export function providerOf(domain: string): string {
	return `account-${domain}`;
}

function dailyAt(hour: number): Schedule {
	const range = (from: number, to: number) =>
		Array.from({ length: to - from + 1 }, (_, index) => from + index);
	return {
		expression: `0 ${hour} * * *`,
		seconds: [0],
		minutes: [0],
		hours: [hour],
		daysOfMonth: range(1, 31),
		months: range(1, 12),
		weekdays: range(0, 6),
	};
}

export const NO_LUCK_NEEDED: Luck = {
	daemonDies: 0,
	doorDies: 0,
	powerFails: 0,
	administratorEdits: 0,
	serverFaults: 0,
	providerFaults: 0,
	diskFaults: 0,
	serviceFaults: 0,
	probeFaults: 0,
	clockSteps: 0,
	sinkFaults: 0,
	commands: 0,
	wishes: 0,
	guesses: 4,
};

/** Some seeds meet everything at once, most meet a few kinds of trouble, so that recovery itself gets its time. */
function createLuck(chance: Chance): Luck {
	const some = (likelihood: number, value: number) => (chance.happens(likelihood) ? value : 0);
	return {
		daemonDies: some(0.6, chance.pick([1 / 20_000, 1 / 5000, 1 / 1500])),
		doorDies: some(0.6, chance.pick([1 / 1000, 1 / 300, 1 / 120])),
		powerFails: some(0.5, chance.pick([1 / 20_000, 1 / 5000, 1 / 1500])),
		administratorEdits: some(0.5, 1 / 300),
		serverFaults: some(0.6, chance.pick([1, 4])),
		providerFaults: some(0.6, chance.pick([1, 4])),
		diskFaults: some(0.4, 1),
		serviceFaults: some(0.4, 1),
		probeFaults: some(0.3, 1),
		clockSteps: some(0.2, 0.5),
		sinkFaults: some(0.5, 1),
		commands: some(0.5, chance.pick([1, 8])),
		wishes: some(0.4, 0.5),
		guesses: chance.pick([0, 6]),
	};
}
