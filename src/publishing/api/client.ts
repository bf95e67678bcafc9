/** Calls to one provider's HTTP interface: authorised, paced, and every way in which one can fail told in one form. */

import { excerpt, withoutSecrets } from "../../dkim/foreign-text.ts";
import { asKeyturnError, KeyturnError } from "../../errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Http, HttpRequest } from "../../ports/http.ts";
import { retryAfterMs } from "./retry-after.ts";

export interface ApiCall<Result> {
	readonly method: HttpRequest["method"];
	/** Below the base, beginning with a slash; every part of it from outside through `encodeURIComponent`. */
	readonly path: string;
	readonly query?: Readonly<Record<string, string | number>>;
	readonly headers?: Readonly<Record<string, string>>;
	/** Sent as JSON; a text is sent as it is, with the content type that `headers` name. */
	readonly body?: unknown;
	/** What the answer must be, as the provider documents it; what it throws is told as an answer that is not understood. */
	readonly read: (content: unknown, answer: ApiAnswer) => Result;
	/** The answer where nothing stands at the path (404); left out, that is a failure. */
	readonly absent?: Result;
	/** What this one call's failure means, where it means something else than elsewhere. */
	readonly judge?: (answer: ApiAnswer) => Verdict | null;
	/** What must get into no message, besides what the proof has: a session's ticket. */
	readonly secrets?: readonly string[];
	/**
	 * Goes out at once, and the call after it waits for both: a write over what was read just before, which somebody else may
	 * change meanwhile.
	 */
	readonly isUrgent?: boolean;
}

/** What a provider says in its own way about a call that it did not carry out. */
export interface Verdict {
	/** `limited`: too many calls; `denied`: the credential; `gone`: nothing is there; `refused`: everything else; `failed`: it may or may not have been done; `answered`: whatever else it looks like, the call's `read` knows it. */
	readonly kind: "limited" | "denied" | "gone" | "refused" | "failed" | "answered";
	/** In the provider's words; taken from the answer where null. */
	readonly why: string | null;
	/** Of `limited`: how long to wait, in milliseconds; null if it did not say. */
	readonly waitMs?: number | null;
}

export interface ApiOptions {
	/** As keyturn.yaml names it, for the words. */
	readonly provider: string;
	/** The interface's URL without a final slash. */
	readonly base: string;
	readonly http: Http;
	readonly clock: Clock;
	/** What proves who we are; read anew for each call. */
	readonly authorize: (request: UnsignedRequest, signal: AbortSignal) => Promise<Proof>;
	/** What makes the credential work, told where the provider denies it. */
	readonly permission: string;
	/** Least time from one call to the next, in milliseconds: most limits are met by it and need no answer. */
	readonly gapMs: number;
	/** Reads what the status alone does not say; null leaves it to the status. */
	readonly judge?: (answer: ApiAnswer) => Verdict | null;
	/** Finds the reason in the content of a failure, or throws; by default the content itself. */
	readonly explain?: (content: unknown) => string;
}

export interface ApiAnswer {
	readonly status: number;
	/** Names in lower case. */
	readonly headers: Readonly<Record<string, string>>;
	/** The JSON, or the text where it is none. */
	readonly content: unknown;
}

/** What a signature covers. */
export interface UnsignedRequest {
	readonly method: HttpRequest["method"];
	readonly url: string;
	readonly body: string | null;
}

export interface Proof {
	readonly headers: Readonly<Record<string, string>>;
	/** What must get into no message, besides the values of the headers: a secret that goes along in the body. */
	readonly secrets?: readonly string[];
}

/** Of a call whose status alone is the answer, whatever JSON comes along: a page that somebody else answers with is none. */
export function readNothing(content: unknown): null {
	if (typeof content === "string" && content !== "") throw new Error("it is no answer of the interface");
	return null;
}

export interface Api {
	/**
	 * Carries out one call. Fails with `provider.denied` (401, 403), `provider.limited` (429, with the time to wait),
	 * `provider.refused` (not done: another 4xx, a redirect, an answer that is not understood to a call that reads),
	 * `provider.unreachable` (it may or may not have been done: no answer, 5xx, an answer that is not understood to a call
	 * that writes).
	 */
	call<Result>(call: ApiCall<Result>, signal: AbortSignal): Promise<Result>;
}

const DEADLINE_MS = 30_000;
const MOST_REASON = 300;

export function createApi(options: ApiOptions): Api {
	const { clock, http, provider } = options;
	/** On the clock that never goes back. */
	let nextAtMs = Number.NEGATIVE_INFINITY;
	let limitedUntilMs = Number.NEGATIVE_INFINITY;

	async function takeTurn(isUrgent: boolean, signal: AbortSignal): Promise<void> {
		const leftMs = limitedUntilMs - clock.uptimeMs();
		if (leftMs > 0)
			throw new KeyturnError(
				"provider.limited",
				`${provider}: it asked to be left alone for ${seconds(leftMs)} more`,
				{
					retry: true,
					retryAfterMs: leftMs,
				},
			);
		const waitMs = nextAtMs - clock.uptimeMs();
		if (waitMs > 0 && !isUrgent) await clock.sleep(waitMs, signal);
		nextAtMs = Math.max(clock.uptimeMs(), nextAtMs) + options.gapMs;
	}

	async function send(call: ApiCall<unknown>, signal: AbortSignal): Promise<Exchange> {
		const request = requestOf(options.base, call);
		const proof = await options.authorize(request, signal);
		await takeTurn(call.isUrgent === true, signal);
		const headers = { accept: "application/json", ...typeOf(call), ...call.headers, ...proof.headers };
		try {
			const response = await http.send({ ...request, headers, deadlineMs: DEADLINE_MS }, signal);
			return {
				answer: { ...response, content: parsed(response.body) },
				secrets: [...Object.values(proof.headers), ...(proof.secrets ?? []), ...(call.secrets ?? [])],
			};
		} catch (thrown) {
			const error = asKeyturnError(thrown);
			if (error.code !== "http.failed") throw error;
			throw new KeyturnError("provider.unreachable", `${provider}: ${error.message}`, {
				retry: error.retry,
				...(error.retry ? { hint: "is the provider's interface up, and may this host reach it?" } : {}),
				...(error.errno === null ? {} : { errno: error.errno }),
			});
		}
	}

	return {
		async call(call, signal) {
			const exchange = await send(call, signal);
			const { answer } = exchange;
			const verdict = call.judge?.(answer) ?? options.judge?.(answer) ?? verdictOf(answer, clock.now());
			if (verdict === null || verdict.kind === "answered") return understood(call, exchange, options);
			if (verdict.kind === "gone" && call.absent !== undefined) return call.absent;
			const error = failureOf(verdict, call, exchange, options);
			if (error.retryAfterMs !== null) limitedUntilMs = clock.uptimeMs() + error.retryAfterMs;
			throw error;
		},
	};
}

