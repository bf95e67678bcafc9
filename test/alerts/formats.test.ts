import { describe, expect, test } from "vitest";
import { FORMATS, type Format, posted } from "../../src/alerts/formats.ts";
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
const contentOf = (format: Format, of: KeyturnEvent, token: string | null = null): unknown =>
	JSON.parse(posted(format, of, token)?.body ?? "null");

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
	const form = posted("ntfy", { ...event, summary: "nicht überall", hint: "look" }, "tk_1");
	expect(form?.body).toContain("nicht überall");
	expect(form?.body).toContain("What to do: look");
	expect(form?.headers).toMatchObject({
		title: "CRITICAL mx1: nicht ?berall",
		priority: "urgent",
		authorization: "Bearer tk_1",
	});
});

test("pagerduty opens one incident for a trouble, and its end resolves it", () => {
	const opened = contentOf("pagerduty", event, "routing");
	const again = contentOf("pagerduty", { ...event, id: "e3", phase: "repeat", count: 2 }, "routing");
	const closed = contentOf("pagerduty", ended, "routing");
	expect(opened).toMatchObject({
		routing_key: "routing",
		event_action: "trigger",
		payload: { severity: "critical", source: "mx1" },
	});
	const keys = [opened, again, closed].map((content) => (content as { dedup_key: string }).dedup_key);
	expect(new Set(keys).size).toBe(1);
	expect(closed).toMatchObject({ event_action: "resolve" });
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

test.each(["pagerduty", "alertmanager"] as const)(
	"%s is not told what nobody has to be woken for",
	async (format) => {
		expect(posted(format, plain, "t")).toBeNull();
		expect(posted(format, { ...plain, event: "action_needed" }, "t")).not.toBeNull();
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
		const form = posted(format, { ...event, hint: "ask the second server" }, "token");
		expect(form?.body).toContain("not everywhere");
		expect(form?.body).toContain("ask the second server");
	});
});
