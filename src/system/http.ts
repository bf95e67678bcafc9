/** HTTP for providers and alerts: one hardened client, in which no redirect, proxy, endless answer or told secret is possible. */

import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { AxiosInstance } from "axios";
import { KeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Http, HttpRequest, HttpResponse } from "../ports/http.ts";

const LIMIT_BYTES = 1_048_576;
/** As the mailer has it: each address of a host but the last would get 250 ms of Node, and one that is farther be never reached. */
const ATTEMPT_MS = 3_000;

export function createHttp({ clock }: { readonly clock: Clock }): Http {
	let client: Promise<AxiosInstance> | null = null;
	return {
		async send(request, signal) {
			const url = parseUrl(request);
			client ??= createClient();
			return exchange(await client, request, url, clock.deadline(request.deadlineMs, signal));
		},
	};
}

/** Loaded when first needed: a door or a `status` never pays for it. */
async function createClient(): Promise<AxiosInstance> {
	const { default: axios } = await import("axios");
	const connecting = {
		keepAlive: false,
		autoSelectFamily: true,
		autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
	};
	return axios.create({
		adapter: "http",
		allowAbsoluteUrls: true,
		decompress: true,
		httpAgent: new HttpAgent(connecting),
		// Said, since NODE_TLS_REJECT_UNAUTHORIZED=0 of a shell would have the credential go to whoever answers.
		httpsAgent: new HttpsAgent({ ...connecting, minVersion: "TLSv1.2", rejectUnauthorized: true }),
		maxBodyLength: LIMIT_BYTES,
		maxContentLength: LIMIT_BYTES,
		maxRedirects: 0,
		proxy: false,
		responseType: "text",
		transformRequest: [(body: unknown) => body],
		transformResponse: [(body: unknown) => body],
		validateStatus: () => true,
	});
}

async function exchange(
	client: AxiosInstance,
	request: HttpRequest,
	url: URL,
	signal: AbortSignal,
): Promise<HttpResponse> {
	try {
		const { status, headers, data } = await client.request<unknown>({
			method: request.method,
			url: url.href,
			headers: { "Accept-Encoding": "gzip, deflate", "User-Agent": "keyturn", ...request.headers },
			data: request.body ?? undefined,
			signal,
		});
		return { status, headers: lowerCase(headers), body: typeof data === "string" ? data : "" };
	} catch (error) {
		throw httpError(request, url, error, signal.aborted);
	}
}

function parseUrl(request: HttpRequest): URL {
	const url = URL.canParse(request.url) ? new URL(request.url) : null;
	if (url?.protocol === "https:" || url?.protocol === "http:") return url;
	throw new KeyturnError("http.failed", `${request.method}: expected an http or https URL, got none`);
}

function lowerCase(headers: object): Record<string, string> {
	const pairs = Object.entries(headers).filter(([, value]) => value !== undefined && value !== null);
	return Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), String(value)]));
}

/** The error of the client holds the request with all its headers, and webhooks have their secret in the path: only the origin is told. */
function httpError(request: HttpRequest, url: URL, error: unknown, tooLate: boolean): KeyturnError {
	const where = `${request.method} ${url.protocol}//${url.host}`;
	if (tooLate) {
		return new KeyturnError("http.failed", `${where}: no whole answer within ${request.deadlineMs} ms`, {
			retry: true,
		});
	}
	const errno = codeOf(error);
	const isTooLong = error instanceof Error && /maxContentLength|maxBodyLength/.test(error.message);
	const why = isTooLong
		? `expected at most ${LIMIT_BYTES} bytes, got more`
		: `no answer (${errno ?? "unknown"})`;
	return new KeyturnError("http.failed", `${where}: ${why}`, {
		retry: !isTooLong,
		...(errno === null ? {} : { errno }),
	});
}

function codeOf(error: unknown): string | null {
	return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}
