/** What the door asks of `probe.ts` on its standard input and gets on its standard output: both are read strictly. */

import * as z from "zod";
import { KeyturnError } from "../errors.ts";

const socketTarget = z.discriminatedUnion("kind", [
	z.strictObject({
		kind: z.literal("inet"),
		host: z.string().min(1),
		port: z.int().min(1).max(65_535),
		isOnEveryAddress: z.literal(true).exactOptional(),
		/** Those of `host` that the probe may reach, where it is a name. */
		addresses: z.array(z.string().min(1)).min(1).max(16).readonly().exactOptional(),
	}),
	z.strictObject({ kind: z.literal("unix"), path: z.string().startsWith("/") }),
]);

const probeExpectation = z.strictObject({
	domain: z.string().min(1),
	selector: z.string().min(1),
	/** Null: the key was taken out, and nothing is to be signed with it. */
	record: z.string().nullable(),
	/** The address whose mail is, or was, signed with this key. */
	sender: z.string().min(1),
	/** What no signature means, and why it proves nothing if it does not. */
	unsigned: z.discriminatedUnion("means", [
		z.strictObject({ means: z.literal("unsigned") }),
		z.strictObject({ means: z.literal("failed") }),
		z.strictObject({ means: z.literal("unproven"), why: z.string() }),
	]),
});

const probeRequest = z.discriminatedUnion("kind", [
	/** Waits until the milter shakes hands, then gives it one message per expectation. */
	z.strictObject({
		kind: z.literal("milter"),
		socket: socketTarget,
		expectations: z.array(probeExpectation).max(20_000).readonly(),
		/** For the handshake. */
		timeoutMs: z.int().min(1).max(600_000),
		/** How long a message that fails is given again: a reload takes effect at a later connection. */
		settleMs: z.int().min(0).max(600_000),
	}),
	/** Judges messages that came out of a signer, one per expectation and in its order. */
	z.strictObject({
		kind: z.literal("messages"),
		expectations: z.array(probeExpectation).max(20_000).readonly(),
		/** CRLF line ends. */
		messages: z.array(z.string()).max(20_000).readonly(),
		timeoutMs: z.int().min(1).max(600_000),
	}),
	/** The same through rspamd's normal worker, which has no handshake but answers a ping. */
	z.strictObject({
		kind: z.literal("rspamd"),
		socket: socketTarget,
		expectations: z.array(probeExpectation).max(20_000).readonly(),
		timeoutMs: z.int().min(1).max(600_000),
		settleMs: z.int().min(0).max(600_000),
	}),
	/** Waits until a mail server greets with 220, or with what begins as one of `greetings`. */
	z.strictObject({
		kind: z.literal("smtp"),
		socket: socketTarget,
		timeoutMs: z.int().min(1).max(600_000),
		greetings: z
			.array(z.string().regex(/^[245]\d{0,2}$/))
			.readonly()
			.optional(),
	}),
]);

const probeAnswer = z.strictObject({
	/** Whether what was asked for answered in time; if not, `reason` says what came instead. */
	isUp: z.boolean(),
	reason: z.string().nullable(),
	/** One per expectation, in their order; none when it is not up. */
	verdicts: z
		.array(
			z.strictObject({
				domain: z.string(),
				selector: z.string(),
				outcome: z.enum(["signed", "unsigned", "failed", "unproven"]),
				reason: z.string().nullable(),
			}),
		)
		.readonly(),
});

export type ProbeExpectation = Readonly<z.infer<typeof probeExpectation>>;
export type ProbeRequest = Readonly<z.infer<typeof probeRequest>>;
export type SignerProbeRequest = Extract<ProbeRequest, { kind: "milter" | "rspamd" }>;
export type MessagesProbeRequest = Extract<ProbeRequest, { kind: "messages" }>;
export type SmtpProbeRequest = Extract<ProbeRequest, { kind: "smtp" }>;
export type ProbeAnswer = Readonly<z.infer<typeof probeAnswer>>;

/** Runs `probe.ts` where it may reach the signer's socket, as the signer's user; fails with `signer.probe`. */
export type RunProbe = (request: ProbeRequest) => Promise<ProbeAnswer>;

/** Fails with `signer.probe`. */
export function parseProbeRequest(text: string): ProbeRequest {
	return parseJson(text, "request", probeRequest);
}

/** Fails with `signer.probe`. */
export function parseProbeAnswer(text: string): ProbeAnswer {
	return parseJson(text, "answer", probeAnswer);
}

function parseJson<T>(text: string, what: string, schema: z.ZodType<T>): T {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch {
		throw new KeyturnError(
			"signer.probe",
			`probe ${what}: expected JSON, got ${text.length} characters of none`,
		);
	}
	const parsed = schema.safeParse(value);
	if (parsed.success) return parsed.data;
	const [issue] = parsed.error.issues;
	throw new KeyturnError(
		"signer.probe",
		`probe ${what}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "refused"}`,
	);
}
