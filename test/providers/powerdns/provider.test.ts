import { createProvider } from "../../../providers/powerdns/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-bench.ts";
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
	return startHttpBench({
		origin: "http://dns.test:8081",
		settings: { url: "http://dns.test:8081", key: { file: "/etc/keyturn/key" }, server: "localhost" },
		createProvider,
		fake: (store) => createPowerDnsFake(store, { key: KEY }),
		secrets: [KEY],
		hasTwins: false,
	});
}
