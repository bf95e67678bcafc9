import { describe, expect, test } from "vitest";
import { FORMATS, type Format, posted, type Receiver } from "../../src/alerts/formats.ts";
import { create } from "../../src/alerts/webhook.ts";
import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";
import { event, given, signal, tools } from "./bench.ts";

const ended: KeyturnEvent = {
	...event,
	id: "e2",
	phase: "end",
	severity: "info",
	summary: "over: not everywhere",
};
const plain: KeyturnEvent = {
	...event,
	event: "switched",
	trouble: null,
	phase: null,
	since: null,
	severity: "info",
};
const HOUR_MS = 3_600_000;
const receiver: Receiver = { token: "routing", repeatMs: 6 * HOUR_MS };
const contentOf = (format: Format, of: KeyturnEvent, by: Receiver = receiver): unknown =>
	JSON.parse(posted(format, of, by)?.body ?? "null");

test("slack obeys nothing that a record says", () => {
	const content = contentOf("slack", { ...event, summary: "<!channel> & <https://a.example|b>" });
	expect(content).toMatchObject({
		text: "CRITICAL mx1: &lt;!channel&gt; &amp; &lt;https://a.example|b&gt;",
		attachments: [{ color: "#c62828" }],
	});
});

test("discord pings nobody, and takes what is long", () => {
	const content = contentOf("discord", {
		...event,
		summary: "@everyone".repeat(100),
		detail: "x".repeat(9_000),
	});
	expect(content).toMatchObject({ allowed_mentions: { parse: [] }, embeds: [{ timestamp: event.at }] });
	const { embeds } = content as { embeds: readonly { title: string; description: string }[] };
	expect(embeds[0]?.title).toHaveLength(256);
	expect(embeds[0]?.description.length).toBeLessThanOrEqual(4096);
});

test("ntfy gets words as its body, and headers in ASCII", () => {
	const form = posted("ntfy", { ...event, summary: "nicht überall", hint: "look" }, receiver);
	expect(form?.body).toContain("nicht überall");
	expect(form?.body).toContain("What to do: look");
	expect(form?.headers).toMatchObject({
		title: "CRITICAL mx1: nicht ?berall",
		priority: "urgent",
		authorization: "Bearer routing",
	});
});

test("pagerduty opens one incident for a trouble, and its end resolves it", () => {
	const opened = contentOf("pagerduty", event);
	const again = contentOf("pagerduty", { ...event, id: "e3", phase: "repeat", count: 2 });
	const closed = contentOf("pagerduty", ended);
	expect(opened).toMatchObject({
		routing_key: "routing",
		event_action: "trigger",
		payload: { severity: "critical", source: "mx1" },
	});
	const keys = [opened, again, closed].map((content) => (content as { dedup_key: string }).dedup_key);
	expect(new Set(keys).size).toBe(1);
	expect(closed).toMatchObject({ event_action: "resolve" });
});

test.each([
	["info", "#2e7d32", "default"],
	["warning", "#f9a825", "high"],
	["critical", "#c62828", "urgent"],
] as const)("each tells that it is %s", (severity, color, priority) => {
	const graded = { ...event, severity };
	expect(contentOf("slack", graded)).toMatchObject({ attachments: [{ color }] });
	expect(contentOf("discord", graded)).toMatchObject({
		embeds: [{ color: Number.parseInt(color.slice(1), 16) }],
	});
	expect(posted("ntfy", graded, receiver)?.headers).toMatchObject({ priority });
	expect(contentOf("pagerduty", graded)).toMatchObject({ payload: { severity } });
	expect(contentOf("alertmanager", graded)).toMatchObject([{ annotations: { severity } }]);
});

test("alertmanager gets the same labels from start to end, which it is told", () => {
	const [start] = contentOf("alertmanager", event) as readonly Record<string, unknown>[];
	const [end] = contentOf("alertmanager", ended) as readonly Record<string, unknown>[];
	expect(start?.["labels"]).toEqual({
		alertname: "keyturn_verification_failed",
		host: "mx1",
		trouble: event.trouble,
	});
	expect(end?.["labels"]).toEqual(start?.["labels"]);
	expect(start).toMatchObject({ startsAt: event.since, endsAt: "2026-11-24T12:00:00.000Z" });
	expect(end).toMatchObject({ endsAt: event.at });
});

test("alertmanager is told no beginning after the end, such as a clock that was ahead has noted", () => {
	const ahead = { ...ended, since: "2027-11-22T12:00:00.000Z" };
	const [end] = contentOf("alertmanager", ahead) as readonly Record<string, unknown>[];
	expect(end).toMatchObject({ startsAt: ahead.at, endsAt: ahead.at });
});

test.each([
	[6, 48],
	[7 * 24, 14 * 24],
])(
	"told every %i hours, or every day, what lasts is no shorter than %i for alertmanager",
	(repeat, hours) => {
		const repeatMs = repeat * HOUR_MS;
		const [alert] = contentOf("alertmanager", event, { ...receiver, repeatMs }) as readonly {
			endsAt: string;
		}[];
		expect(Date.parse(alert?.endsAt ?? "") - Date.parse(event.at)).toBe(hours * HOUR_MS);
	},
);

test.each(["verified", "given_up"] as const)(
	"every telling of a record to be made by hand is one incident, and %s ends it",
	(over) => {
		const needed: KeyturnEvent = { ...plain, id: "n1", event: "action_needed", severity: "warning" };
		const tellings = [needed, { ...needed, id: "n2" }, { ...needed, id: "n3", event: over }];
		const other = { ...needed, selector: "202701" };
		const incidents = [...tellings, other].map((one) => {
			const page = contentOf("pagerduty", one) as Record<string, string>;
			const [alert] = contentOf("alertmanager", one) as readonly [{ labels: unknown; endsAt: string }];
			return { key: page["dedup_key"], act: page["event_action"], ...alert };
		});
		const [first, again, done, elsewhere] = incidents;
		expect(incidents.map(({ act }) => act)).toEqual(["trigger", "trigger", "resolve", "trigger"]);
		expect([again?.key, done?.key]).toEqual([first?.key, first?.key]);
		expect([again?.labels, done?.labels]).toEqual([first?.labels, first?.labels]);
		expect(done?.endsAt).toBe(needed.at);
		expect(elsewhere?.key).not.toBe(first?.key);
		expect(elsewhere?.labels).not.toEqual(first?.labels);
	},
);

test.each(["pagerduty", "alertmanager"] as const)(
	"%s is not told what nobody has to be woken for",
	async (format) => {
		expect(posted(format, plain, receiver)).toBeNull();
		const { tools: given_, sent } = tools({});
		const sink = await create(given({ url: "https://a.example/x", format, token: { env: "T" } }), given_);
		await sink.deliver(plain, signal);
		expect(sent).toEqual([]);
		await sink.deliver(event, signal);
		expect(sent).toHaveLength(1);
	},
);

describe.each(FORMATS)("%s", (format) => {
	test("says what is the matter and what to do", () => {
		const form = posted(format, { ...event, hint: "ask the second server" }, receiver);
		expect(form?.body).toContain("not everywhere");
		expect(form?.body).toContain("ask the second server");
	});
});
