import { afterEach, describe, expect, test } from "vitest";
import { createProvider } from "../../../providers/inwx/provider.ts";
import { totpCode } from "../../../providers/inwx/totp.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-http-bench.ts";
import { createInwxFake, type InwxFake, prepareInwx } from "./fake.ts";
import { readInwx } from "./xml-form.ts";

const ACCOUNT = { user: "keyturn", pass: "inwx-password-of-the-tests" };
/** "12345678901234567890" in base32. */
const TOTP = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const signal = new AbortController().signal;

describeHttpProvider("inwx", async () => (await startBench()).bench, ["denials", "limits", "copy"]);
describeReplay({
	folder: "inwx",
	headers: {},
	fake: (store) => createInwxFake(store, { ...ACCOUNT, codes: null, isOpen: true }).answer,
	prepare: prepareInwx,
	read: readInwx,
	body: ({ body }) => JSON.stringify(readInwx(body ?? "")),
});

/** RFC 6238 appendix B, cut to six digits. */
test.each([
	["1970-01-01T00:00:59Z", "287082"],
	["2005-03-18T01:58:29Z", "081804"],
	["2033-05-18T03:33:20Z", "279037"],
])("the code at %s is %s", (at, code) => {
	expect(totpCode("gezd gnbv gy3t qojq gezd gnbv gy3t qojq", new Date(at))).toBe(code);
});

test("a secret that is none says so, and is not told", () => {
	expect(() => totpCode("not-base32!", new Date())).toThrow(/not base32/);
	expect(() => totpCode("not-base32!", new Date())).not.toThrow(/not-base32!/);
});

describe("a session at INWX", () => {
	let held: Started | null = null;
	afterEach(async () => held?.bench.stop());
	const start = async (options: { readonly hasTotp?: boolean } = {}) => {
		held = await startBench(options);
		return held;
	};

	test.each([2200, 2002])("that has ended is begun again, if it is told by %i", async (code) => {
		const { bench, fake } = await start();
		expect(await bench.provider.list(bench.zone, bench.zone, signal)).toEqual([]);
		fake.endSessions(code);
		const add = { kind: "add", name: `s1.${bench.zone}`, value: "v=DKIM1", ttlSeconds: 300 } as const;
		expect(await bench.provider.change(bench.zone, [add], signal)).toEqual([{ kind: "done" }]);
		expect(bench.store.serves(add.name)).toEqual(["v=DKIM1"]);
	});

	test("that has just begun is not taken for ended where a call is refused by the same code", async () => {
		const { bench } = await start();
		const body = { code: 2002, msg: "Command use error", reason: "the zone is locked" };
		const isCreate = ({ body: sent }: { readonly body: string }) => sent.includes("nameserver.createRecord");
		const answers = [1, 2].map(() => ({
			when: isCreate,
			fault: { kind: "answer" as const, answer: { status: 200, body } },
		}));
		bench.server.faults.push(...answers);
		const add = { kind: "add", name: `s1.${bench.zone}`, value: "v=DKIM1", ttlSeconds: 300 } as const;
		expect(await bench.provider.change(bench.zone, [add], signal)).toMatchObject([
			{ kind: "refused", why: expect.stringContaining("Command use error: the zone is locked (2002)") },
		]);
	});

	test("is unlocked by a second factor, each code once", async () => {
		const { bench, fake } = await start({ hasTotp: true });
		fake.endSessions();
		const before = bench.clock.now().getTime();
		expect(await bench.provider.list(bench.zone, bench.zone, signal)).toEqual([]);
		expect(bench.clock.now().getTime() - before).toBeGreaterThan(20_000);
	});

	test("is unlocked by the next code where another keyturn has just used this one", async () => {
		const { bench } = await start({ hasTotp: true });
		const other = createInwx(
			ACCOUNT.pass,
			true,
		)({
			http: bench.server.httpFor("https://api.domrobot.com"),
			clock: bench.clock,
		});
		expect(await other.list(bench.zone, bench.zone, signal)).toEqual([]);
	});

	test("is not begun with the secret of another second factor, and says which of the two is wrong", async () => {
		const { bench } = await start({ hasTotp: true });
		const other = createInwx(
			ACCOUNT.pass,
			true,
			"MFRGGZDFMZTWQ2LK",
		)({
			http: bench.server.httpFor("https://api.domrobot.com"),
			clock: bench.clock,
		});
		const before = bench.server.calls.length;
		await expect(other.list(bench.zone, bench.zone, signal)).rejects.toMatchObject({
			code: "provider.denied",
			message: expect.stringContaining("The confirmation code is invalid."),
		});
		expect(bench.server.calls.length - before).toBe(3);
	});

	test("is not begun with a wrong password, says so, and is not tried for each domain", async () => {
		const { bench } = await start();
		const other = createInwx(
			"another password",
			false,
		)({
			http: bench.server.httpFor("https://api.domrobot.com"),
			clock: bench.clock,
		});
		const before = bench.server.calls.length;
		for (const domain of ["one.test", "two.test", "three.test"])
			await expect(other.findZone(`s1._domainkey.${domain}`, signal)).rejects.toMatchObject({
				code: "provider.denied",
				message: expect.stringContaining("Authentication error"),
			});
		expect(bench.server.calls.length - before).toBe(1);
	});
});

