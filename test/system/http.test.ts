import dns from "node:dns";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, createServer as createPlainServer } from "node:net";
import { Readable } from "node:stream";
import { inspect } from "node:util";
import { Worker } from "node:worker_threads";
import { createGzip, gzipSync } from "node:zlib";
import { expect, onTestFinished, test, vi } from "vitest";
import type { HttpRequest } from "../../src/ports/http.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createHttp } from "../../src/system/http.ts";
import { selfSigned } from "./self-signed.ts";

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

/** Answers "far" at 127.0.0.3, and takes no connection until `hear` is called: the kernel drops the first packet of a client. */
async function serveFar(): Promise<{ readonly port: number; readonly hear: () => void }> {
	const gate = new Int32Array(new SharedArrayBuffer(4));
	const worker = new Worker(
		`const { parentPort, workerData } = require("node:worker_threads");
		const server = require("node:http").createServer((_, response) => response.end("far"));
		server.listen({ host: "127.0.0.3", port: 0, backlog: 1 }, () => {
			parentPort.postMessage(server.address().port);
			Atomics.wait(workerData, 0, 0);
		});`,
		{ eval: true, workerData: gate },
	);
	const [port] = (await once(worker, "message")) as [number];
	const waiting = [1, 2, 3].map(() => connect({ host: "127.0.0.3", port }).on("error", () => undefined));
	const hear = () => {
		Atomics.store(gate, 0, 1);
		Atomics.notify(gate, 0);
	};
	onTestFinished(async () => {
		hear();
		for (const socket of waiting) socket.destroy();
		await worker.terminate();
	});
	await once(waiting[1] ?? worker, "connect");
	return { port, hear };
}

test("an address that is far gets longer than the quarter of a second after which Node tries the next", async () => {
	const { port, hear } = await serveFar();
	const addresses = ["127.0.0.3", "127.0.0.4"].map((address) => ({ address, family: 4 }));
	vi.spyOn(dns, "lookup").mockImplementation(((_: string, __: object, give: (...all: unknown[]) => void) =>
		give(null, addresses)) as never);
	onTestFinished(() => {
		vi.restoreAllMocks();
	});
	setTimeout(hear, 400);
	expect((await http.send(get(`http://far.example:${port}/`), never)).body).toBe("far");
});

test("a packed answer without end is cut off at a mebibyte, long before the deadline", async () => {
	let isCutOff: () => void = () => undefined;
	const cutOff = new Promise<void>((resolve) => (isCutOff = resolve));
	const zeros = function* () {
		for (;;) yield Buffer.alloc(65_536);
	};
	const url = await serve((_, response) => {
		response.writeHead(200, { "Content-Encoding": "gzip" }).on("close", isCutOff);
		Readable.from(zeros()).pipe(createGzip()).pipe(response);
	});
	await expect(http.send(get(url, { deadlineMs: 600_000 }), never)).rejects.toMatchObject({
		message: expect.stringContaining("1048576 bytes"),
		retry: false,
	});
	await cutOff;
});

