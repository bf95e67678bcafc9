import { expect, test } from "vitest";
import { createApi } from "../../../src/publishing/api/client.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";

const signal = new AbortController().signal;
const TOKEN = "0123456789abcdef0123456789abcdef";

/** What is told of a call that got this answer. */
async function told(status: number, body: string): Promise<string> {
	const api = createApi({
		provider: "fake",
		base: "https://api.invalid",
		http: { send: async () => Promise.resolve({ status, headers: {}, body }) },
		clock: createSleepingClock(),
		authorize: async () => Promise.resolve({ headers: { authorization: `Bearer ${TOKEN}` } }),
		permission: "give it access",
		gapMs: 0,
	});
	const call = {
		method: "GET" as const,
		path: "/zones",
		read: () => {
			throw new Error("not understood");
		},
	};
	return api.call(call, signal).then(
		() => "done",
		(thrown: unknown) => String(thrown),
	);
}

test.each([200, 400, 401, 429, 500])(
	"of a credential that an answer (%i) repeats nothing is told, wherever its words are cut",
	async (status) => {
		for (const before of [0, 270, 280, 290, 299, 300]) {
			const said = await told(status, `${"x".repeat(before)}${TOKEN} is not known`);
			expect(said).toContain("fake: GET /zones:");
			expect(said, `after ${before}`).not.toMatch(/0123/);
		}
	},
);
