/** Which names are tried for records that nobody uses, and which of those that stand are told. */

import { expect, test } from "vitest";
import type { LeftRecord } from "../../src/doctor/facts.ts";
import { findLeft, type LeftGiven } from "../../src/doctor/left-records.ts";
import { createLookup } from "../../src/doctor/lookup.ts";
import type { InspectAnswer, InspectedLine, OtherReader } from "../../src/ports/door.ts";
import { type DomainState, emptyDomainState, type KeyEntry } from "../../src/rotation/domain-state.ts";
import { resolverOf } from "../fakes/doctor-bench.ts";
import { doorTold, keyFacts, NOW } from "../fakes/doctor-facts.ts";
import { keyEntry, policyOf } from "../fakes/policies.ts";

const VALUE = "v=DKIM1;k=rsa;p=MIIB";
const OVER = { host: "mx1", signer: "main", firstAt: "2026-01-01T00:00:00Z", lastAtLatest: null };
const long = { ...OVER, lastAt: "2026-02-01T00:00:00Z" };
const lately = { ...OVER, lastAt: "2026-11-25T00:00:00Z" };

function stateOf(...keys: readonly Partial<KeyEntry>[]): DomainState {
	return { ...emptyDomainState("example.com"), keys: keys.map((key) => keyEntry(key)) };
}

function line(changes: Partial<InspectedLine>): InspectedLine {
	return { ...keyFacts().line, ...changes };
}

async function find(given: {
	readonly standing: readonly string[];
	readonly state?: DomainState;
	readonly lines?: readonly InspectedLine[];
	readonly otherReaders?: readonly OtherReader[];
	readonly adopted?: boolean;
	/** What the name servers have; by default what the resolver has. */
	readonly served?: readonly string[];
	readonly value?: string;
}): Promise<readonly LeftRecord[]> {
	const { standing, state = null, value = VALUE } = given;
	const served = given.served ?? standing;
	const told = doorTold({
		signer: { lines: given.lines ?? [] },
		answer: { otherReaders: given.otherReaders ?? [] },
	});
	const records = Object.fromEntries(
		standing.map((selector) => [`TXT ${selector}._domainkey.example.com`, [value]]),
	);
	const policy = policyOf({
		retire: { ...policyOf().retire, adopted: given.adopted ?? false },
		verify: { ...policyOf().verify, resolvers: ["system"] },
	});
	const signal = new AbortController().signal;
	const asked: LeftGiven = {
		policy,
		state,
		inspection: (told.kind === "told" ? told.answer : null) as InspectAnswer,
		now: NOW,
		lookup: createLookup(resolverOf(records), policy.verify, signal),
		propagation: {
			look: async () => Promise.reject(new Error("nothing is looked at")),
			vacancy: async (_, selector) =>
				Promise.resolve({
					kind: served.includes(selector) ? "taken" : "free",
					values: served.includes(selector) ? [value] : [],
					owner: "",
					zone: "example.com",
					negativeTtlSeconds: 60,
					wildcardTtlSeconds: null,
					summary: "",
				}),
		},
		signal,
	};
	return findLeft(asked);
}

test.each([
	["one named after this month", { standing: ["202611"] }, [["202611", false, false]]],
	["one named after a month almost a year ago", { standing: ["202512"] }, [["202512", false, false]]],
	["none named after a month before that", { standing: ["202511"] }, []],
	["none under another name", { standing: ["google"] }, []],
	["one that a resolver alone remembers", { standing: ["202610"], served: [] }, []],
	["one that was revoked", { standing: ["202610"], value: "v=DKIM1;k=rsa;p=" }, []],
	["one that is no key record", { standing: ["202610"], value: "v=spf1 -all" }, []],
	["the one in use", { standing: ["202611"], lines: [line({ selector: "202611" })] }, []],
	[
		"one of a line that signs nothing",
		{ standing: ["news"], lines: [line({ selector: "news", signs: false })] },
		[["news", false, false]],
	],
	[
		"none of a line of another domain",
		{ standing: ["news"], lines: [line({ selector: "news", domain: "example.org", signs: false })] },
		[],
	],
	[
		"one that keyturn had removed",
		{ standing: ["kt1"], state: stateOf({ selector: "kt1", state: "retired" }) },
		[["kt1", true, false]],
	],
	[
		"an adopted one after its grace",
		{
			standing: ["mail"],
			state: stateOf({ selector: "mail", state: "retiring", origin: "adopted", uses: [long] }),
		},
		[["mail", false, true]],
	],
	[
		"none within its grace",
		{
			standing: ["mail"],
			state: stateOf({ selector: "mail", state: "retiring", origin: "adopted", uses: [lately] }),
		},
		[],
	],
	[
		"none that keyturn is about to remove",
		{
			standing: ["202610"],
			adopted: true,
			state: stateOf({ selector: "202610", state: "retiring", origin: "adopted", uses: [long] }),
		},
		[],
	],
	[
		"none that is published ahead",
		{ standing: ["202611"], state: stateOf({ selector: "202611", state: "published" }) },
		[],
	],
	[
		"none that an ARC signer uses",
		{
			standing: ["202610"],
			otherReaders: [
				{
					program: "openarc",
					where: "/etc/openarc.conf",
					domain: "example.com",
					selector: "202610",
					keyPath: null,
					publicKey: null,
					problem: null,
				},
			],
		},
		[],
	],
])("%s", async (_, given, expected) => {
	const left = await find(given);
	expect(left.map(({ selector, isOurs, isAdopted }) => [selector, isOurs, isAdopted])).toEqual(expected);
});