interface Exchange {
	readonly answer: ApiAnswer;
	/** What must not get into words. */
	readonly secrets: readonly string[];
}

function requestOf(base: string, { method, path, query = {}, body }: ApiCall<unknown>): UnsignedRequest {
	const pairs = Object.entries(query).map(
		([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
	);
	const url = `${base}${path}${pairs.length === 0 ? "" : `?${pairs.join("&")}`}`;
	const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
	return { method, url, body: text ?? null };
}

function typeOf({ body }: ApiCall<unknown>): Readonly<Record<string, string>> {
	return body === undefined || typeof body === "string" ? {} : { "content-type": "application/json" };
}

/** By the status alone; null is a success. */
function verdictOf({ status, headers }: ApiAnswer, now: Date): Verdict | null {
	if (status >= 200 && status < 300) return null;
	if (status === 401 || status === 403) return { kind: "denied", why: null };
	if (status === 404) return { kind: "gone", why: null };
	if (status === 429) return { kind: "limited", why: null, waitMs: retryAfterMs(headers, now) };
	if (status === 408 || status >= 500) {
		const waitMs = retryAfterMs(headers, now);
		return waitMs === null ? { kind: "failed", why: null } : { kind: "failed", why: null, waitMs };
	}
	return { kind: "refused", why: null };
}

function understood<Result>(call: ApiCall<Result>, exchange: Exchange, options: ApiOptions): Result {
	try {
		return call.read(exchange.answer.content, exchange.answer);
	} catch (thrown) {
		if (thrown instanceof KeyturnError) throw thrown;
		const isRead = call.method === "GET";
		throw new KeyturnError(
			isRead ? "provider.refused" : "provider.unreachable",
			`${options.provider}: ${call.method} ${call.path}: the answer (${exchange.answer.status}) is not what its documentation says: ${shown(exchange)}`,
			{
				hint: "something between here and the provider may answer in its place, or its interface has changed",
			},
		);
	}
}

function failureOf(
	verdict: Verdict,
	call: ApiCall<unknown>,
	exchange: Exchange,
	options: ApiOptions,
): KeyturnError {
	const { status } = exchange.answer;
	const reason = verdict.why === null ? reasonOf(exchange, options) : told(verdict.why, exchange);
	const said = `${options.provider}: ${call.method} ${call.path}: ${reason} (${status})`;
	switch (verdict.kind) {
		case "denied":
			return new KeyturnError("provider.denied", said, { hint: options.permission });
		case "limited":
			return new KeyturnError("provider.limited", said, {
				retry: true,
				...(typeof verdict.waitMs === "number" ? { retryAfterMs: verdict.waitMs } : {}),
				hint: "the provider allows only so many calls in a while; it is tried again",
			});
		case "failed":
			return new KeyturnError("provider.unreachable", said, {
				retry: true,
				...(typeof verdict.waitMs === "number" ? { retryAfterMs: verdict.waitMs } : {}),
			});
		case "gone":
		case "answered":
		case "refused":
			return new KeyturnError("provider.refused", said, isRedirect(status) ? { hint: REDIRECTED } : {});
	}
}

/** Some tell their failures with 200. */
function isRedirect(status: number): boolean {
	return status >= 300 && status < 400;
}

const REDIRECTED = "no redirect is followed, since the credential would go along: is the address right?";

function reasonOf(exchange: Exchange, { explain }: ApiOptions): string {
	try {
		const reason = explain?.(exchange.answer.content);
		if (reason !== undefined) return told(reason, exchange);
	} catch {
		// Failures often come from something in between that does not speak as the provider does.
	}
	return shown(exchange);
}

function shown(exchange: Exchange): string {
	const { content } = exchange.answer;
	const text = typeof content === "string" ? content.trim() : JSON.stringify(content);
	return text === "" ? "no content" : told(text, exchange);
}

function told(text: string, { secrets }: Exchange): string {
	return excerpt(withoutSecrets(text, secrets), MOST_REASON);
}

/** JSON, or the text itself where it is none. */
function parsed(body: string): unknown {
	try {
		return JSON.parse(body, (_name, value: unknown) =>
			typeof value === "string" ? wellFormed(value) : value,
		);
	} catch {
		return wellFormed(body);
	}
}

/** JSON can escape halves of characters, which no URL takes: an id may become part of one. */
function wellFormed(text: string): string {
	return text.replace(/\p{Cs}/gu, "\ufffd");
}

function seconds(ms: number): string {
	return `${Math.ceil(ms / 1000)} s`;
}
