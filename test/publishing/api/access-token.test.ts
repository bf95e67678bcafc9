import { expect, test } from "vitest";
import type { Clock } from "../../../src/ports/clock.ts";
import type { Http } from "../../../src/ports/http.ts";
import { createAccessTokens } from "../../../src/publishing/api/access-token.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";

const signal = new AbortController().signal;

test("a token does not outlive a time for which the host was suspended", async () => {
	const clock = createSleepingClock();
	let suspendedMs = 0;
	const header = headerWith({ ...clock, bootMs: () => clock.bootMs() + suspendedMs }, (asked) => ({
		access_token: `token ${asked}`,
		expires_in: 3_600,
	}));
	expect(await header()).toBe("Bearer token 1");
	expect(await header()).toBe("Bearer token 1");
	suspendedMs = 8 * 3_600_000;
	expect(await header()).toBe("Bearer token 2");
});

test("a token whose life is not told is used once, and told to nobody", async () => {
	const header = headerWith(createSleepingClock(), (asked) => ({ access_token: `token ${asked}` }));
	expect(await header()).toBe("Bearer token 1");
	expect(await header()).toBe("Bearer token 2");
});

function headerWith(clock: Clock, answer: (asked: number) => object): () => Promise<string | undefined> {
	let asked = 0;
	const http: Http = {
		async send() {
			asked += 1;
			return Promise.resolve({ status: 200, headers: {}, body: JSON.stringify(answer(asked)) });
		},
	};
	const tokens = createAccessTokens({
		provider: "dns",
		base: "https://tokens.test",
		path: "/token",
		permission: "",
		http,
		clock,
		grant: async () => Promise.resolve({ fields: {}, secrets: [] }),
	});
	return async () => (await tokens.authorize(signal)).headers["authorization"];
}
