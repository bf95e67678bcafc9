/** Tells by HTTP: the event as JSON or as a known receiver takes it, signed where a secret is configured. */

import { createHmac } from "node:crypto";
import * as z from "zod";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { AlertSink } from "../ports/alert-sink.ts";
import type { SecretReference } from "../ports/secrets.ts";
import { secretReference } from "../settings/secret-reference.ts";
import { FORMATS, posted } from "./formats.ts";
import type { AlertGiven, AlertTools } from "./registry.ts";

export const settingsSchema = z
	.strictObject({
		url: z
			.union(
				[z.string().regex(/^https?:\/\/\S+$/, { error: "must be an http or https URL" }), secretReference],
				{ error: "must be an http or https URL, or say where it lies, such as { file: PATH }" },
			)
			.describe("Where the event is sent by POST; a secret reference where the URL itself is one."),
		format: z
			.enum(FORMATS)
			.default("json")
			.describe("The body: `json` is the event itself, the others what these receivers take."),
		token: secretReference
			.optional()
			.describe("`pagerduty`: the routing key. Others: sent as `Authorization: Bearer …`."),
		hmac: secretReference
			.optional()
			.describe("Signs the body: header `X-Keyturn-Signature: sha256=<hex HMAC-SHA-256 of the body>`."),
	})
	.refine(({ format, token }) => format !== "pagerduty" || token !== undefined, {
		path: ["token"],
		error: "must be given for pagerduty: the routing key of its integration",
	});

const DEADLINE_MS = 10_000;

export async function create(given: AlertGiven, tools: AlertTools): Promise<AlertSink> {
	const settings = settingsSchema.parse(given.settings);
	const secretOf = async (reference: SecretReference | undefined) =>
		reference === undefined ? null : tools.secrets.read(reference);
	/** At each event, so that a changed one is taken up. */
	const readSecrets = async () => ({
		url: typeof settings.url === "string" ? settings.url : await tools.secrets.read(settings.url),
		token: await secretOf(settings.token),
		hmac: await secretOf(settings.hmac),
	});
	// Whoever starts keyturn hears of one that cannot be read.
	await readSecrets();
	return {
		...given,
		async deliver(event, signal) {
			const { url, token, hmac } = await readSecrets();
			const host = hostOf(url);
			const form = posted(settings.format, event, { token, repeatMs: given.repeatMs });
			if (form === null) return;
			const headers = { ...form.headers, "x-keyturn-event": event.id, ...signature(form.body, hmac) };
			const status = await post(tools, { url, host, body: form.body, headers }, signal);
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

/** The event's id goes along in any case: repeated deliveries can be told by it. */
function signature(body: string, secret: string | null): Readonly<Record<string, string>> {
	if (secret === null) return {};
	return { "x-keyturn-signature": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}` };
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
	return /^https?:\/\/(?:[^/?#]*@)?([^/?#]+)/.exec(url)?.[1] ?? "the webhook";
}
