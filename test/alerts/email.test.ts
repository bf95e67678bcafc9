import { expect, test } from "vitest";
import { create, settingsSchema } from "../../src/alerts/email.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";
import { event, given, signal, tools } from "./bench.ts";

const SETTINGS = { to: "postmaster@example.com" };

async function mailsOf(...events: readonly KeyturnEvent[]) {
	const { tools: given_, mailed } = tools({});
	const sink = await create(given(SETTINGS), given_);
	for (const one of events) await sink.deliver(one, signal);
	return mailed;
}

test("says in the subject what is the matter, and in the first lines what to do", async () => {
	const detail = "ns2.example.net answers that nothing stands there";
	const [mail] = await mailsOf({ ...event, hint: "look at ns2.example.net", detail });
	expect(mail).toMatchObject({
		host: "127.0.0.1",
		port: 25,
		login: null,
		from: "keyturn@example.com",
		to: ["postmaster@example.com"],
		subject: "CRITICAL mx1: not everywhere",
		headers: { "Auto-Submitted": "auto-generated", Importance: "high" },
	});
	expect(mail?.text).toBe(
		`not everywhere\n\nWhat to do: look at ns2.example.net\n\n${detail}\n\nSince ${event.since}.\n\n-- \nkeyturn tells this again while it lasts, and when it is over.\n\`keyturn status\` on the host says how it stands.\n`,
	);
});

test("repetitions and the end of a trouble answer its start", async () => {
	const repeated: KeyturnEvent = { ...event, id: "e2", phase: "repeat", count: 2 };
	const ended: KeyturnEvent = { ...event, id: "e3", phase: "end", severity: "info" };
	const plain: KeyturnEvent = { ...event, id: "e4", trouble: null, phase: null, since: null };
	const [start, repeat, end, other] = await mailsOf(event, repeated, ended, plain);
	expect(start?.inReplyTo).toBeNull();
	expect([repeat?.inReplyTo, end?.inReplyTo]).toEqual([start?.messageId, start?.messageId]);
	expect(new Set([start, repeat, end, other].map((mail) => mail?.messageId)).size).toBe(4);
	expect(other?.inReplyTo).toBeNull();
	expect(end?.subject).toMatch(/^OVER /);
	expect(repeat?.text).toContain(`\n\nSince ${event.since}; told 2 times.\n\n`);
	expect(end?.text).toContain(`\n\nIt began at ${event.since}.\n\n`);
});

test("only what is critical, and lasts, is marked as important", async () => {
	const warning = { ...event, severity: "warning" } as const;
	const ended = { ...event, phase: "end" } as const;
	const mails = await mailsOf(event, warning, ended);
	expect(mails.map(({ headers }) => headers["Importance"])).toEqual(["high", undefined, undefined]);
});

test("several domains are named", async () => {
	const [mail] = await mailsOf({ ...event, domains: ["a.example", "b.example"] });
	expect(mail?.text).toContain("\n\nDomains: a.example, b.example\n\n");
});

test("a long summary is no long subject", async () => {
	const [mail] = await mailsOf({ ...event, summary: "x".repeat(500) });
	expect(mail?.subject).toHaveLength(120);
	expect(mail?.text).toContain("x".repeat(500));
});

test("a login is read anew for each mail", async () => {
	const { tools: given_, mailed } = tools({});
	let password = "first";
	const secrets = { read: async () => Promise.resolve(password) };
	const settings = { ...SETTINGS, smtp: "mail.example.net:587", user: "keyturn", password: { env: "P" } };
	const sink = await create(given(settings), { ...given_, secrets });
	await sink.deliver(event, signal);
	password = "second";
	await sink.deliver(event, signal);
	expect(mailed.map(({ login }) => login?.password)).toEqual(["first", "second"]);
});

test("what the server refuses is not delivered", async () => {
	const fails = new KeyturnError("alert.undelivered", "127.0.0.1 port 25: no");
	const sink = await create(given(SETTINGS), tools({ fails }).tools);
	await expect(sink.deliver(event, signal)).rejects.toThrow("127.0.0.1 port 25: no");
});

test("who was refused is said, and that is no failure: the others would get it again", async () => {
	const refusals = ["not for alice@example.com: 550 gone", "not for bob@example.com: 550 gone"];
	const sink = await create(given(SETTINGS), tools({ refusals }).tools);
	expect(await sink.deliver(event, signal)).toBe(refusals.join("\n"));
	const whole = await create(given(SETTINGS), tools({}).tools);
	expect(await whole.deliver(event, signal)).toBeUndefined();
});

test.each([
	{ to: "nobody" },
	{ to: "a@b.example\nBcc: c@d.example" },
	{ to: [] },
	{ ...SETTINGS, smtp: "mail.example.net" },
	{ ...SETTINGS, smtp: "mail.example.net:99999" },
	{ ...SETTINGS, user: "keyturn" },
	{ ...SETTINGS, password: { env: "P" } },
	{ ...SETTINGS, password: "in the file itself", user: "keyturn" },
])("%j is refused", (settings) => {
	expect(settingsSchema.safeParse(settings).success).toBe(false);
});
