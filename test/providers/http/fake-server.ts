/** A provider's interface on loopback: a fake answers, unless a test has put a fault in its way. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Http } from "../../../src/ports/http.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createHttp } from "../../../src/system/http.ts";

export interface FakeRequest {
	readonly method: string;
	readonly path: string;
	readonly query: URLSearchParams;
	/** Names in lower case. */
	readonly headers: Readonly<Record<string, string>>;
	readonly body: string;
}

export interface FakeAnswer {
	readonly status: number;
	readonly headers?: Readonly<Record<string, string>>;
	/** An object is sent as JSON. */
	readonly body?: unknown;
}

export type Fake = (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>;

/** What happens to a call instead of, or after, its being carried out. */
export type Fault =
	| { readonly kind: "answer"; readonly answer: FakeAnswer }
	/** It is carried out, and the connection is reset before the answer. */
	| { readonly kind: "reset after commit" }
	| { readonly kind: "reset" }
	/** The answer never ends; the client gives up at its deadline. */
	| { readonly kind: "drip" };

export interface FakeServer {
	readonly url: string;
	/** Every call, in order: "GET /zones". */
	readonly calls: string[];
	/** Of the next calls for which `when` holds, one each. */
	readonly faults: { readonly when: (request: FakeRequest) => boolean; readonly fault: Fault }[];
	/** Reaches the fake where the adapter would reach the provider; of a call that drips not for thirty seconds. */
	httpFor(...origins: readonly string[]): Http;
	stop(): Promise<void>;
}

export async function startFakeServer(fake: Fake): Promise<FakeServer> {
	const calls: string[] = [];
	const faults: FakeServer["faults"] = [];
	const server = createServer((message, response) => {
		void answer(message, response);
	});

	async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
		const request = await read(message);
		calls.push(`${request.method} ${request.path}`);
		const index = faults.findIndex(({ when }) => when(request));
		const fault = index < 0 ? null : faults.splice(index, 1)[0]?.fault;
		if (fault?.kind === "reset") return void message.socket.destroy();
		if (fault?.kind === "answer") return send(response, fault.answer);
		const made = await fake(request);
		if (fault?.kind === "reset after commit") return void message.socket.destroy();
		if (fault?.kind === "drip") {
			response.writeHead(made.status).write("{");
			return;
		}
		send(response, made);
	}

	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const real = createHttp({ clock: createSystemClock() });
	return {
		url,
		calls,
		faults,
		httpFor: (...origins) => ({
			send: async (request, signal) => {
				const origin = origins.find((one) => request.url.startsWith(`${one}/`));
				if (origin === undefined)
					throw new Error(`a call to ${request.url} instead of ${origins.join(", ")}`);
				const here = url + request.url.slice(origin.length);
				const deadlineMs = faults.some(({ fault }) => fault.kind === "drip") ? 300 : request.deadlineMs;
				return real.send({ ...request, url: here, deadlineMs }, signal);
			},
		}),
		stop: async () => {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}

async function read(message: IncomingMessage): Promise<FakeRequest> {
	const parts: Buffer[] = [];
	for await (const part of message) parts.push(part as Buffer);
	const url = new URL(message.url ?? "/", "http://fake");
	return {
		method: message.method ?? "GET",
		path: decodeURIComponent(url.pathname),
		query: url.searchParams,
		headers: Object.fromEntries(
			Object.entries(message.headers).map(([name, value]) => [name, String(value)]),
		),
		body: Buffer.concat(parts).toString("utf8"),
	};
}

function send(response: ServerResponse, { status, headers = {}, body }: FakeAnswer): void {
	const isText = typeof body === "string" || body === undefined;
	response.writeHead(status, { ...(isText ? {} : { "content-type": "application/json" }), ...headers });
	response.end(isText ? body : JSON.stringify(body));
}
