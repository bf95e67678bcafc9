/** HTTPS requests with a total deadline and a size limit; no redirect is followed. */

export interface HttpRequest {
	readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
	readonly url: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly body: string | null;
	/** The whole exchange, in milliseconds. */
	readonly deadlineMs: number;
}

export interface HttpResponse {
	readonly status: number;
	/** Names in lower case. */
	readonly headers: Readonly<Record<string, string>>;
	/** At most 1 MiB after decompression. */
	readonly body: string;
}

export interface Http {
	/** Any status is a response; fails with `http.failed` (no response, too long, too late), never telling a header or URL query. */
	send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
}
