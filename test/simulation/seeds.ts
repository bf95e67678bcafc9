/** Seeds that once broke a promise, with what was wrong: run for good. */

import type { Weather } from "./luck.ts";

interface Seed {
	readonly seed: number;
	/** Usual if left out. */
	readonly weather?: Weather;
	readonly found: string;
}

export const SEEDS: readonly Seed[] = [
	{ seed: 2, found: "the checker missed a call that was let through as its process died" },
	{ seed: 4, found: "in the simulation a mail connection outlived the sleep of its host" },
	{ seed: 181, found: "the checker judged mail of before its host's sleep by what was allowed after it" },
	{ seed: 815, found: "the checker took a record that one of two DNS hosts had removed for gone from both" },
	{ seed: 2001, found: "the simulation ran out of RSA keys" },
	{
		seed: 5258,
		found: "the checker did not know the record of a ring's name gone that somebody else had taken out",
	},
	{
		seed: 5327,
		found: "in the simulation the time at which a service was started moved with the wall clock",
	},
	{
		seed: 10008,
		found: "the checker asked for a turn in time after a clock that was ahead had brought one forward",
	},
	{
		seed: 40127,
		found: "the checker had no patience with who starts a signer by hand once the host has slept",
	},
	{ seed: 40232, found: "the checker took the hours in which the host had no power for silence" },
	{
		seed: 40279,
		found: "the checker forgot that a record was removed which somebody had taken out and put back before",
	},
	{ seed: 50350, found: "the checker did not know the name of a ring free whose record was never written" },
	{
		seed: 50467,
		found:
			"in the simulation a record that was taken out uncovered an alias, whose name the checker did not excuse",
	},
	{ seed: 60490, found: "a clock that jumped once more in a doubt ended a soak" },
	{
		seed: 70078,
		found:
			"a disk that failed now and then had each start and end of that told, which pushed troubles out of the outbox",
	},
	{
		seed: 90256,
		found: "a clock that was right again after a doubt of months ago by the wrong one was believed",
	},
	{
		seed: 110159,
		found: "a leaving domain's old key counted as taken out while its lines had gone to a new one",
	},
	{
		seed: 120440,
		found: "a domain whose daily look was due did not go along with the stop that others made",
	},
	{
		seed: 141242,
		found: "the checker did not excuse half a change that an administrator's save had left, which was told",
	},
	{
		seed: 142245,
		found: "the checker held a program against keyturn that had an old key between two looks only",
	},
	{
		seed: 500011,
		weather: "harsh",
		found: "recovery stopped the signer beneath a mail server that the boot had started",
	},
	{
		seed: 500023,
		weather: "harsh",
		found: "half of a first key's lines had the other half refused",
	},
	{
		seed: 503018,
		weather: "harsh",
		found: "soaks counted from a moment that a clock which was ahead had noted",
	},
	{ seed: 505000, weather: "harsh", found: "a signing line came before the second table had its name" },
	{ seed: 507114, weather: "harsh", found: "a key of a clock that was ahead stood for months to come" },
];
