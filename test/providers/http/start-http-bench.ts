/** An adapter, its fake on loopback, and the store that the fake shows. */

import type { Clock } from "../../../src/ports/clock.ts";
import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import type { Http } from "../../../src/ports/http.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";
import type { HttpBench } from "./describe-http-provider.ts";
import { type Fake, startFakeServer } from "./fake-server.ts";
import { ZoneStore } from "./zone-store.ts";

export interface BenchParts
	extends Pick<
		HttpBench,
		"secrets" | "hasTwins" | "hasDomainsOnly" | "copy" | "isWrite" | "denials" | "limits"
	> {
	/** Where the adapter believes the interface to be. */
	readonly origin: string;
	readonly fake: (store: ZoneStore) => Fake;
	readonly create: (tools: { readonly http: Http; readonly clock: Clock }) => DnsProvider;
	/** As in a process that has been at work: what an adapter learns once (a session, the server's clock) is known. */
	readonly isAtWork?: boolean;
}

export async function startHttpBench(parts: BenchParts): Promise<HttpBench> {
	const { origin, fake, create, isAtWork = false, ...known } = parts;
	const clock = createSleepingClock();
	const store = new ZoneStore();
	const zone = store.addZone("example.test");
	const server = await startFakeServer(fake(store));
	const provider = create({ http: server.httpFor(origin), clock });
	if (isAtWork) {
		await provider.list(zone.name, zone.name, new AbortController().signal);
		server.calls.length = 0;
	}
	return {
		...known,
		provider,
		clock,
		zone: zone.name,
		server,
		store,
		serves: async (name) => store.serves(name),
		plant: async (name, strings) => void store.plant(zone, name, strings),
		stop: async () => server.stop(),
	};
}