interface Started {
	readonly bench: HttpBench;
	readonly fake: InwxFake;
}

test("a second factor that keyturn was not given is told as that", async () => {
	const { bench } = await startBench({ hasTotp: true, knowsTotp: false });
	await expect(bench.provider.findZone("s._domainkey.example.test", signal)).rejects.toMatchObject({
		code: "provider.denied",
		message: "inwx: the account has a second factor, and `totp` is not set",
	});
	await bench.stop();
});

async function startBench({
	hasTotp = false,
	knowsTotp = hasTotp,
}: {
	readonly hasTotp?: boolean;
	readonly knowsTotp?: boolean;
} = {}): Promise<Started> {
	const fakes: InwxFake[] = [];
	let now = () => new Date(0);
	const bench = await startHttpBench({
		origin: "https://api.domrobot.com",
		fake: (store) => {
			const fake = createInwxFake(store, {
				...ACCOUNT,
				codes: hasTotp ? () => [totpCode(TOTP, now())] : null,
			});
			fakes.push(fake);
			return fake.answer;
		},
		create: (tools) => {
			now = () => tools.clock.now();
			return createInwx(ACCOUNT.pass, knowsTotp)(tools);
		},
		secrets: [ACCOUNT.pass, TOTP, "ticket-"],
		isWrite: ({ body }) => /"nameserver\.(?:create|update|delete)Record"/.test(body),
		denials: [undefined, null, [], ""].map((reason) => ({
			status: 200,
			body: { code: 2201, msg: "Authorization error", reason },
		})),
		limits: [{ status: 200, body: { code: 2502, msg: "Session limit exceeded" } }],
		hasTwins: true,
		copy: (domain) => ({
			when: ({ body }) => body.includes(`"domain":"${domain}"`),
			answer: { status: 200, body: { code: 1000, msg: "done", resData: { domain, type: "SLAVE" } } },
		}),
		isAtWork: knowsTotp === hasTotp,
	});
	const [fake] = fakes;
	if (fake === undefined) throw new Error("no fake was made");
	return { bench, fake };
}

function createInwx(pass: string, hasTotp: boolean, totp = TOTP) {
	return (tools: Pick<Parameters<typeof createProvider>[0], "http" | "clock">) =>
		createProvider({
			name: "inwx",
			settings: {
				user: ACCOUNT.user,
				password: { file: "/password" },
				...(hasTotp ? { totp: { file: "/totp" } } : {}),
			},
			secrets: {
				read: async (reference) => ("file" in reference && reference.file === "/totp" ? totp : pass),
			},
			...tools,
		});
}
