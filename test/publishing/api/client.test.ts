import { expect, test } from "vitest";
import { KeyturnError } from "../../../src/errors.ts";
import { createApi, type Verdict } from "../../../src/publishing/api/client.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";

const signal = new AbortController().signal;
const TOKEN = "0123456789abcdef0123456789abcdef";

interface Asked {
	readonly judge?: () => Verdict | null;
	readonly token?: string;
	/** What the call ends with in place of an answer. */
	readonly lost?: KeyturnError;
}

/** What is told of a call that got this answer. */
async function told(status: number, body: string, asked?: Asked): Promise<string> {
	return String(await failure(status, body, asked));
}

async function failure(
	status: number,
	body: string,
	{ judge = () => null, token = TOKEN, lost }: Asked = {},
): Promise<unknown> {
	const api = createApi({
		provider: "fake",
		base: "https://api.invalid",
		http: {
			send: async () => {
				if (lost !== undefined) throw lost;
				return Promise.resolve({ status, headers: {}, body });
			},
		},
		clock: createSleepingClock(),
		authorize: async () => Promise.resolve({ headers: { authorization: `Bearer ${token}` } }),
		permission: "give it access",
		gapMs: 0,
		judge,
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
		(thrown: unknown) => thrown,
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

test("what an interface says in its own way is as short, in one line and without the credential, too", async () => {
	const why = `\u001b[2Jno ${TOKEN}\nis known ${"x".repeat(1_000)}`;
	const said = await told(200, "{}", { judge: () => ({ kind: "refused", why }) });
	expect(said).toContain("no …");
	expect(said).not.toMatch(/0123|\p{Cc}/u);
	expect(said.length).toBeLessThan(400);
});

test("a credential is told in no form of JSON either", async () => {
	const token = String.raw`pass"word\of-mine`;
	const said = await told(400, JSON.stringify({ given: { password: token } }), { token });
	expect(said).toContain("…");
	expect(said).not.toMatch(/of-mine/);
	expect(await told(400, `{ "given": ${JSON.stringify(token)}`, { token })).not.toMatch(/of-mine/);
});

test("a redirect is told as one, and a failure that comes with 200 is none", async () => {
	for (const status of [301, 307])
		expect(await failure(status, "")).toMatchObject({
			code: "provider.refused",
			hint: expect.stringContaining("no redirect is followed"),
		});
	const refused = { judge: () => ({ kind: "refused", why: "the name is not wanted (2005)" }) as const };
	expect(await failure(200, "{}", refused)).toMatchObject({ code: "provider.refused", hint: null });
});

test("an answer that is too long is no sign of an interface that cannot be reached", async () => {
	const lost = (retry: boolean) => new KeyturnError("http.failed", "GET: got more", { retry });
	expect(await failure(200, "", { lost: lost(false) })).toMatchObject({
		code: "provider.unreachable",
		hint: null,
	});
	expect(await failure(200, "", { lost: lost(true) })).toMatchObject({
		hint: expect.stringContaining("may this host reach it"),
	});
});

test("an urgent call goes out at once, and the one after it waits for both", async () => {
	const clock = createSleepingClock();
	const at: number[] = [];
	const api = createApi({
		provider: "fake",
		base: "https://api.invalid",
		http: {
			send: async () => {
				at.push(clock.uptimeMs());
				return Promise.resolve({ status: 200, headers: {}, body: "{}" });
			},
		},
		clock,
		authorize: async () => Promise.resolve({ headers: {} }),
		permission: "give it access",
		gapMs: 1_000,
	});
	const call = { method: "GET", path: "/", read: () => null } as const;
	for (const isUrgent of [false, true, false, false]) await api.call({ ...call, isUrgent }, signal);
	const [first = 0] = at;
	expect(at.map((ms) => ms - first)).toEqual([0, 0, 2_000, 3_000]);
});
