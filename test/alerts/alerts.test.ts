import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { create as createCommand } from "../../src/alerts/command.ts";
import { ALERT_TYPES } from "../../src/alerts/registry.ts";
import { create as createWebhook, settingsSchema } from "../../src/alerts/webhook.ts";
import { KeyturnError } from "../../src/errors.ts";
import { event, given, signal, tools } from "./bench.ts";

describe("a webhook", () => {
	it("gets the event as JSON, signed with the secret", async () => {
		const { tools: given_, sent } = tools({});
		const sink = await createWebhook(
			given({ url: "https://hooks.example/x", hmac: { file: "/etc/keyturn/hook" } }),
			given_,
		);
		await sink.deliver(event, signal);
		expect(sent).toHaveLength(1);
		expect(JSON.parse(sent[0]?.body ?? "")).toEqual(event);
		const expected = createHmac("sha256", "s3cret")
			.update(sent[0]?.body ?? "")
			.digest("hex");
		expect(sent[0]?.headers).toMatchObject({
			"x-keyturn-event": event.id,
			"x-keyturn-signature": `sha256=${expected}`,
		});
	});

	it("is told with the secrets that stand there now", async () => {
		const { tools: given_, sent } = tools({});
		let secret = "before";
		const sink = await createWebhook(
			given({ url: { file: "/url" }, token: { file: "/token" }, hmac: { file: "/hmac" } }),
			{ ...given_, secrets: { read: async () => Promise.resolve(`https://a.example/${secret}`) } },
		);
		secret = "after";
		await sink.deliver(event, signal);
		const [request] = sent;
		const key = "https://a.example/after";
		const hmac = createHmac("sha256", key)
			.update(request?.body ?? "")
			.digest("hex");
		expect(request).toMatchObject({
			url: key,
			headers: { authorization: `Bearer ${key}`, "x-keyturn-signature": `sha256=${hmac}` },
		});
	});

	it("that answers anything but 2xx is not delivered, and its path is not told", async () => {
		const sink = await createWebhook(
			given({ url: "https://hooks.example/T0P/S3CRET" }),
			tools({ status: 302 }).tools,
		);
		const failure = await sink.deliver(event, signal).catch((thrown: unknown) => thrown);
		expect(failure).toBeInstanceOf(KeyturnError);
		expect((failure as KeyturnError).message).toContain(
			"hooks.example: expected a status of 200 to 299, got 302",
		);
		expect((failure as KeyturnError).message).not.toContain("S3CRET");
	});

	it("that gives no answer is not delivered, and its path is not told", async () => {
		const fails = new KeyturnError("http.failed", "no answer (ECONNREFUSED)");
		const sink = await createWebhook(
			given({ url: "https://hooks.example/T0P/S3CRET" }),
			tools({ fails }).tools,
		);
		await expect(sink.deliver(event, signal)).rejects.toMatchObject({
			code: "alert.undelivered",
			message: "hooks.example: no answer (ECONNREFUSED)",
			retry: true,
		});
	});

	it.each(["https://user:S3@CRET@hooks.example:8443/x", "https://user:S3CRET@hooks.example:8443?x=@y"])(
		"tells nothing of a password, wherever an @ stands: %s",
		async (url) => {
			const sink = await createWebhook(given({ url }), tools({ status: 500 }).tools);
			await expect(sink.deliver(event, signal)).rejects.toThrow(/^hooks\.example:8443: expected/);
		},
	);

	it("takes no address but http and https, no format that it does not know, and no duty without its key", () => {
		expect(settingsSchema.safeParse({ url: "file:///etc/passwd" }).success).toBe(false);
		expect(settingsSchema.safeParse({ url: "https://a.example", format: "teams" }).success).toBe(false);
		expect(settingsSchema.safeParse({ url: "https://a.example", format: "pagerduty" }).success).toBe(false);
		expect(settingsSchema.safeParse({ url: "https://a.example", format: "slack" }).success).toBe(true);
	});
});

describe("a command", () => {
	it("gets the event on standard input, and no shell", async () => {
		const { tools: given_, ran } = tools({});
		const sink = await createCommand(given({ run: ["/usr/local/bin/page", "$(id)"] }), given_);
		await sink.deliver(event, signal);
		expect(ran[0]?.argv).toEqual(["/usr/local/bin/page", "$(id)"]);
		expect(JSON.parse(String(ran[0]?.input))).toEqual(event);
	});

	it("that fails is not delivered, and what it said is told", async () => {
		const result = { status: 3, signal: null, stdout: "", stderr: "no pager\n" };
		const sink = await createCommand(given({ run: ["/bin/page"] }), tools({ result }).tools);
		await expect(sink.deliver(event, signal)).rejects.toThrow(
			"/bin/page: expected status 0, got status 3: no pager",
		);
	});

	it("that a signal ended, or that is not there, has told nobody", async () => {
		const result = { status: null, signal: "SIGKILL", stdout: "", stderr: "" } as const;
		const killed = await createCommand(given({ run: ["/bin/page"] }), tools({ result }).tools);
		await expect(killed.deliver(event, signal)).rejects.toThrow("expected status 0, got signal SIGKILL");
		const fails = new KeyturnError("program.missing", "program /bin/page: got ENOENT");
		const absent = await createCommand(given({ run: ["/bin/page"] }), tools({ fails }).tools);
		await expect(absent.deliver(event, signal)).rejects.toMatchObject({
			code: "alert.undelivered",
			message: "/bin/page: program /bin/page: got ENOENT",
		});
	});
});

const SETTINGS: Readonly<Record<string, object>> = {
	webhook: { url: "https://hooks.example/x" },
	email: { to: "postmaster@example.com" },
	command: { run: ["/bin/page"] },
	heartbeat: { url: "https://hc.example/x" },
};

it.each(Object.entries(ALERT_TYPES))(
	"%s is told what it was configured for, as often",
	async (type, load) => {
		const asked = { name: `${type} 2`, on: ["switched"], repeatMs: 7 } as const;
		const sink = await (await load()).create({ ...asked, settings: SETTINGS[type] }, tools({}).tools);
		// A heartbeat gets no events at all.
		expect(sink).toMatchObject(type === "heartbeat" ? { ...asked, on: [] } : asked);
	},
);
