import { expect, test } from "vitest";
import type { Http } from "../../../src/ports/http.ts";
import { createAccessTokens } from "../../../src/publishing/api/access-token.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";

const signal = new AbortController().signal;

test("a token does not outlive a time for which the host was suspended", async () => {
	const clock = createSleepingClock();
	let asked = 0;
	let suspendedMs = 0;
	const http: Http = {
		async send() {
			asked += 1;
			const body = JSON.stringify({ access_token: `token ${asked}`, expires_in: 3_600 });
			return Promise.resolve({ status: 200, headers: {}, body });
		},
	};
	const tokens = createAccessTokens({
		provider: "dns",
		base: "https://tokens.test",
		path: "/token",
		permission: "",
		http,
		clock: { ...clock, bootMs: () => clock.bootMs() + suspendedMs },
		grant: async () => Promise.resolve({ fields: {}, secrets: [] }),
	});
	const header = async () => (await tokens.authorize(signal)).headers["authorization"];
	expect(await header()).toBe("Bearer token 1");
	expect(await header()).toBe("Bearer token 1");
	suspendedMs = 8 * 3_600_000;
	expect(await header()).toBe("Bearer token 2");
});
