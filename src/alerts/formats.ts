/** The bodies that known receivers of webhooks take. */

import type { KeyturnEvent, Severity } from "../ports/alert-sink.ts";
import { headline, paragraphs } from "./wording.ts";

export const FORMATS = ["json", "slack", "discord", "ntfy", "pagerduty", "alertmanager"] as const;
export type Format = (typeof FORMATS)[number];

export interface Posted {
	readonly body: string;
	readonly headers: Readonly<Record<string, string>>;
}

/** Null where the receiver is for troubles, and the event is none. */
export function posted(format: Format, event: KeyturnEvent, token: string | null): Posted | null {
	return FORM[format](event, token);
}

const FORM: Readonly<Record<Format, (event: KeyturnEvent, token: string | null) => Posted | null>> = {
	json: (event, token) => asJson(event, bearer(token)),
	slack: (event, token) => asJson(slack(event), bearer(token)),
	discord: (event, token) => asJson(discord(event), bearer(token)),
	ntfy,
	pagerduty: (event, token) => (isForDuty(event) ? asJson(pagerduty(event, token)) : null),
	alertmanager: (event, token) => (isForDuty(event) ? asJson([alertmanager(event)], bearer(token)) : null),
};

function asJson(content: unknown, headers: Readonly<Record<string, string>> = {}): Posted {
	return { body: JSON.stringify(content), headers: { "content-type": "application/json", ...headers } };
}

function bearer(token: string | null): Readonly<Record<string, string>> {
	return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** What somebody has to be woken for, and its end. */
function isForDuty({ trouble, event }: KeyturnEvent): boolean {
	return trouble !== null || event === "action_needed";
}

const COLOUR: Readonly<Record<Severity, string>> = { info: "2e7d32", warning: "f9a825", critical: "c62828" };

/** docs.slack.dev/messaging/sending-messages-using-incoming-webhooks; `&`, `<` and `>` are its only syntax in texts. */
function slack(event: KeyturnEvent): unknown {
	const escaped = (text: string) =>
		text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
	return {
		text: escaped(headline(event, 300)),
		attachments: [
			{ color: `#${COLOUR[event.severity]}`, text: escaped(limited(paragraphs(event).join("\n\n"), 3000)) },
		],
	};
}

/** discord.com/developers/docs/resources/webhook#execute-webhook: titles of 256 characters, descriptions of 4,096; nobody is pinged by what a record says. */
function discord(event: KeyturnEvent): unknown {
	return {
		allowed_mentions: { parse: [] },
		embeds: [
			{
				title: headline(event, 256),
				description: limited(paragraphs(event).join("\n\n"), 4000),
				color: Number.parseInt(COLOUR[event.severity], 16),
				timestamp: event.at,
			},
		],
	};
}

const PRIORITY: Readonly<Record<Severity, string>> = { info: "default", warning: "high", critical: "urgent" };
const TAG: Readonly<Record<Severity, string>> = {
	info: "white_check_mark",
	warning: "warning",
	critical: "rotating_light",
};

/** docs.ntfy.sh/publish: the message is the body, of 4,096 bytes at most; headers hold ASCII alone. */
function ntfy(event: KeyturnEvent, token: string | null): Posted {
	return {
		body: limited([event.summary, ...paragraphs(event)].join("\n\n"), 3500),
		headers: {
			"content-type": "text/plain; charset=utf-8",
			title: headline(event, 200).replace(/[^\x20-\x7e]/g, "?"),
			priority: PRIORITY[event.severity],
			tags: TAG[event.severity],
			...bearer(token),
		},
	};
}

/** developer.pagerduty.com/docs/send-alert-event: one incident for each trouble, resolved by its end. */
function pagerduty(event: KeyturnEvent, token: string | null): unknown {
	return {
		routing_key: token,
		event_action: event.phase === "end" ? "resolve" : "trigger",
		dedup_key: limited(`keyturn ${event.host} ${event.trouble ?? event.id}`, 255),
		payload: {
			summary: headline(event, 1024),
			source: event.host,
			severity: event.severity,
			timestamp: event.at,
			component: "keyturn",
			class: event.event,
			custom_details: event,
		},
	};
}

/** Longer than the longest time from one telling to the next, after which Alertmanager takes an alert for resolved. */
const LASTS_MS = 48 * 3_600_000;

/** prometheus.io/docs/alerting/latest/alerts_api: equal labels are one alert, so that what changes stands in annotations. */
function alertmanager(event: KeyturnEvent): unknown {
	const ends = new Date(new Date(event.at).getTime() + (event.phase === "end" ? 0 : LASTS_MS));
	return {
		labels: {
			alertname: `keyturn_${event.event}`,
			host: event.host,
			trouble: event.trouble ?? event.id,
		},
		annotations: {
			summary: event.summary,
			description: paragraphs(event).join("\n\n"),
			severity: event.severity,
			domains: event.domains.join(", "),
		},
		startsAt: event.since ?? event.at,
		endsAt: ends.toISOString(),
	};
}

function limited(text: string, most: number): string {
	return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
