/** Says whose fault it is that a record does not verify: that of a server, whatever is asked of it, or of this one record. */

import {
	type LookReport,
	SAYING_NOTHING,
	type ServerOutcome,
	type ServerReport,
} from "../ports/propagation.ts";

export interface Blame {
	/** Those that say nothing about the record, or lack what another server of the zone has. */
	readonly servers: readonly Blamed[];
	/** Something else stands there, or no server has it. */
	readonly isRecord: boolean;
}

export interface Blamed {
	/** Its addresses: many zones give one server a name each. The name where it has none. */
	readonly machine: string;
	readonly reports: readonly ServerReport[];
}

const LACKING: ReadonlySet<ServerOutcome> = new Set(["absent_name", "absent_record"]);

export function blameOf({ servers, resolvers }: Pick<LookReport, "servers" | "resolvers">): Blame {
	const reports = [...servers, ...resolvers];
	const isSomewhere = servers.some(isRight);
	const lacking = reports.filter(({ outcome }) => LACKING.has(outcome));
	const answering = new Set(reports.filter(isRight).map(({ server }) => server));
	// An address that is silent beside a right one of the same name holds nothing up.
	const silent = reports.filter(
		({ outcome, server }) => SAYING_NOTHING.has(outcome) && !answering.has(server),
	);
	const blamed = isSomewhere ? [...lacking, ...silent] : silent;
	const isAttributed = (report: ServerReport): boolean =>
		isRight(report) || SAYING_NOTHING.has(report.outcome) || blamed.includes(report);
	return {
		servers: [...new Set(blamed.map(({ server }) => server))].map((name) =>
			machineOf(blamed.filter(({ server }) => server === name)),
		),
		isRecord: blamed.length === 0 || !reports.every(isAttributed),
	};
}

function machineOf(reports: readonly ServerReport[]): Blamed {
	const addresses = reports.map(({ address, server }) => (address === "" ? server : address));
	return { machine: [...new Set(addresses)].toSorted().join(" "), reports };
}

function isRight({ outcome }: ServerReport): boolean {
	return outcome === "right";
}
