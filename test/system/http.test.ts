import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import type { HttpRequest } from "../../src/ports/http.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createHttp } from "../../src/system/http.ts";

const http = createHttp({ clock: createSystemClock() });
const never = new AbortController().signal;

async function serve(answer: RequestListener): Promise<string> {
	const server = createServer(answer);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => {
		server.closeAllConnections();
		server.close();
	});
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
	return { method: "GET", url, headers: {}, body: null, deadlineMs: 20_000, ...more };
}

test("sends the body as it is and gives any status as a response", async () => {
	const url = await serve((request, response) => {
		let body = "";
		request.on("data", (chunk: Buffer) => {
			body += chunk.toString();
		});
		request.on("end", () => {
			response.writeHead(422, { "X-Answer": "Yes" });
			response.end(`${request.method} ${request.url} ${String(request.headers["x-token"])} ${body}`);
		});
	});
	const sent = get(`${url}/v1?q=1`, { method: "POST", headers: { "X-Token": "t" }, body: '{"a": 1}' });
	const response = await http.send(sent, never);
	expect(response).toMatchObject({ status: 422, body: 'POST /v1?q=1 t {"a": 1}' });
	expect(response.headers["x-answer"]).toBe("Yes");
});

test("text that looks like JSON stays text, and no redirect is followed", async () => {
	const url = await serve((request, response) => {
		if (request.url === "/json") response.end('{"a":1}');
		else response.writeHead(302, { Location: "/json" }).end();
	});
	expect((await http.send(get(`${url}/json`), never)).body).toBe('{"a":1}');
	expect(await http.send(get(url), never)).toMatchObject({ status: 302, body: "" });
});

test("an answer beyond a mebibyte is refused, also one that only unpacks to it", async () => {
	const large = Buffer.alloc(1_200_000, "x");
	const url = await serve((request, response) => {
		if (request.url === "/packed")
			response.writeHead(200, { "Content-Encoding": "gzip" }).end(gzipSync(large));
		else response.end(large);
	});
	for (const path of ["/plain", "/packed"]) {
		await expect(http.send(get(url + path), never)).rejects.toMatchObject({
			code: "http.failed",
			message: expect.stringContaining("1048576 bytes"),
		});
	}
});

test("a server that drips is given up at the deadline", async () => {
	const url = await serve((_, response) => {
		response.write("x");
	});
	await expect(http.send(get(url, { deadlineMs: 150 }), never)).rejects.toMatchObject({
		code: "http.failed",
		retry: true,
		message: expect.stringContaining("150 ms"),
	});
});

test("a proxy of the environment is not used", async () => {
	const url = await serve((_, response) => response.end("direct"));
	process.env["http_proxy"] = "http://127.0.0.1:1";
	onTestFinished(() => void delete process.env["http_proxy"]);
	expect((await http.send(get(url), never)).body).toBe("direct");
});

test("a failure tells neither path, query, headers nor password", async () => {
	const url = await serve((request) => request.destroy());
	const secret = url.replace("//", "//user:hush@");
	const sent = get(`${secret}/hush?key=hush`, { headers: { Authorization: "hush" } });
	const refusal = await http.send(sent, never).catch((error: unknown) => error);
	expect(refusal).toMatchObject({
		code: "http.failed",
		errno: "ECONNRESET",
		message: `GET ${url}: no answer (ECONNRESET)`,
	});
	expect(
		JSON.stringify(refusal, Object.getOwnPropertyNames(refusal)) + String((refusal as Error).cause),
	).not.toContain("hush");
	await expect(http.send(get("file:///etc/passwd"), never)).rejects.toMatchObject({ code: "http.failed" });
	await expect(http.send(get("data:text/plain,x"), never)).rejects.toMatchObject({ code: "http.failed" });
});
