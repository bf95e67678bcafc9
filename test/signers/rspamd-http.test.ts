import { expect, test } from "vitest";
import type { Connection } from "../../src/ports/sockets.ts";
import { pingRspamd, scanMessage } from "../../src/signers/rspamd-http.ts";

const { signal } = new AbortController();

/** A worker that gives one answer, whatever it is asked. */
function worker(answer: string): { readonly connection: Connection; readonly asked: () => string } {
	let left = Buffer.from(answer, "utf8");
	let asked = "";
	const take = (count: number): Buffer => {
		if (count > left.length) throw new Error("closed by the other side");
		const taken = left.subarray(0, count);
		left = left.subarray(count);
		return taken;
	};
	return {
		asked: () => asked,
		connection: {
			write: async (bytes) => {
				asked += Buffer.from(bytes).toString("utf8");
				return Promise.resolve();
			},
			read: async (count) => Promise.resolve(take(count)),
			readLine: async () => Promise.resolve(take(left.indexOf("\n") + 1 || left.length + 1).toString()),
			close: () => undefined,
		},
	};
}

function answer(body: string, status = "200 OK"): string {
	return `HTTP/1.1 ${status}\r\nServer: rspamd/3.4\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

const message = { message: "From: <ä@example.com>\r\n\r\nhi\r\n", sender: "a@example.com" };

test("a pong is an answer, anything else is not", async () => {
	const { connection, asked } = worker(answer("pong\r\n"));
	await pingRspamd(connection, signal);
	expect(asked()).toBe("GET /ping HTTP/1.0\r\n\r\n");
	for (const other of [answer("hello"), answer("pong", "503 no"), "SSH-2.0\r\n\r\n", ""])
		await expect(pingRspamd(worker(other).connection, signal)).rejects.toThrow();
});

test("the message is given as it is, as of somebody who has logged in on loopback, with its length in bytes", async () => {
	const { connection, asked } = worker(answer('{"dkim-signature":"v=1;\\r\\n\\tb=x"}'));
	expect(await scanMessage(connection, message, signal)).toEqual({
		kind: "delivered",
		added: [{ name: "DKIM-Signature", value: "v=1;\r\n\tb=x" }],
	});
	expect(asked()).toBe(
		`POST /checkv2 HTTP/1.0\r\nIP: 127.0.0.1\r\nFrom: <a@example.com>\r\nUser: a@example.com\r\nContent-Length: ${Buffer.byteLength(message.message)}\r\n\r\n${message.message}`,
	);
});

test.each([
	['{"dkim-signature":["one","two"],"action":"no action"}', ["one", "two"]],
	['{"milter":{"add_headers":{"DKIM-Signature":{"value":"one","order":1}}}}', ["one"]],
	['{"milter":{"add_headers":{"X":"y","DKIM-Signature":[{"value":"one"},{"value":"two"}]}}}', ["one", "two"]],
	['{"milter":{"add_headers":{"X":"y"}}}', []],
	['{"action":"no action"}', []],
])("signatures in %s", async (body, values) => {
	const outcome = await scanMessage(worker(answer(body)).connection, message, signal);
	expect(outcome).toEqual({
		kind: "delivered",
		added: values.map((value) => ({ name: "DKIM-Signature", value })),
	});
});

test.each([
	answer("<html>"),
	answer('{"dkim-signature":5}'),
	answer("{}", "500 no"),
	"HTTP/1.1 200 OK\r\n\r\n{}",
])("%j is no answer", async (text) => {
	await expect(scanMessage(worker(text).connection, message, signal)).rejects.toMatchObject({
		code: "signer.probe",
	});
});
