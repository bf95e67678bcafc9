/** Asks this host's resolvers who serves the zone of a domain, and whether that is this host itself. */

import type { FoundZone } from "../ports/found-zone.ts";
import type { QuestionType, Resolver, ResourceRecord } from "../ports/resolver.ts";

const PORT = 53;

/** Null if no resolver knows of any zone above the domain but the root's. */
export async function findZoneOf(
	domain: string,
	{ resolver, addresses, signal }: ZoneGiven,
): Promise<FoundZone | null> {
	const ask = asking(resolver, signal);
	const labels = domain.split(".");
	for (let first = 0; first < labels.length - 1; first += 1) {
		const zone = labels.slice(first).join(".");
		const records = (await ask(zone, "NS")).filter(({ name }) => name === zone);
		const servers = records.flatMap(({ data }) => (data.kind === "name" ? [data.target] : []));
		if (servers.length > 0)
			return { zone, servers: servers.toSorted(), localPrimary: await localPrimary(zone, ask, addresses) };
	}
	return null;
}

interface ZoneGiven {
	readonly resolver: Resolver;
	/** Of this host, besides loopback. */
	readonly addresses: readonly string[];
	readonly signal: AbortSignal;
}

type Asking = (name: string, type: QuestionType) => Promise<readonly ResourceRecord[]>;

/** Those of the type, of the name itself or of what it is an alias of; nothing where no resolver says anything. */
function asking(resolver: Resolver, signal: AbortSignal): Asking {
	return async (name, type) => {
		for (const server of await resolver.systemResolvers()) {
			const answer = await resolver.ask(server, { name, type, recursive: true, dnssec: false }, signal);
			if (answer.kind !== "message") continue;
			return answer.answers.filter((record) => record.type === type);
		}
		return [];
	};
}

/** Updates go to the server that the SOA record names (RFC 2136 section 4.3). */
async function localPrimary(zone: string, ask: Asking, addresses: readonly string[]): Promise<string | null> {
	const soa = (await ask(zone, "SOA"))[0]?.data;
	if (soa?.kind !== "soa") return null;
	const found = [...(await ask(soa.primary, "A")), ...(await ask(soa.primary, "AAAA"))];
	const own = found.flatMap(({ data }) =>
		data.kind === "address" && (isLoopback(data.address) || addresses.includes(data.address))
			? [data.address]
			: [],
	);
	const [address] = own;
	if (address === undefined) return null;
	return address.includes(":") ? `[${address}]:${PORT}` : `${address}:${PORT}`;
}

function isLoopback(address: string): boolean {
	return address.startsWith("127.") || address === "::1";
}
