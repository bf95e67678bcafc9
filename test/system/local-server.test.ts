import { createServer } from "node:http";
import { afterEach, expect, test } from "vitest";
import type { LocalServer } from "../../src/ports/local-server.ts";
import { createLocalServer } from "../../src/system/local-server.ts";

const servers: LocalServer[] = [];

afterEach(async () => {
	for (const server of servers.splice(0)) await server.listen(null);
});

function serve(body = "one\n"): LocalServer {
	const server = createLocalServer((path) =>
		path === "/metrics" ? { status: 200, type: "text/plain", body } : null,
	);
	servers.push(server);
	return server;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
	const probe = createServer();
	await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
	const address = probe.address();
	await new Promise((resolve) => probe.close(resolve));
	if (address === null || typeof address === "string") throw new Error("no port");
	return address.port;
}

test("answers GET and HEAD of what there is, and nothing else", async () => {
	const port = await freePort();
	await serve().listen({ address: "127.0.0.1", port });
	const url = `http://127.0.0.1:${port}`;
	const got = await fetch(`${url}/metrics?x=1`);
	expect([got.status, await got.text()]).toEqual([200, "one\n"]);
	const head = await fetch(`${url}/metrics`, { method: "HEAD" });
	expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "4", ""]);
	expect((await fetch(`${url}/else`)).status).toBe(404);
	expect((await fetch(`${url}/metrics`, { method: "POST", body: "x" })).status).toBe(405);
});

test("is reached at its own address alone", async () => {
	const port = await freePort();
	await serve().listen({ address: "127.0.0.1", port });
	expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200);
	await expect(fetch(`http://127.0.0.2:${port}/metrics`)).rejects.toThrow("fetch failed");
});

test("moves to another address, and ends where it was", async () => {
	const [first, second] = [await freePort(), await freePort()];
	const server = serve();
	await server.listen({ address: "127.0.0.1", port: first });
	await server.listen({ address: "127.0.0.1", port: first });
	await server.listen({ address: "127.0.0.1", port: second });
	expect((await fetch(`http://127.0.0.1:${second}/metrics`)).status).toBe(200);
	await expect(fetch(`http://127.0.0.1:${first}/metrics`)).rejects.toThrow("fetch failed");
	await server.listen(null);
	await expect(fetch(`http://127.0.0.1:${second}/metrics`)).rejects.toThrow("fetch failed");
});

test("a place that is taken is told, and tried again", async () => {
	const port = await freePort();
	const endpoint = { address: "127.0.0.1", port };
	const first = serve("first\n");
	const second = serve("second\n");
	await first.listen(endpoint);
	await expect(second.listen(endpoint)).rejects.toMatchObject({
		code: "http.failed",
		message: `cannot serve metrics at 127.0.0.1:${port}: EADDRINUSE`,
	});
	await first.listen(null);
	await second.listen(endpoint);
	expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toBe("second\n");
});
