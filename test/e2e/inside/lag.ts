/**
 * Keeps a test host's secondary a given time behind its primary, run inside it: the secondary hears of a change by NOTIFY
 * (RFC 1996) only when that has passed. lag.ts PRIMARY SECONDARY FILE-WITH-SECONDS ZONE...
 */

import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { encode } from "dns-packet";

const [primary = "127.0.0.1", secondary = "127.0.0.2", file = "/run/dns-lag", ...zones] =
	process.argv.slice(2);
const NOTIFY = 4 << 11;
const AUTHORITATIVE = 1 << 10;
const socket = createSocket("udp4");
socket.bind(0, primary);
const behindSince = new Map<string, number>();

for (;;) {
	for (const zone of zones) await keepBehind(zone);
	await sleep(100);
}

async function keepBehind(zone: string): Promise<void> {
	const [first, second] = await Promise.all([serialAt(primary, zone), serialAt(secondary, zone)]);
	if (first === null || first === second) {
		behindSince.delete(zone);
		return;
	}
	const since = behindSince.get(zone) ?? Date.now();
	behindSince.set(zone, since);
	if (Date.now() - since < Number(readFileSync(file, "utf8")) * 1000) return;
	const flags = NOTIFY | AUTHORITATIVE;
	socket.send(
		encode({ type: "query", id: 1, flags, questions: [{ type: "SOA", name: zone }] }),
		53,
		secondary,
	);
}

async function serialAt(server: string, zone: string): Promise<number | null> {
	const resolver = new Resolver({ timeout: 500, tries: 1 });
	resolver.setServers([server]);
	const soa = await resolver.resolveSoa(zone).catch(() => null);
	return soa?.serial ?? null;
}
