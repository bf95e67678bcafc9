import { expect, test } from "vitest";
import { create } from "../../src/alerts/heartbeat.ts";
import { KeyturnError } from "../../src/errors.ts";
import { event, given, signal, tools } from "./bench.ts";

test("tells the start of a tick and how it ended at addresses of their own, and no event", async () => {
	const { tools: given_, sent } = tools({});
	const sink = await create(given({ url: "https://hc.example/ping/1/" }), given_);
	for (const phase of ["start", "success", "fail"] as const)
		await sink.beat?.({ phase, text: `a ${phase}` }, signal);
	await sink.deliver(event, signal);
	expect(sent.map(({ url, body }) => `${url} ${body}`)).toEqual([
		"https://hc.example/ping/1/start a start",
		"https://hc.example/ping/1 a success",
		"https://hc.example/ping/1/fail a fail",
	]);
	expect(sink.on).toEqual([]);
});

test("an address that is a secret is the one that stands there now", async () => {
	const { tools: given_, sent } = tools({});
	let url = "https://hc.example/before";
	const secrets = { read: async () => Promise.resolve(url) };
	const sink = await create(given({ url: { file: "/url" } }), { ...given_, secrets });
	url = "https://hc.example/after";
	await sink.beat?.({ phase: "success", text: "" }, signal);
	expect(sent.map((request) => request.url)).toEqual([url]);
});

test("an answer that is no success is told without the address, which is a secret", async () => {
	const sink = await create(given({ url: "https://hc.example/S3CRET" }), tools({ status: 404 }).tools);
	const failure: unknown = await sink
		.beat?.({ phase: "start", text: "" }, signal)
		.catch((thrown: unknown) => thrown);
	expect(String(failure)).toContain("got 404");
	expect(String(failure)).not.toContain("S3CRET");
});

test("no answer is a failure, too", async () => {
	const fails = new KeyturnError("http.failed", "GET https://hc.example: no answer (ECONNREFUSED)");
	const sink = await create(given({ url: "https://hc.example/S3CRET" }), tools({ fails }).tools);
	await expect(sink.beat?.({ phase: "success", text: "" }, signal)).rejects.toMatchObject({
		code: "alert.undelivered",
		message: fails.message,
	});
});

test("no sign of life goes to a secret address with a query, in which a failure would be one", async () => {
	const { tools: given_, sent } = tools({});
	let url = "https://hc.example/push/S3CRET?status=up&msg=OK&ping=";
	const secrets = { read: async () => Promise.resolve(url) };
	const alert = given({ url: { file: "/url" } });
	const refusal = {
		code: "config.invalid",
		message: expect.stringMatching(/^(?!.*S3CRET).*must be an http or https URL without a query/),
	};
	await expect(create(alert, { ...given_, secrets })).rejects.toMatchObject(refusal);

	url = "https://hc.example/push";
	const sink = await create(alert, { ...given_, secrets });
	url = "https://hc.example/S3CRET?a=";
	await expect(sink.beat?.({ phase: "fail", text: "" }, signal)).rejects.toMatchObject(refusal);
	expect(sent).toEqual([]);
});
