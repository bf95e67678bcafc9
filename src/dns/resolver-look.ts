/** Asks the recursive resolvers, once every authoritative server is right: what receivers will see through theirs. */

import type { ServerReport } from "../ports/propagation.ts";
import type { Server } from "../ports/resolver.ts";
import { serverName } from "./asker.ts";
import type { HopOptions, Sighting } from "./hop.ts";
import type { Expected } from "./judgement.ts";
import { observeRecursive } from "./observation.ts";
import { judgeObservation, makeReport } from "./reports.ts";
import { tally, type Tally } from "./tally.ts";
import { resolverList } from "./zone-servers.ts";

export interface ResolverLook extends Tally {
	readonly reports: readonly ServerReport[];
}

interface Wanted {
	readonly name: string;
	readonly expected: Expected;
	readonly dnssec: boolean;
}

/** The system's resolvers count as one: programs ask the next when one is silent. */
export async function askResolvers(wanted: Wanted, options: HopOptions): Promise<ResolverLook> {
	const named = await Promise.all(
		options.verify.resolvers.map(async (resolver) => {
			const servers = await resolverList(options.asker, [resolver]);
			return servers.map((server) => ({
				server,
				name: resolver === "system" ? "system" : serverName(server),
			}));
		}),
	);
	const seen = await Promise.all(
		named.flat().map(({ server, name }) => askOne(server, name, wanted, options)),
	);
	if (seen.length === 0) return { verdict: "right", reports: [], warnings: unvalidated(wanted, false) };
	const reports = seen.map(({ report }) => report);
	const counted = tally(reports, "all");
	const validated = seen.some((one) => one.validated);
	return { ...counted, reports, warnings: [...counted.warnings, ...unvalidated(wanted, validated)] };
}

async function askOne(
	server: Server,
	name: string,
	wanted: Wanted,
	{ asker, clock }: HopOptions,
): Promise<{ readonly report: ServerReport; readonly validated: boolean }> {
	const answer = await asker.askRecursive(server, wanted.name, "TXT");
	const at = clock.now();
	const address = "url" in server ? server.url : server.address;
	const sighting: Sighting = {
		server: name,
		address,
		who: `the resolver ${serverName(server)}`,
		observation: observeRecursive(answer, wanted.name, at),
		at,
		serial: null,
		negativeTtlSeconds: null,
	};
	const judgement = judgeObservation(sighting.observation, wanted.expected);
	return {
		report: makeReport(sighting, judgement, { name: wanted.name, dnssec: false, isResolver: true }),
		validated: answer.kind === "message" && answer.authenticated && isLoopback(address),
	};
}

function unvalidated(wanted: Wanted, validated: boolean): readonly string[] {
	return wanted.dnssec && !validated
		? [
				`${wanted.name} is signed, but no resolver on loopback validates: its signatures were not checked as receivers do`,
			]
		: [];
}

/** AD is only as good as the way that it came: not over a network. */
function isLoopback(address: string): boolean {
	return address.startsWith("127.") || address === "::1";
}
