import { expect, test } from "vitest";
import { createProvider } from "../../../providers/google/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-bench.ts";
import { ACCESS_TOKEN, createGoogleFake, prepareGoogle } from "./fake.ts";
import { KEY_FILE, KEY_LINES, PUBLIC_KEY } from "./service-account.ts";

const NAME = "s._domainkey.example.test";
const ADD = { kind: "add", name: NAME, value: "v=DKIM1;p=", ttlSeconds: 3_600 } as const;
const signal = new AbortController().signal;

describeHttpProvider("google", async () => startBench(), ["limits"]);
describeReplay({
	folder: "googleclouddns",
	headers: { authorization: `Bearer ${ACCESS_TOKEN}` },
	fake: (store) => createGoogleFake(store, { publicKey: null, pageSize: 100 }),
	prepare: prepareGoogle,
});

const askedForToken = (bench: HttpBench) =>
	bench.server.calls.filter((call) => call === "POST /token").length;

test("a token is asked for once in its life, and anew a minute before its end", async () => {
	const bench = await startBench();
	for (const _ of [1, 2, 3]) await bench.provider.list(bench.zone, NAME, signal);
	expect(askedForToken(bench)).toBe(1);
	await bench.clock.sleep(3_535_000, signal);
	await bench.provider.list(bench.zone, NAME, signal);
	expect(askedForToken(bench)).toBe(1);
	await bench.clock.sleep(10_000, signal);
	await bench.provider.list(bench.zone, NAME, signal);
	expect(askedForToken(bench)).toBe(2);
	await bench.stop();
});

test("a token that is no longer taken is dropped", async () => {
	const bench = await startBench();
	await bench.provider.list(bench.zone, NAME, signal);
	const when = ({ path }: { readonly path: string }) => path.endsWith("rrsets");
	bench.server.faults.push({ when, fault: { kind: "answer", answer: { status: 401, body: "no" } } });
	await expect(bench.provider.list(bench.zone, NAME, signal)).rejects.toMatchObject({
		code: "provider.denied",
	});
	expect(await bench.provider.list(bench.zone, NAME, signal)).toEqual([]);
	expect(askedForToken(bench)).toBe(2);
	await bench.stop();
});

test.each([401, 403, 429, 500])("%i of the interface itself is told as of any other", async (status) => {
	const bench = await startBench();
	await bench.provider.list(bench.zone, NAME, signal);
	const when = ({ path }: { readonly path: string }) => path.includes("/managedZones");
	bench.server.faults.push({ when, fault: { kind: "answer", answer: { status, body: "no" } } });
	const code = status < 429 ? "denied" : status === 429 ? "limited" : "unreachable";
	await expect(bench.provider.list(bench.zone, NAME, signal)).rejects.toMatchObject({
		code: `provider.${code}`,
	});
	await bench.stop();
});

test.each(["", "no JSON", "{}", JSON.stringify({ client_email: "a@b", private_key: KEY_LINES[0] })])(
	"a key file that is none is told, and nothing of it: %#",
	async (text) => {
		const bench = await startBench({}, text);
		const [result] = await bench.provider
			.change(bench.zone, [ADD], signal)
			.catch((error: unknown) => [error]);
		expect(result).toMatchObject({ code: "provider.denied", hint: expect.stringContaining("private_key") });
		expect(String(result)).not.toContain(String(KEY_LINES[0]));
		expect(bench.server.calls).toEqual([]);
		await bench.stop();
	},
);

test("a key that was taken away is told as a credential that is denied", async () => {
	const bench = await startBench({ publicKey: OTHER_KEY });
	await expect(bench.provider.list(bench.zone, NAME, signal)).rejects.toMatchObject({
		code: "provider.denied",
		message: expect.stringContaining("Invalid JWT Signature. (invalid_grant)"),
	});
	await bench.stop();
});

test("a clock that is off is told as that, not as a credential", async () => {
	const bench = await startBench();
	const description =
		"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
	const answer = { status: 400, body: { error: "invalid_grant", error_description: description } };
	bench.server.faults.push({ when: ({ path }) => path === "/token", fault: { kind: "answer", answer } });
	await expect(bench.provider.list(bench.zone, NAME, signal)).rejects.toMatchObject({
		code: "provider.refused",
		message: expect.stringContaining("set the clock of this host"),
	});
	await bench.stop();
});

test("private zones are never found, and policies are left alone", async () => {
	const bench = await startBench({ privateZones: ["77001"], routed: [NAME] });
	bench.store.addZone("example.test", "77001");
	expect(await bench.provider.findZone(NAME, signal)).toEqual({ kind: "zone", zone: "example.test" });
	await bench.plant(NAME, ["v=DKIM1;p=old"]);
	const [result] = await bench.provider.change(bench.zone, [ADD], signal);
	expect(result).toMatchObject({ kind: "refused", why: expect.stringContaining("routing policy") });
	await bench.stop();
});

test("a replacement is one change that names what it takes away, and is done when that is", async () => {
	const bench = await startBench({ polls: () => 5 });
	await bench.plant(NAME, ["v=DKIM1;p=old"]);
	const replace = {
		kind: "replace",
		name: NAME,
		from: "v=DKIM1;p=old",
		to: "v=DKIM1;p=",
		ttlSeconds: 60,
	} as const;
	expect(await bench.provider.change(bench.zone, [replace], signal)).toEqual([{ kind: "done" }]);
	expect(bench.server.calls.filter((call) => /^POST .*changes$/.test(call))).toHaveLength(1);
	expect(bench.server.calls.filter((call) => /^GET .*changes\//.test(call))).toHaveLength(6);
	await bench.stop();
});

/** Of a modulus that nobody has the factors of. */
const OTHER_KEY = `-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMVkVkVkVkVkVkVkVkVkVkVkVkVkVkVk
VkVkVkVkVkVkVkVkVkVkVkVkVkVkVkVkVkVkVkVkVkVkVkVkVkVkVkUCAwEAAQ==
-----END PUBLIC KEY-----`;

async function startBench(
	more: Partial<Parameters<typeof createGoogleFake>[1]> = {},
	text = KEY_FILE,
): Promise<HttpBench> {
	return startHttpBench({
		origin: ["https://dns.googleapis.com", "https://oauth2.googleapis.com"],
		settings: { project: "zones-of-the-tests", key: { file: "/etc/keyturn/key.json" } },
		readSecret: async () => text,
		createProvider,
		fake: (store) => createGoogleFake(store, { publicKey: PUBLIC_KEY, ...more }),
		secrets: [ACCESS_TOKEN, ...KEY_LINES],
		isAside: ({ path }) => path === "/token",
		hasTwins: true,
		limits: [
			{
				status: 403,
				body: { error: { code: 403, message: "Quota", errors: [{ reason: "rateLimitExceeded" }] } },
			},
		],
	});
}
