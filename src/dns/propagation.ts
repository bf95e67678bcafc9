/** Looks whether the world is served the key: every authoritative server first, the recursive resolvers only then. */

import { keyRecordName } from "../dkim/names.ts";
import type { Clock } from "../ports/clock.ts";
import type { LookReport, LookRequest, Propagation, ServerReport } from "../ports/propagation.ts";
import type { Resolver } from "../ports/resolver.ts";
import { createAsker } from "./asker.ts";
import { followAliases, negativeTtlSeconds } from "./chain.ts";
import { LOOK_MS, withDeadline } from "./deadline.ts";
import type { HopOptions } from "./hop.ts";
import { type Expected, parseExpected } from "./judgement.ts";
import { askResolvers, type ResolverLook } from "./resolver-look.ts";
import { judgeChain } from "./reports.ts";
import { worst } from "./tally.ts";
import { findVacancy } from "./vacancy.ts";

export interface PropagationOptions {
	readonly resolver: Resolver;
	readonly clock: Clock;
}

export function createPropagation({ resolver, clock }: PropagationOptions): Propagation {
	return {
		async look(request, signal) {
			const name = keyRecordName(request.selector, request.domain).toLowerCase();
			const expected = parseExpected(request.record);
			const impossible = refuseLook(request, expected, name);
			if (expected === null || impossible !== null)
				return nothingAsked(name, clock, impossible ?? "nothing to look for");
			const wanted = { name, expected, ask: request.askResolvers };
			return withDeadline(clock, LOOK_MS, signal, async (within) => {
				const options = { asker: createAsker(resolver, within), clock, verify: request.verify };
				const report = await lookFor(wanted, options);
				return within.aborted && !signal.aborted ? cutShort(report, name) : report;
			});
		},
		async vacancy(domain, selector, verify, signal) {
			const name = keyRecordName(selector, domain).toLowerCase();
			return withDeadline(clock, LOOK_MS, signal, async (within) => {
				const found = await findVacancy(name, { asker: createAsker(resolver, within), clock, verify });
				return within.aborted && !signal.aborted
					? { ...found, kind: "unknown", summary: tooLong(name) }
					: found;
			});
		},
	};
}

/** Whatever was learnt, more was not asked for. */
function cutShort(report: LookReport, name: string): LookReport {
	const summary = tooLong(name);
	return { ...report, verdict: "unknown", summary, warnings: [summary, ...report.warnings] };
}

function tooLong(name: string): string {
	return `${name}: not everything could be asked within ${LOOK_MS / 1000} s: see how many name servers its zones name, and which of them answer`;
}

async function lookFor(
	wanted: { readonly name: string; readonly expected: Expected; readonly ask: boolean },
	options: HopOptions,
): Promise<LookReport> {
	const at = options.clock.now().toISOString();
	const chain = await followAliases(wanted.name, options);
	const last = chain.hops[chain.hops.length - 1] ?? chain.hops[0];
	const dnssec = last.zone.dnssec;
	const judged = await judgeChain(chain, wanted.expected, options);
	const resolvers: ResolverLook =
		wanted.ask && judged.verdict === "right"
			? await askResolvers({ ...wanted, dnssec }, options)
			: { verdict: "right", reports: [], warnings: [] };
	const verdict = worst([judged.verdict, resolvers.verdict]);
	return {
		at,
		owner: judged.hop.name,
		zone: judged.hop.zone.zone,
		verdict,
		summary: summarise(verdict, wanted.name, [...judged.reports, ...resolvers.reports], last.warnings),
		servers: judged.reports,
		resolvers: resolvers.reports,
		warnings: [...new Set([...judged.warnings, ...resolvers.warnings])],
		dnssec,
		negativeTtlSeconds: negativeTtlSeconds(chain),
	};
}

function summarise(
	verdict: LookReport["verdict"],
	name: string,
	reports: readonly ServerReport[],
	warnings: readonly string[],
): string {
	const others = reports.filter((report) => report.outcome !== "right");
	const count = `${reports.length - others.length} of ${reports.length} servers are right`;
	const first = others[0]?.sentence ?? warnings[0] ?? "no server is known";
	switch (verdict) {
		case "right":
			return `${name}: ${count}`;
		case "wrong":
			return `${name}: ${count}, and something else is served: ${first}`;
		case "absent":
			return `${name}: ${count}, the record is not everywhere yet: ${first}`;
		case "unknown":
			return others.length > 0 && others.every((report) => report.outcome === "lame")
				? `${name}: no answer is authoritative; something may answer in the servers' place (port 53 intercepted, split horizon): ${first}`
				: `${name}: ${count}, too few answered: ${first}`;
	}
}

function refuseLook(request: LookRequest, expected: Expected | null, name: string): string | null {
	if (expected === null) return `the record to look for at ${name} is no key record`;
	if (!request.verify.via.includes("servers"))
		return `verify.via without servers is not built: nothing was asked for ${name}`;
	return null;
}

function nothingAsked(name: string, clock: Clock, summary: string): LookReport {
	return {
		at: clock.now().toISOString(),
		owner: name,
		zone: null,
		verdict: "unknown",
		summary,
		servers: [],
		resolvers: [],
		warnings: [summary],
		dnssec: false,
		negativeTtlSeconds: 0,
	};
}
