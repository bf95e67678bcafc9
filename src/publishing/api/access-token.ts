/** Access tokens of OAuth 2.0 (RFC 6749): asked for with a lasting secret, kept until shortly before they run out. */

import type { Clock } from "../../ports/clock.ts";
import type { Http } from "../../ports/http.ts";
import { type ApiAnswer, createApi, type Proof, type Verdict } from "./client.ts";

export interface AccessTokens {
	/** The header that a call of the interface carries. */
	authorize(signal: AbortSignal): Promise<Proof>;
	/** Drops a kept token that the interface no longer takes: a judge for its answers, without a verdict of its own. */
	judge(answer: ApiAnswer): null;
}

/** What is sent for a token. */
export interface Grant {
	readonly fields: Readonly<Record<string, string>>;
	/** What among the fields must get into no message. */
	readonly secrets: readonly string[];
}

/** Before its end: the time that calls take, and what clocks are apart. */
const MARGIN_MS = 60_000;
/** RFC 6749 section 5.2: told with 400, though it is the credential that is wrong. */
const BAD_CREDENTIAL = ["invalid_grant", "invalid_client", "unauthorized_client", "access_denied"];
/** Of an assertion whose times (RFC 7523 section 3) are not those of the server's clock. */
const OTHER_TIME = /\biat and exp\b/;

export function createAccessTokens(options: {
	readonly provider: string;
	/** Where tokens are asked for: an origin, and a path below it. */
	readonly base: string;
	readonly path: string;
	readonly permission: string;
	readonly http: Http;
	readonly clock: Clock;
	/** Read anew for each token. */
	readonly grant: () => Promise<Grant>;
}): AccessTokens {
	const { clock, grant } = options;
	let secrets: readonly string[] = [];
	let kept: { readonly token: string; readonly untilMs: number } | null = null;
	const api = createApi({
		...options,
		gapMs: 0,
		authorize: async () => ({ headers: {}, secrets }),
		judge,
		explain: (content) => sayFailure(readFailure(content)),
	});

	async function token(signal: AbortSignal): Promise<string> {
		if (kept !== null && clock.bootMs() < kept.untilMs) return kept.token;
		const { fields, secrets: named } = await grant();
		secrets = named;
		const headers = { "content-type": "application/x-www-form-urlencoded" };
		const body = new URLSearchParams(fields).toString();
		const made = await api.call(
			{ method: "POST", path: options.path, headers, body, read: readSuccess },
			signal,
		);
		kept = { token: made.token, untilMs: clock.bootMs() + made.lifeMs - MARGIN_MS };
		return kept.token;
	}

	return {
		authorize: async (signal) => ({ headers: { authorization: `Bearer ${await token(signal)}` } }),
		judge({ status }) {
			if (status === 401) kept = null;
			return null;
		},
	};
}

function judge({ status, content }: ApiAnswer): Verdict | null {
	if (status !== 400) return null;
	const failure = readFailure(content);
	if (OTHER_TIME.test(failure.description))
		return { kind: "refused", why: `${sayFailure(failure)}: set the clock of this host (NTP)` };
	return BAD_CREDENTIAL.includes(failure.error) ? { kind: "denied", why: sayFailure(failure) } : null;
}

/** RFC 6749 section 5.1; some send the seconds as a text, and none have to: such a token is good for one call. */
function readSuccess(content: unknown): { readonly token: string; readonly lifeMs: number } {
	const { access_token: token, expires_in: seconds } = fieldsOf(content);
	const lifeMs = Number(seconds) * 1000;
	// Nothing else may be wrong with an answer that has a token: what is not understood is shown.
	if (typeof token !== "string" || token === "") throw new Error("it is no token");
	return { token, lifeMs: Number.isFinite(lifeMs) ? lifeMs : 0 };
}

interface Failure {
	readonly error: string;
	readonly description: string;
}

/** Section 5.2. */
function readFailure(content: unknown): Failure {
	const { error, error_description: description } = fieldsOf(content);
	return {
		error: typeof error === "string" ? error : "no reason",
		description: typeof description === "string" ? description : "no token was given",
	};
}

function sayFailure({ error, description }: Failure): string {
	return `${description} (${error})`;
}

function fieldsOf(content: unknown): Readonly<Record<string, unknown>> {
	return typeof content === "object" && content !== null ? { ...content } : {};
}
