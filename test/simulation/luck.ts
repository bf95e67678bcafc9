/** How unlucky a simulated host is: how often what goes wrong there. */

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
	readonly guesses: number;
	/** An administrator stops the services. */
	readonly stoppages: number;
	readonly suspensions: number;
	/** Somebody takes a record in use out of DNS. */
	readonly vanishings: number;
	/** Wishes of other kinds than `rotate --now`, and changes of the configuration. */
	readonly wishes: number;
	/** A hook that holds switches back. */
	readonly holds: number;
	/** Other programs that are given a key. */
	readonly otherPrograms: number;
	/** Messages that stay in the queue. */
	readonly stuckMail: number;
}

/** Calm: nothing goes wrong. Harsh: several times as much as usual, which soon meets what is rare. */
export const WEATHERS = ["calm", "usual", "harsh"] as const;

export type Weather = (typeof WEATHERS)[number];

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
	guesses: 4,
	stoppages: 0,
	suspensions: 0,
	vanishings: 0,
	wishes: 0,
	holds: 0,
	otherPrograms: 0,
	stuckMail: 0,
};

/** How likely there is such trouble at all, and how much there may be of it then. */
type Range = readonly [likelihood: number, amounts: readonly [number, ...number[]]];

/** What concerns others than the host is drawn apart. */
type OfHost = Exclude<keyof Luck, "holds" | "otherPrograms" | "stuckMail">;

/** Some seeds meet everything at once, most meet a few kinds of trouble, so that recovery itself gets its time. */
const RANGES: Readonly<Record<Exclude<Weather, "calm">, Readonly<Record<OfHost, Range>>>> = {
	usual: {
		daemonDies: [0.6, [1 / 20_000, 1 / 5000, 1 / 2000]],
		doorDies: [0.6, [1 / 4000, 1 / 1500, 1 / 500]],
		powerFails: [0.5, [1 / 20_000, 1 / 5000, 1 / 2000]],
		administratorEdits: [0.4, [1 / 4000, 1 / 1500, 1 / 500]],
		serverFaults: [0.6, [1, 4]],
		providerFaults: [0.6, [1, 4]],
		diskFaults: [0.4, [1]],
		serviceFaults: [0.4, [1]],
		probeFaults: [0.3, [1]],
		clockSteps: [0.2, [0.5]],
		sinkFaults: [0.5, [1]],
		commands: [0.5, [1, 4]],
		guesses: [1, [0, 6]],
		stoppages: [0.3, [1]],
		suspensions: [0.2, [1]],
		vanishings: [0.3, [1]],
		wishes: [0.8, [2, 8]],
	},
	harsh: {
		daemonDies: [0.6, [1 / 5000, 1 / 2000, 1 / 700]],
		doorDies: [0.6, [1 / 1500, 1 / 500, 1 / 150]],
		powerFails: [0.5, [1 / 5000, 1 / 2000, 1 / 700]],
		administratorEdits: [0.4, [1 / 1500, 1 / 500, 1 / 150]],
		serverFaults: [0.6, [1, 8]],
		providerFaults: [0.6, [1, 8]],
		diskFaults: [0.6, [1, 4, 10]],
		serviceFaults: [0.5, [1, 4]],
		probeFaults: [0.4, [1, 4]],
		clockSteps: [0.4, [0.5, 2, 5]],
		sinkFaults: [0.5, [1]],
		commands: [0.5, [1, 4]],
		guesses: [1, [0, 6]],
		stoppages: [0.4, [1, 3]],
		suspensions: [0.3, [1, 2]],
		vanishings: [0.4, [1, 4]],
		wishes: [0.95, [8, 24]],
	},
};

export function createLuck(chance: Chance, weather: Weather): Luck {
	if (weather === "calm") return NO_LUCK_NEEDED;
	const ranges = RANGES[weather];
	const drawn = Object.entries(ranges).map(([name, [likelihood, amounts]]) => {
		const amount = amounts.length === 1 ? amounts[0] : chance.pick(amounts);
		return [name, likelihood === 1 || chance.happens(likelihood) ? amount : 0];
	});
	return { ...NO_LUCK_NEEDED, ...(Object.fromEntries(drawn) as Pick<Luck, OfHost>) };
}
