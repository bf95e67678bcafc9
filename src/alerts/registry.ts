/** The ways of telling, by the `type` of keyturn.yaml; each is loaded only when it is configured. */

import type { z } from "zod";
import type { AlertSink, EventName, TroubleName } from "../ports/alert-sink.ts";
import type { Clock } from "../ports/clock.ts";
import type { Http } from "../ports/http.ts";
import type { Mailer } from "../ports/mailer.ts";
import type { Programs } from "../ports/programs.ts";
import type { Secrets } from "../ports/secrets.ts";

export interface AlertTools {
	readonly http: Http;
	readonly programs: Programs;
	readonly mailer: Mailer;
	readonly clock: Clock;
	readonly secrets: Secrets;
}

export interface AlertGiven {
	readonly name: string;
	readonly on: readonly (EventName | TroubleName)[] | null;
	readonly repeatMs: number;
	/** As `settingsSchema` made them. */
	readonly settings: unknown;
}

export interface AlertType {
	readonly settingsSchema: z.ZodType;
	create(given: AlertGiven, tools: AlertTools): Promise<AlertSink>;
}

export const ALERT_TYPES: Readonly<Record<string, () => Promise<AlertType>>> = {
	webhook: () => import("./webhook.ts"),
	email: () => import("./email.ts"),
	command: () => import("./command.ts"),
	heartbeat: () => import("./heartbeat.ts"),
};
