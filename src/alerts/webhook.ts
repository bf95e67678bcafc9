/** Tells by HTTP: the event as JSON, signed where a secret is configured. */

import { createHmac } from "node:crypto";
import * as z from "zod";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { AlertSink, KeyturnEvent } from "../ports/alert-sink.ts";
import { secretReference } from "../settings/secret-reference.ts";
import type { AlertGiven, AlertTools } from "./registry.ts";

export const settingsSchema = z.strictObject({
	url: z
		.union([z.string().regex(/^https?:\/\/\S+$/, { error: "must be an http or https URL" }), secretReference])
		.describe("Where the event is sent by POST; a secret reference where the URL itself is one."),
	format: z.literal("json").default("json").describe("The body: `json` is the event itself."),
	hmac: secretReference
		.optional()
		.describe("Signs the body: header `X-Keyturn-Signature: sha256=<hex HMAC-SHA-256 of the body>`."),
});

const DEADLINE_MS = 10_000;

export async function create(given: AlertGiven, tools: AlertTools): Promise<AlertSink> {
	const settings = settingsSchema.parse(given.settings);
	const url = typeof settings.url === "string" ? settings.url : await tools.secrets.read(settings.url);
	const secret = settings.hmac === undefined ? null : await tools.secrets.read(settings.hmac);
	const host = hostOf(url);
	return {
		...given,
		async deliver(event, signal) {
			const body = JSON.stringify(event);
			const status = await post(tools, { url, host, body, headers: headers(body, secret) }, signal);
			if (status < 200 || status > 299)
				throw new KeyturnError(
					"alert.undelivered",
					`${host}: expected a status of 200 to 299, got ${status}`,
					{
						retry: true,
						hint: "check the address and the secrets of this alert",
					},
				);
		},
	};
}

/** Repeated deliveries of one event can be told by its id. */
function headers(body: string, secret: string | null): Readonly<Record<string, string>> {
	const event = JSON.parse(body) as KeyturnEvent;
	return {
		"content-type": "application/json",
		"x-keyturn-event": event.id,
		...(secret === null
			? {}
			: { "x-keyturn-signature": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}` }),
	};
}

async function post(
	tools: AlertTools,
	request: {
		readonly url: string;
		readonly host: string;
		readonly body: string;
		readonly headers: Readonly<Record<string, string>>;
	},
	signal: AbortSignal,
): Promise<number> {
	const { url, body, headers: sent, host } = request;
	try {
		const response = await tools.http.send(
			{ method: "POST", url, headers: sent, body, deadlineMs: DEADLINE_MS },
			signal,
		);
		return response.status;
	} catch (thrown) {
		throw new KeyturnError("alert.undelivered", `${host}: ${asKeyturnError(thrown).message}`, {
			retry: true,
		});
	}
}

/** The path and query of a webhook are often its secret. */
function hostOf(url: string): string {
	return /^https?:\/\/(?:[^@/]*@)?([^/?#]+)/.exec(url)?.[1] ?? "the webhook";
}
