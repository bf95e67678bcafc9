/** `node --test`: the contract that keyturn's own adapters keep, for the provider beside this file. */

import { after, before, test } from "node:test";
import { contractCases, createTestTools } from "keyturn/provider";
import { startFakeHost } from "./fake-host.js";
import { createProvider, settingsSchema } from "./my-provider.js";

const ZONE = "example.test";
let host;
let bench;

before(async () => {
	host = await startFakeHost([ZONE, "other.test"]);
	const settings = settingsSchema.parse({ url: host.url, token: { env: "TOKEN" } });
	const tools = createTestTools({ secret: host.token });
	bench = { ...host, zone: ZONE, provider: createProvider({ ...tools, name: "mine", settings }) };
});
after(() => host.stop());

for (const { title, run } of contractCases) test(title, async () => run(bench));
