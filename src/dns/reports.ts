/** Turns what the servers of a chain said into one report a server and one verdict. */

import type { ServerOutcome, ServerReport } from "../ports/propagation.ts";
import type { Chain } from "./chain.ts";
import { type Hop, type HopOptions, isWildcard, type Sighting } from "./hop.ts";
import { type Expected, judge, type Judgement } from "./judgement.ts";
import type { Observation } from "./observation.ts";
import { tell } from "./sentences.ts";
import { tally, type Tally, worst } from "./tally.ts";

export interface JudgedChain extends Tally {
	readonly reports: readonly ServerReport[];
	/** Where the record is looked for: the last one, or the first where a wildcard's alias only stands in for the record. */
	readonly hop: Hop;
}

/** Every zone on the way needs its quorum: an alias that one server lacks is a record that its askers miss. */
export async function judgeChain(
	chain: Chain,
	expected: Expected,
	options: HopOptions,
): Promise<JudgedChain> {
	const hops: JudgedChain[] = [];
	const last = chain.hops[chain.hops.length - 1] ?? chain.hops[0];
	for (const hop of chain.hops) {
		const broken = hop === last ? chain.broken : null;
		hops.push(await judgeHop(hop, { expected, broken }, options));
	}
	const [first, ...others] = hops;
	const behind = worst(others.map((hop) => hop.verdict));
	if (first !== undefined && (behind === "wrong" || behind === "absent")) {
		const wildcards = await wildcardAliases(first, options);
		if (wildcards !== null) return wildcards;
	}
	return {
		hop: last,
		verdict: worst(hops.map((hop) => hop.verdict)),
		reports: hops.flatMap((hop) => hop.reports),
		warnings: hops.flatMap((hop) => hop.warnings),
	};
}

export function makeReport(
	sighting: Sighting,
	judgement: Judgement,
	about: { readonly name: string; readonly dnssec: boolean; readonly isResolver: boolean },
): ServerReport {
	const { observation } = sighting;
	const records = observation.kind === "records" ? observation.records : [];
	const positive = observation.kind === "records" || observation.kind === "alias";
	return {
		server: sighting.server,
		address: sighting.address,
		outcome: judgement.outcome,
		sentence: tell(judgement.outcome, { ...about, who: sighting.who, got: judgement.got }),
		at: sighting.at.toISOString(),
		serial: sighting.serial,
		ttlSeconds: observation.kind === "alias" ? observation.ttlSeconds : (records[0]?.ttlSeconds ?? null),
		txtRecords: records.length,
		chunks: records[0]?.chunks ?? [],
		signed: about.dnssec && positive ? observation.signed : null,
	};
}

export function judgeObservation(observation: Observation, expected: Expected): Judgement {
	switch (observation.kind) {
		case "records":
			return judge(observation.records, expected);
		case "alias":
			return { outcome: "right", got: `an alias to ${observation.target}` };
		case "absent":
			return { outcome: observation.what === "name" ? "absent_name" : "absent_record", got: "nothing" };
		case "failed":
			return observation;
	}
}

async function judgeHop(
	hop: Hop,
	wanted: { readonly expected: Expected; readonly broken: string | null },
	options: HopOptions,
): Promise<JudgedChain> {
	const reports = await Promise.all(
		hop.sightings.map(async (sighting) => {
			const judgement = await judgeSighting(sighting, hop, wanted, options);
			return makeReport(sighting, judgement, aboutHop(hop));
		}),
	);
	reports.sort(byServer);
	const counted = tally(reports, options.verify.quorum);
	return { ...counted, hop, reports, warnings: [...hop.warnings, ...counted.warnings] };
}

function aboutHop({ name, zone }: Hop): Parameters<typeof makeReport>[2] {
	return { name, dnssec: zone.dnssec, isResolver: false };
}

/** However the delegation was ordered: two looks can be compared. */
function byServer(one: ServerReport, other: ServerReport): number {
	if (one.server !== other.server) return one.server < other.server ? -1 : 1;
	return one.address < other.address ? -1 : one.address > other.address ? 1 : 0;
}

async function judgeSighting(
	sighting: Sighting,
	hop: Hop,
	wanted: { readonly expected: Expected; readonly broken: string | null },
	options: HopOptions,
): Promise<Judgement> {
	const { observation } = sighting;
	const judgement = judgeObservation(observation, wanted.expected);
	if (observation.kind === "alias") {
		if (wanted.broken !== null) return { outcome: "alias_broken", got: wanted.broken };
		if (observation.target !== hop.target)
			return {
				outcome: "alias_broken",
				got: `an alias to ${observation.target}, where others have ${String(hop.target)}`,
			};
	}
	if (observation.kind !== "records" && observation.kind !== "alias") return judgement;
	if (judgement.outcome !== "right")
		return (await isWildcard(sighting, hop, options)) ? wildcard(judgement) : judgement;
	return hop.zone.dnssec && !observation.signed
		? { outcome: "not_signed", got: "the record without a current RRSIG" }
		: judgement;
}

/** An alias that a wildcard makes up and that leads to nothing right: the record itself is absent. Null if there is none. */
async function wildcardAliases(first: JudgedChain, options: HopOptions): Promise<JudgedChain | null> {
	const { hop } = first;
	const made = await Promise.all(
		hop.sightings.map(
			async (sighting) => sighting.observation.kind === "alias" && (await isWildcard(sighting, hop, options)),
		),
	);
	if (!made.includes(true)) return null;
	const reports = first.reports.map((report, index): ServerReport => {
		const sighting = hop.sightings[index];
		if (made[index] !== true || sighting === undefined) return report;
		return makeReport(sighting, wildcard({ outcome: "wildcard", got: "an alias" }), aboutHop(hop));
	});
	return { ...tally(reports, options.verify.quorum), hop, reports };
}

function wildcard(judgement: Judgement): Judgement {
	const outcome: ServerOutcome = "wildcard";
	return { outcome, got: judgement.got };
}
