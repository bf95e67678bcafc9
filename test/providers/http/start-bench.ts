/** One adapter on one fake that holds an empty zone: what describeHttpProvider starts anew for every trouble. */

import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import type { AdapterOptions } from "../../../src/publishing/api/adapter.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";
import type { HttpBench } from "./describe-http-provider.ts";
import { type Fake, startFakeServer } from "./fake-server.ts";
import { ZoneStore } from "./zone-store.ts";

type Parts = Pick<HttpBench, "secrets" | "hasTwins" | "copy" | "isWrite" | "isAside" | "denials" | "limits">;

export async function startHttpBench<Settings>(
	options: Parts & {
		/** Where the adapter believes to call. */
		readonly origin: string | readonly string[];
		readonly settings: Settings;
		/** By default any reference gives the first of `secrets`. */
		readonly readSecret?: AdapterOptions<Settings>["secrets"]["read"];
		readonly createProvider: (options: AdapterOptions<Settings>) => DnsProvider;
		readonly fake: (store: ZoneStore) => Fake;
	},
): Promise<HttpBench> {
	const { origin, settings, readSecret, createProvider, fake, ...parts } = options;
	const clock = createSleepingClock();
	const store = new ZoneStore();
	const zone = store.addZone("example.test");
	const server = await startFakeServer(fake(store));
	const provider = createProvider({
		name: "dns",
		settings,
		secrets: { read: readSecret ?? (async () => parts.secrets[0] ?? "") },
		http: server.httpFor(...[origin].flat()),
		clock,
	});
	return {
		...parts,
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
