import { createProvider } from "../../../providers/cloudflare/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-bench.ts";
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
	return startHttpBench({
		origin: "https://api.cloudflare.com",
		settings: { token: { file: "/etc/keyturn/token" } },
		createProvider,
		fake: (store) => createCloudflareFake(store, { token: TOKEN }),
		secrets: [TOKEN],
		hasTwins: true,
		denials: [
			{
				status: 400,
				body: { success: false, errors: [{ code: 6003, message: "Invalid request headers" }], result: null },
			},
		],
	});
}
