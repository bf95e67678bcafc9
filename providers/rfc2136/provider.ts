/** Writes a zone by dynamic updates (RFC 2136) signed with TSIG: BIND, Knot, PowerDNS and others. */

import type { TsigKey } from "../../src/dns/dns-wire/tsig.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import type { Log } from "../../src/ports/log.ts";
import type { Random } from "../../src/ports/random.ts";
import type { Secrets } from "../../src/ports/secrets.ts";
import type { Wire } from "../../src/ports/wire.ts";
import { createConversation } from "./conversation.ts";
import { makeKey, parseKeyFile } from "./key-file.ts";
import { parseServer, type Rfc2136Settings } from "./settings.ts";
import { createZoneReader, type ZoneReader } from "./zone-reader.ts";
import { createZoneWriter, type ZoneWriter } from "./zone-writer.ts";

export { settingsSchema } from "./settings.ts";

/** The value has to fit a message of 65,535 octets with all that goes along. */
const LIMITS = { valueOctets: 60_000, minTtlSeconds: 0, batch: 50 } as const;

export function createProvider(options: {
	readonly name: string;
	readonly settings: Rfc2136Settings;
	readonly secrets: Secrets;
	readonly wire: Wire;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
}): DnsProvider {
	const { name: provider, settings, secrets, wire, clock, random, log } = options;
	const { server } = settings;
	const target = targetOf(provider, server);

	/** The key is read anew for each call, so that a changed one is taken up. */
	async function open(): Promise<{ readonly reader: ZoneReader; readonly writer: ZoneWriter }> {
		const key = await readKey(settings, provider, secrets);
		const conversation = createConversation({ server, target, key, wire, clock, random });
		const reader = createZoneReader({ provider, server, conversation, random });
		return { reader, writer: createZoneWriter({ reader, conversation, batch: LIMITS.batch }) };
	}

	return {
		name: provider,
		account: `rfc2136 ${server}`,
		limits: LIMITS,
		async findZone(name, signal) {
			const { reader } = await open();
			return reader.zoneOf(name, signal);
		},
		async list(zone, name, signal) {
			const { reader } = await open();
			return (await reader.held(zone, name, signal)).records.map((record) => record.value);
		},
		async change(zone, changes, signal) {
			const { writer } = await open();
			const results = await writer.write(zone, changes, signal);
			log.debug("zone updated", { provider, zone, results: results.map((result) => result.kind) });
			return results;
		},
	};
}

async function readKey(settings: Rfc2136Settings, provider: string, secrets: Secrets): Promise<TsigKey> {
	if ("keyfile" in settings)
		return parseKeyFile(await secrets.read({ file: settings.keyfile }), settings.keyfile);
	const { name, algorithm } = settings;
	const secret = await secrets.read(settings.secret);
	return makeKey({ name, algorithm, secret }, `${provider}: the TSIG key ${name}`);
}

function targetOf(provider: string, server: string): { readonly address: string; readonly port: number } {
	const target = parseServer(server);
	if (target === null) throw new KeyturnError("config.invalid", `${provider}: ${server} is not ADDRESS:PORT`);
	return target;
}
