import { createProvider } from "../../../providers/digitalocean/provider.ts";
import { describeHttpProvider } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-http-bench.ts";
import { createDigitalOceanFake, prepareDigitalOcean } from "./fake.ts";

const TOKEN = "digitalocean-token-of-the-tests";

describeHttpProvider("digitalocean", async () =>
	startHttpBench({
		origin: "https://api.digitalocean.com",
		fake: (store) => createDigitalOceanFake(store, { token: TOKEN }),
		create: (tools) =>
			createProvider({
				name: "do",
				settings: { token: { file: "/etc/keyturn/token" } },
				secrets: { read: async () => TOKEN },
				...tools,
			}),
		secrets: [TOKEN],
		hasTwins: true,
	}),
);
describeReplay({
	folder: "digitalocean",
	headers: { authorization: `Bearer ${TOKEN}` },
	fake: (store) => createDigitalOceanFake(store, { token: TOKEN, pageSize: 20 }),
	prepare: prepareDigitalOcean,
});
