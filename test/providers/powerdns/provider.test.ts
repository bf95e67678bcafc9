import { createProvider } from "../../../providers/powerdns/provider.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startFakeServer } from "../http/fake-server.ts";
import { ZoneStore } from "../http/zone-store.ts";
import { createPowerDnsFake, preparePowerDns } from "./fake.ts";

const KEY = "powerdns-key-of-the-tests";

describeHttpProvider("powerdns", startBench);
describeReplay({
	folder: "powerdns",
	headers: { "x-api-key": KEY },
	fake: (store) => createPowerDnsFake(store, { key: KEY }),
	prepare: preparePowerDns,
});

async function startBench(): Promise<HttpBench> {
	const clock = createSleepingClock();
	const store = new ZoneStore();
	const zone = store.addZone("example.test");
	const server = await startFakeServer(createPowerDnsFake(store, { key: KEY }));
	const provider = createProvider({
		name: "pdns",
		settings: { url: "http://dns.test:8081", key: { file: "/etc/keyturn/key" }, server: "localhost" },
		secrets: { read: async () => KEY },
		http: server.httpFor("http://dns.test:8081"),
		clock,
	});
	return {
		provider,
		clock,
		zone: zone.name,
		server,
		store,
		secrets: [KEY],
		hasTwins: false,
		serves: async (name) => store.serves(name),
		plant: async (name, strings) => void store.plant(zone, name, strings),
		stop: async () => server.stop(),
	};
}
