/** The bodies that known receivers of webhooks take. */

import type { KeyturnEvent, Severity } from "../ports/alert-sink.ts";
import { headline, paragraphs } from "./wording.ts";

export const FORMATS = ["json", "slack", "discord", "ntfy", "pagerduty", "alertmanager"] as const;
export type Format = (typeof FORMATS)[number];

export interface Posted {
	readonly body: string;
	readonly headers: Readonly<Record<string, string>>;
}

/** What is the same for all that one receiver gets. */
export interface Receiver {
	readonly token: string | null;
	/** As of the alert that it belongs to. */
	readonly repeatMs: number;
}

/** Null where the receiver is for incidents, and the event begins and ends none. */
export function posted(format: Format, event: KeyturnEvent, receiver: Receiver): Posted | null {
	return FORM[format](event, receiver);
}

const FORM: Readonly<Record<Format, (event: KeyturnEvent, receiver: Receiver) => Posted | null>> = {
	json: (event, { token }) => asJson(event, bearer(token)),
	slack: (event, { token }) => asJson(slack(event), bearer(token)),
	discord: (event, { token }) => asJson(discord(event), bearer(token)),
	ntfy,
	pagerduty: (event, { token }) => {
		const incident = incidentOf(event);
		return incident === null ? null : asJson(pagerduty(event, incident, token));
	},
	alertmanager: (event, receiver) => {
		const incident = incidentOf(event);
		if (incident === null) return null;
		return asJson([alertmanager(event, incident, receiver)], bearer(receiver.token));
	},
};

function asJson(content: unknown, headers: Readonly<Record<string, string>> = {}): Posted {
	return { body: JSON.stringify(content), headers: { "content-type": "application/json", ...headers } };
}

function bearer(token: string | null): Readonly<Record<string, string>> {
	return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** What somebody has to be woken for, over all tellings of it. */
interface Incident {
	readonly event: KeyturnEvent["event"];
	readonly key: string;
	readonly isOver: boolean;
}

/** A record to be made by hand is told anew each day; it is made when every server serves it, and moot with its key. */
function incidentOf({ trouble, phase, event, domains, selector }: KeyturnEvent): Incident | null {
	if (trouble !== null) return { event, key: trouble, isOver: phase === "end" };
	const isOver = event === "verified" || event === "given_up";
	if (event !== "action_needed" && !isOver) return null;
	return { event: "action_needed", key: `record ${domains.join(" ")} ${selector}`, isOver };
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
function ntfy(event: KeyturnEvent, { token }: Receiver): Posted {
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

/** developer.pagerduty.com/docs/send-alert-event: what resolves an incident that there is none of does nothing. */
function pagerduty(event: KeyturnEvent, { key, isOver }: Incident, token: string | null): unknown {
	return {
		routing_key: token,
		event_action: isOver ? "resolve" : "trigger",
		dedup_key: limited(`keyturn ${event.host} ${key}`, 255),
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

/** What lasts is told again after a day, or after `repeat` where that is longer. */
const LONGEST_SILENCE_MS = 24 * 3_600_000;

/**
 * prometheus.io/docs/alerting/latest/alerts_api: equal labels are one alert, so that what changes stands in annotations; after
 * `endsAt` it is taken for resolved, so that this comes well after the next telling.
 */
function alertmanager(event: KeyturnEvent, incident: Incident, { repeatMs }: Receiver): unknown {
	const lastsMs = incident.isOver ? 0 : 2 * Math.max(LONGEST_SILENCE_MS, repeatMs);
	const ends = new Date(new Date(event.at).getTime() + lastsMs);
	return {
		labels: { alertname: `keyturn_${incident.event}`, host: event.host, trouble: incident.key },
		annotations: {
			summary: event.summary,
			description: paragraphs(event).join("\n\n"),
			severity: event.severity,
			domains: event.domains.join(", "),
		},
		// A beginning after the end, which a clock that was ahead has noted, is refused.
		startsAt: event.since !== null && event.since < event.at ? event.since : event.at,
		endsAt: ends.toISOString(),
	};
}

function limited(text: string, most: number): string {
	return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
