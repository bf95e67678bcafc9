import { expect, test } from "vitest";
import { findSecrets } from "../../src/doctor/secrets.ts";
import { healthyFacts } from "../fakes/doctor-facts.ts";

test("secrets are found wherever settings name them, and only where they can be looked at", async () => {
	const settings = {
		...healthyFacts().settings,
		providers: [
			{
				name: "home",
				type: "rfc2136",
				isProven: true,
				settings: { server: "127.0.0.1:53", keyfile: "/k/tsig" },
			},
			{ name: "cf", type: "cloudflare", isProven: true, settings: { token: { file: "/k/token" } } },
			{ name: "env", type: "cloudflare", isProven: true, settings: { token: { env: "TOKEN" } } },
			{ name: "gone", type: "cloudflare", isProven: true, settings: { token: { file: "/k/hidden" } } },
		],
		alerts: [{ type: "webhook", on: null, repeatMs: 0, settings: { hmac: { file: "/k/hmac" } } }],
	};
	const stat = async (path: string) => {
		if (path === "/k/hidden") throw new Error("EACCES");
		return Promise.resolve({ mode: 0o100600 } as never);
	};
	expect(await findSecrets(settings, { stat })).toEqual(
		["/k/tsig", "/k/token", "/k/hmac"].map((path) => ({ path, mode: 0o100600 })),
	);
});
