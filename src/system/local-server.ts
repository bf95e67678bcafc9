/** A small HTTP server on a loopback address: GET and HEAD of a few texts. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { KeyturnError } from "../errors.ts";
import type { AnswerFor, LocalServer } from "../ports/local-server.ts";

type Endpoint = Parameters<LocalServer["listen"]>[0];

const REQUEST_MS = 5000;
/** Of all headers of one request, in octets. */
const HEADERS_LIMIT = 8192;
const MOST_CONNECTIONS = 16;

/** It keeps no process alive. */
export function createLocalServer(answerFor: AnswerFor): LocalServer {
	let current: { readonly place: string; readonly server: Server } | null = null;
	return {
		async listen(endpoint) {
			const place = endpoint === null ? "" : placeOf(endpoint);
			if (place === (current?.place ?? "")) return;
			if (current !== null) await close(current.server);
			current = null;
			if (endpoint !== null) current = { place, server: await open(endpoint, answerFor) };
		},
	};
}

function open(endpoint: NonNullable<Endpoint>, answerFor: AnswerFor): Promise<Server> {
	const options = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, maxHeaderSize: HEADERS_LIMIT };
	const server = createServer(options, (request, response) => answer(request, response, answerFor));
	server.maxConnections = MOST_CONNECTIONS;
	server.unref();
	return new Promise((resolve, reject) => {
		server.once("error", (cause: NodeJS.ErrnoException) =>
			reject(
				new KeyturnError(
					"http.failed",
					`cannot serve metrics at ${placeOf(endpoint)}: ${cause.code ?? cause.message}`,
					{
						hint: "metrics.listen names another free port of 127.0.0.1 or [::1]",
						cause,
					},
				),
			),
		);
		server.listen(endpoint.port, endpoint.address, () => resolve(server));
	});
}

function answer(request: IncomingMessage, response: ServerResponse, answerFor: AnswerFor): void {
	const found = answerFor((request.url ?? "").replace(/\?.*$/s, ""));
	const isRead = request.method === "GET" || request.method === "HEAD";
	const given = isRead ? (found ?? plain(404, "not here\n")) : plain(405, "GET or HEAD\n");
	response.writeHead(given.status, {
		"content-type": given.type,
		"content-length": Buffer.byteLength(given.body),
		"x-content-type-options": "nosniff",
		"cache-control": "no-store",
	});
	response.end(request.method === "HEAD" ? undefined : given.body);
}

function plain(status: number, body: string) {
	return { status, type: "text/plain; charset=utf-8", body };
}

function close(server: Server): Promise<void> {
	return new Promise((resolve) => {
		server.close(() => resolve());
		server.closeAllConnections();
	});
}

function placeOf({ address, port }: NonNullable<Endpoint>): string {
	return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
