/**
 * Where a zone begins, as the servers of the zone above have it. They may differ: one of them has the zone itself, another
 * refers to its servers, a third has not heard of it, and the world asks any of them.
 */

import type { Answer, ResourceRecord } from "../ports/resolver.ts";
import type { Asker, Place } from "./asker.ts";
import { findRecords } from "./observation.ts";

export interface NameServer {
	readonly name: string;
	/** Empty if nothing says where it is. */
	readonly places: readonly Place[];
	/** No resolver answered for one of its kinds of address: there may be more than `places`. */
	readonly isUnresolved?: boolean;
}

export interface Delegation {
	readonly zone: string;
	/** As the servers above have them; the zone's own where none of those refers to it. */
	readonly names: readonly string[];
	/** Servers of the zone above that do not refer to `names`: who asks one of them is answered by it. */
	readonly besides: readonly string[];
	readonly glue: readonly ResourceRecord[];
	readonly dnssec: boolean;
	/** False if only a recursive resolver could be asked. */
	readonly fromParent: boolean;
}

/** What one server of the zone above says. */
export type Cut =
	| {
			/** Serves: out of the zone itself, which it has as well. */
			readonly kind: "refers" | "serves";
			readonly names: readonly string[];
			readonly glue: readonly ResourceRecord[];
			readonly hasDs: boolean;
	  }
	| { readonly kind: "none" | "unanswered" };

/** The first that said that the zone begins, and what. */
export interface Found {
	readonly place: Place;
	readonly cut: Begun;
}

type Begun = Extract<Cut, { kind: "refers" | "serves" }>;

export async function askCut(asker: Asker, place: Place, zone: string): Promise<Cut> {
	const answer = await asker.ask(place, zone, "NS");
	if (answer.kind !== "message") return { kind: "unanswered" };
	const own = answer.authoritative ? findRecords(answer.answers, zone, "NS") : [];
	const records = own.length > 0 ? own : findRecords(answer.authority, zone, "NS");
	if (records.length === 0) return { kind: answer.authoritative ? "none" : "unanswered" };
	return {
		kind: own.length > 0 ? "serves" : "refers",
		names: targets(records),
		glue: answer.additional,
		hasDs: findRecords(answer.authority, zone, "DS").length > 0,
	};
}

export async function delegationOf(asker: Asker, zone: string, { place, cut }: Found): Promise<Delegation> {
	return {
		zone,
		names: cut.names,
		besides: [],
		glue: cut.glue,
		dnssec: cut.hasDs || hasDs(await asker.ask(place, zone, "DS"), zone),
		fromParent: true,
	};
}

/** The same by all servers of the zone above. */
export async function compareCuts(
	asker: Asker,
	zone: string,
	{ above, found }: { readonly above: readonly NameServer[]; readonly found: Found },
): Promise<Delegation> {
	const said = await Promise.all(
		above.map(async ({ name, places }) => ({
			name,
			cuts: await Promise.all(places.map((place) => askCut(asker, place, zone))),
		})),
	);
	const begun = [found.cut, ...said.flatMap(({ cuts }) => cuts.filter(isBegun))];
	const referrals = begun.filter(({ kind }) => kind === "refers");
	const names = namesOf(referrals.length > 0 ? referrals : begun);
	const besides = said
		.filter(({ cuts }) => answersItself(cuts, referrals.length > 0))
		.map(({ name }) => name);
	return {
		...(await delegationOf(asker, zone, found)),
		names,
		besides: besides.filter((name) => !names.includes(name)),
		glue: begun.flatMap(({ glue }) => glue),
	};
}

/** Of one that says nothing it is taken that it refers as well, if another does: all have one zone. */
function answersItself(cuts: readonly Cut[], isReferredTo: boolean): boolean {
	if (cuts.some(({ kind }) => kind === "serves" || kind === "none")) return true;
	return !isReferredTo && cuts.every(({ kind }) => kind === "unanswered");
}

export function isBegun(cut: Cut): cut is Begun {
	return cut.kind === "refers" || cut.kind === "serves";
}

function namesOf(cuts: readonly Begun[]): readonly string[] {
	return [...new Set(cuts.flatMap(({ names }) => names))];
}

export function hasDs(answer: Answer, zone: string): boolean {
	return answer.kind === "message" && findRecords(answer.answers, zone, "DS").length > 0;
}

export function targets(records: readonly ResourceRecord[]): readonly string[] {
	return [...new Set(records.flatMap((record) => (record.data.kind === "name" ? [record.data.target] : [])))];
}
