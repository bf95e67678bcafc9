/** An event, and what an alert works with: everything that is sent or run is kept. */

import type { AlertGiven, AlertTools } from "../../src/alerts/registry.ts";
import type { KeyturnError } from "../../src/errors.ts";
import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";
import type { HttpRequest } from "../../src/ports/http.ts";
import type { MailRequest } from "../../src/ports/mailer.ts";
import type { ProgramRequest, ProgramResult } from "../../src/ports/programs.ts";

export const event: KeyturnEvent = {
	schema: 1,
	id: "e1",
	at: "2026-11-22T12:00:00.000Z",
	host: "mx1",
	event: "verification_failed",
	severity: "critical",
	trouble: "verify example.com 202612",
	phase: "start",
	domains: ["example.com"],
	selector: "202612",
	summary: "not everywhere",
	detail: null,
	hint: null,
	since: "2026-11-22T12:00:00.000Z",
	count: 1,
};

export const { signal } = new AbortController();

export function given(settings: unknown): AlertGiven {
	return { name: "one", on: null, repeatMs: 1000, settings };
}

export function tools(answer: {
	readonly status?: number;
	readonly fails?: KeyturnError;
	readonly result?: ProgramResult;
	readonly refusals?: readonly string[];
}): {
	readonly tools: AlertTools;
	readonly sent: HttpRequest[];
	readonly ran: ProgramRequest[];
	readonly mailed: MailRequest[];
} {
	const sent: HttpRequest[] = [];
	const ran: ProgramRequest[] = [];
	const mailed: MailRequest[] = [];
	return {
		mailed,
		sent,
		ran,
		tools: {
			http: {
				send: async (request) => {
					sent.push(request);
					if (answer.fails !== undefined) throw answer.fails;
					return Promise.resolve({ status: answer.status ?? 200, headers: {}, body: "" });
				},
			},
			programs: {
				run: async (request) => {
					ran.push(request);
					if (answer.fails !== undefined) throw answer.fails;
					return Promise.resolve(answer.result ?? { status: 0, signal: null, stdout: "", stderr: "" });
				},
			},
			mailer: {
				send: async (mail) => {
					mailed.push(mail);
					if (answer.fails !== undefined) throw answer.fails;
					return Promise.resolve(answer.refusals ?? []);
				},
			},
			clock: {
				now: () => new Date(0),
				uptimeMs: () => 0,
				bootMs: () => 0,
				bootId: () => null,
				sleep: () => Promise.resolve(),
				deadline: (_ms, of) => of,
			},
			secrets: { read: () => Promise.resolve("s3cret") },
		},
	};
}
