/**
 * Verifies, inside a test host, every message from a number on that reached the sink, against the DNS as it is now, at
 * each server alone: a receiver may ask any of them. Writes one line of JSON for each.
 * judge.ts DIRECTORY FIRST-NUMBER SERVER...
 */

import { Resolver } from "node:dns/promises";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type DKIMResult, type DNSResolver, dkimVerify } from "mailauth";
import type { Arrival } from "../host/fate.ts";

const [directory = "/var/lib/sink", first = "0", ...servers] = process.argv.slice(2);
const resolvers = servers.map((server) => ({ server, resolve: remembering(server) }));

for (const file of readdirSync(directory).filter((name) => name.endsWith(".eml"))) {
	const message = readFileSync(join(directory, file));
	const number = /^X-Number: (\d+)\r$/m.exec(message.toString("latin1"))?.[1];
	if (number === undefined || Number(number) < Number(first)) continue;
	const judged = await Promise.all(resolvers.map(async (each) => judge(message, each)));
	const arrival: Arrival = {
		number: Number(number),
		selector: judged[0]?.selector ?? null,
		verdicts: judged.map(({ server, reason }) => ({ server, reason })),
	};
	process.stdout.write(`${JSON.stringify(arrival)}\n`);
}

async function judge(
	message: Buffer,
	{ server, resolve }: { readonly server: string; readonly resolve: DNSResolver },
): Promise<{ server: string; selector: string | null; reason: string | null }> {
	const { headerFrom, results } = await dkimVerify(message, { resolver: resolve });
	const signatures = results.filter((result) => result.selector !== undefined);
	const bad = signatures.find((signature) => faultOf(signature, headerFrom) !== null);
	const shown = bad ?? signatures[0];
	if (shown === undefined) return { server, selector: null, reason: "unsigned" };
	return { server, selector: shown.selector ?? null, reason: faultOf(shown, headerFrom) };
}

function faultOf({ signingDomain, status }: DKIMResult, headerFrom: readonly string[]): string | null {
	if (status.result !== "pass") return `${status.result}: ${status.comment ?? "no reason given"}`;
	const isAligned = headerFrom.some((address) => address.endsWith(`@${signingDomain}`));
	return isAligned ? null : `signed by ${signingDomain}, which is not its sender's domain`;
}

/** Asks each name once a run, so that a thousand messages are judged by one state of the DNS. */
function remembering(server: string): DNSResolver {
	const resolver = new Resolver({ timeout: 2000, tries: 3 });
	resolver.setServers([server]);
	const known = new Map<string, Promise<string[][] | string[]>>();
	return async (name, type) => {
		const key = `${type} ${name}`;
		const answer = known.get(key) ?? (resolver.resolve(name, type) as Promise<string[][]>);
		known.set(key, answer);
		return answer;
	};
}
