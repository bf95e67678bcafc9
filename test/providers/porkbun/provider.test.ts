import { expect, test } from "vitest";
import { createProvider } from "../../../providers/porkbun/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { startHttpBench } from "../http/start-bench.ts";
import { createPorkbunFake } from "./fake.ts";

const KEY = "pk1_key-of-the-tests";
const SECRET = "sk1_secret-of-the-tests";
const signal = new AbortController().signal;

describeHttpProvider("porkbun", startBench, ["denials", "limits"]);

test("a TTL below what it takes is raised to it, and the apex is read and written", async () => {
	const bench = await startBench();
	const change = { kind: "add", name: "example.test", value: "v=DKIM1;p=", ttlSeconds: 60 } as const;
	expect(await bench.provider.change(bench.zone, [change], signal)).toEqual([{ kind: "done" }]);
	expect(bench.store.zone(bench.zone)?.records).toMatchObject([{ name: "example.test", ttlSeconds: 600 }]);
	expect(await bench.provider.list(bench.zone, "example.test", signal)).toEqual(["v=DKIM1;p="]);
	await bench.stop();
});

test.each([
	["challenge", 202],
	["captcha", 405],
])("a %s of the firewall before it (%i) says that there were too many calls", async (action, status) => {
	const bench = await startBench();
	const answer = { status, headers: { "x-amzn-waf-action": action }, body: "" };
	bench.server.faults.push({ when: () => true, fault: { kind: "answer", answer } });
	for (const _ of ["it says so", "it is not asked"])
		await expect(bench.provider.list(bench.zone, bench.zone, signal)).rejects.toMatchObject({
			code: "provider.limited",
			retryAfterMs: 60_000,
		});
	expect(bench.server.calls).toHaveLength(1);
	await bench.stop();
});

test.each([200, 400])("a failure that is told with %i is one, in its own words", async (status) => {
	const bench = await startBench();
	const answer = { status, body: { status: "ERROR", code: "INVALID_TYPE", message: "No such type." } };
	bench.server.faults.push({ when: () => true, fault: { kind: "answer", answer } });
	await expect(bench.provider.list(bench.zone, bench.zone, signal)).rejects.toMatchObject({
		code: "provider.refused",
		message: expect.stringContaining("No such type."),
		hint: null,
	});
	await bench.stop();
});

test.each([200, 400, 429])(
	"too many calls, told with %i, are waited for as long as it says",
	async (status) => {
		const bench = await startBench();
		const said = { status: "ERROR", code: "RATE_LIMIT_EXCEEDED", message: "Slow down.", ttlRemaining: 8 };
		bench.server.faults.push({ when: () => true, fault: { kind: "answer", answer: { status, body: said } } });
		for (const _ of ["it says so", "it is not asked"])
			await expect(bench.provider.list(bench.zone, bench.zone, signal)).rejects.toMatchObject({
				code: "provider.limited",
				retryAfterMs: 8_000,
			});
		expect(bench.server.calls).toHaveLength(1);
		await bench.stop();
	},
);

async function startBench(): Promise<HttpBench> {
	const said = (message: string) => ({ status: 400, body: { status: "ERROR", message } });
	const coded = (status: number, code: string) => ({
		status,
		body: { status: "ERROR", code, message: "It is not so." },
	});
	return startHttpBench({
		origin: "https://api.porkbun.com",
		settings: { api_key: { file: "/etc/keyturn/key" }, secret_api_key: { file: "/etc/keyturn/secret" } },
		readSecret: async (reference) =>
			"file" in reference && reference.file.endsWith("secret") ? SECRET : KEY,
		createProvider,
		fake: (store) => createPorkbunFake(store, { key: KEY, secret: SECRET }),
		secrets: [KEY, SECRET],
		isWrite: ({ path }) => /\/dns\/(?:create|edit|delete)\//.test(path),
		hasTwins: true,
		limits: [{ status: 202, body: "" }],
		denials: [
			...["Invalid API key. (001)", "Domain is not opted in to API access."].map(said),
			...["INVALID_API_KEYS_001", "INVALID_USER", "API_ACCESS_DISABLED"].map((code) => coded(400, code)),
			coded(200, "DOMAIN_NOT_ALLOWED"),
		],
	});
}
