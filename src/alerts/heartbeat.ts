/** A sign of life by HTTP, as healthchecks.io, Uptime Kuma and the like wait for it: the alarm is its absence. */

import * as z from "zod";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { AlertSink, Beat } from "../ports/alert-sink.ts";
import { secretReference } from "../settings/secret-reference.ts";
import type { AlertGiven, AlertTools } from "./registry.ts";

/** What is put behind a query, `/fail` say, would be a part of it, and each failure a sign of life. */
const BARE_URL = /^https?:\/\/[^\s?#]+$/;
const EXPECTED = "must be an http or https URL without a query";

export const settingsSchema = z.strictObject({
	url: z
		.union([z.string().regex(BARE_URL, { error: EXPECTED }), secretReference], {
			error: "must be an http or https URL, or say where it lies, such as { file: PATH }",
		})
		.describe(
			"Where each tick is told: `URL/start` when it begins, `URL` when it ended well, `URL/fail` when it did not.",
		),
});

const DEADLINE_MS = 5_000;
/** What a receiver keeps of the text. */
const MOST_TEXT = 10_000;
const PATH: Readonly<Record<Beat["phase"], string>> = { start: "/start", success: "", fail: "/fail" };

export async function create(given: AlertGiven, { http, secrets }: AlertTools): Promise<AlertSink> {
	const settings = settingsSchema.parse(given.settings);
	/** At each beat, so that a changed one is taken up. */
	const readUrl = async () => {
		if (typeof settings.url === "string") return settings.url;
		const url = await secrets.read(settings.url);
		if (BARE_URL.test(url)) return url;
		throw new KeyturnError("config.invalid", `heartbeat: the url that its secret holds ${EXPECTED}`);
	};
	// Whoever starts keyturn hears of one that cannot be read.
	await readUrl();
	return {
		...given,
		on: [],
		deliver: () => Promise.resolve(undefined),
		async beat({ phase, text }, signal) {
			const url = await readUrl();
			const status = await post(`${url.replace(/\/$/, "")}${PATH[phase]}`, text.slice(0, MOST_TEXT), signal);
			if (status < 200 || status > 299)
				throw new KeyturnError("alert.undelivered", `expected a status of 200 to 299, got ${status}`, {
					retry: true,
					hint: "check the address of this heartbeat",
				});
		},
	};

	async function post(target: string, body: string, signal: AbortSignal): Promise<number> {
		try {
			const headers = { "content-type": "text/plain; charset=utf-8" };
			const request = { method: "POST", url: target, headers, body, deadlineMs: DEADLINE_MS } as const;
			return (await http.send(request, signal)).status;
		} catch (thrown) {
			throw new KeyturnError("alert.undelivered", asKeyturnError(thrown).message, { retry: true });
		}
	}
}