test.each([
	["stops in the body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", ""],
	["drips its body, a byte at a time", "HTTP/1.1 200 OK\r\n\r\n", "x"],
	["drips its headers", "HTTP/1.1 200 OK\r\nX-Slow: ", "x"],
	["says nothing", "", ""],
])("a server that %s is given up at the deadline of the whole exchange", async (_, first, drop) => {
	const server = createPlainServer((socket) => {
		socket.on("error", () => undefined);
		socket.write(first);
		const dripping = drop === "" ? undefined : setInterval(() => socket.write(drop), 10);
		socket.on("close", () => clearInterval(dripping));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => void server.close());
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	await expect(http.send(get(url, { deadlineMs: 300 }), never)).rejects.toMatchObject({
		code: "http.failed",
		retry: true,
		message: expect.stringContaining("300 ms"),
	});
});

test.each([301, 302, 303, 307, 308])(
	"no redirect (%i) carries a secret to another host: it is an answer like any other",
	async (status) => {
		const seen: string[] = [];
		const other = await serve((request, response) => {
			seen.push(String(request.headers.authorization));
			response.end();
		});
		const url = await serve((_, response) => {
			response.writeHead(status, { Location: `${other.replace("127.0.0.1", "localhost")}/` }).end();
		});
		const headers = { Authorization: "Bearer hush", "X-Keyturn-Signature": "sha256=hush" };
		const response = await http.send(get(url, { method: "POST", headers, body: "hush" }), never);
		expect(response.status).toBe(status);
		expect(seen).toEqual([]);
	},
);

test.each(["Retry-After", "retry-after"])("%s is kept for whoever asked, as it came", async (name) => {
	for (const value of ["120", "Wed, 21 Oct 2026 07:28:00 GMT"]) {
		const url = await serve((_, response) => response.writeHead(429, { [name]: value }).end());
		const { status, headers } = await http.send(get(url), never);
		expect([status, headers["retry-after"]]).toEqual([429, value]);
	}
});

test.each([
	"http_proxy",
	"HTTP_PROXY",
	"https_proxy",
	"HTTPS_PROXY",
	"all_proxy",
	"ALL_PROXY",
	"npm_config_proxy",
])("a proxy of the environment (%s) is not used", async (name) => {
	const url = await serve((_, response) => response.end("direct"));
	const before = process.env[name];
	process.env[name] = "http://127.0.0.1:1";
	onTestFinished(() => {
		if (before === undefined) delete process.env[name];
		else process.env[name] = before;
	});
	expect((await http.send(get(url), never)).body).toBe("direct");
});

test("nor are certificates that nobody vouches for taken, whatever the environment says", async () => {
	const heard: unknown[] = [];
	const server = createTlsServer(selfSigned("127.0.0.1"), (request, response) => {
		heard.push(request.headers);
		response.end();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
	onTestFinished(() => {
		delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
		server.close();
	});
	const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
	await expect(http.send(get(url, { headers: { Authorization: "hush" } }), never)).rejects.toMatchObject({
		code: "http.failed",
		errno: "DEPTH_ZERO_SELF_SIGNED_CERT",
	});
	expect(heard).toEqual([]);
});

test("no failure holds the client's own error, with its request and headers", async () => {
	// No name is asked for over the network.
	const unknown = Object.assign(new Error("getaddrinfo ENOTFOUND nowhere.invalid"), { code: "ENOTFOUND" });
	const { lookup } = dns;
	vi.spyOn(dns, "lookup").mockImplementation((...asked: Parameters<typeof lookup>) => {
		if (asked[0] === "nowhere.invalid") (asked.at(-1) as unknown as (error: Error) => void)(unknown);
		else lookup(...asked);
	});
	onTestFinished(() => {
		vi.restoreAllMocks();
	});
	const url = await serve((request, response) => {
		if (request.url === "/reset") request.destroy();
		else if (request.url === "/large") response.end(Buffer.alloc(1_200_000, "x"));
		else if (request.url === "/broken")
			response.writeHead(200, { "Content-Encoding": "gzip" }).end("no gzip");
	});
	const secret = { Authorization: "hush" };
	for (const request of [
		get(`${url}/reset`, { headers: secret }),
		get(`${url}/large`, { headers: secret }),
		get(`${url}/broken`, { headers: secret }),
		get(`${url}/never`, { headers: secret, deadlineMs: 100 }),
		get("http://127.0.0.1:1/", { headers: secret }),
		get("http://nowhere.invalid/", { headers: secret }),
		get(`${url}/never`, { headers: { Authorization: "hush\r\nX-Evil: 1" }, deadlineMs: 100 }),
		get(url, { method: "POST", headers: secret, body: "hush".repeat(500_000) }),
	]) {
		const refusal: unknown = await http.send(request, never).catch((error: unknown) => error);
		expect(refusal).toMatchObject({ code: "http.failed", name: "KeyturnError" });
		expect((refusal as Error).cause).toBeUndefined();
		expect(inspect(refusal, { depth: 10, showHidden: true, getters: true })).not.toContain("hush");
	}
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
