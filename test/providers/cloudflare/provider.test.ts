import { createProvider } from "../../../providers/cloudflare/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startFakeServer } from "../http/fake-server.ts";
import { ZoneStore } from "../http/zone-store.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";
import { createCloudflareFake, prepareCloudflare } from "./fake.ts";

const TOKEN = "cloudflare-token-of-the-tests";

describeHttpProvider("cloudflare", startBench);
describeReplay({
	folder: "cloudflare",
	headers: { authorization: `Bearer ${TOKEN}` },
	fake: (store) => createCloudflareFake(store, { token: TOKEN, pageSize: 100 }),
	prepare: prepareCloudflare,
});

async function startBench(): Promise<HttpBench> {
	const clock = createSleepingClock();
	const store = new ZoneStore();
	const zone = store.addZone("example.test");
	const server = await startFakeServer(createCloudflareFake(store, { token: TOKEN }));
	const provider = createProvider({
		name: "cf",
		settings: { token: { file: "/etc/keyturn/token" } },
		secrets: { read: async () => TOKEN },
		http: server.httpFor("https://api.cloudflare.com"),
		clock,
	});
	return {
		provider,
		clock,
		zone: zone.name,
		server,
		store,
		secrets: [TOKEN],
		hasTwins: true,
		denials: [
			{
				status: 400,
				body: { success: false, errors: [{ code: 6003, message: "Invalid request headers" }], result: null },
			},
		],
		serves: async (name) => store.serves(name),
		plant: async (name, strings) => void store.plant(zone, name, strings),
		stop: async () => server.stop(),
	};
}
