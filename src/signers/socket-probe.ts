/** Proves a running signer: gives it messages at its socket and has the signatures verified against the expected records. */

import { excerpt } from "../dkim/foreign-text.ts";
import { keyRecordName } from "../dkim/names.ts";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { MailVerifier } from "../ports/mail-verifier.ts";
import type { ProbeVerdict } from "../ports/signer.ts";
import type { Connection, Sockets, SocketTarget } from "../ports/sockets.ts";
import { type MilterOutcome, passMessage, quit, shakeHands } from "./milter.ts";
import type {
	MessagesProbeRequest,
	SignerProbeRequest,
	ProbeAnswer,
	ProbeExpectation,
	ProbeRequest,
	SmtpProbeRequest,
} from "./probe-protocol.ts";
import { pingRspamd, scanMessage } from "./rspamd-http.ts";
import { probeHeaders, PROBE_BODY, PROBE_RECIPIENT, probeText } from "./probe-message.ts";

export interface ProbeTools {
	readonly sockets: Sockets;
	readonly verifier: MailVerifier;
	readonly clock: Clock;
}

/** Fails only when `signal` aborts; whatever the other side does is an answer. */
export async function answerProbe(
	tools: ProbeTools,
	request: ProbeRequest,
	signal: AbortSignal,
): Promise<ProbeAnswer> {
	switch (request.kind) {
		case "milter":
		case "rspamd":
			return probeSigner(tools, request, signal);
		case "messages":
			return judgeMessages(tools, request);
		case "smtp":
			return awaitBanner(tools, request, signal);
	}
}

/** Nothing is asked of anybody: the messages are there. */
async function judgeMessages(
	{ verifier }: ProbeTools,
	{ expectations, messages }: MessagesProbeRequest,
): Promise<ProbeAnswer> {
	const verdicts = await inParallel(
		expectations.map((expectation, index) => ({ expectation, message: messages[index] ?? "" })),
		async ({ expectation, message }) => {
			const [head = ""] = message.split("\r\n\r\n", 1);
			if (!/^dkim-signature:/im.test(head)) return judgeUnsigned(expectation);
			return judgeSigned(verifier, expectation, message);
		},
	);
	return { isUp: true, reason: null, verdicts };
}

/** Waits until it is there, then one message per expectation, several at once. */
export async function probeSigner(
	tools: ProbeTools,
	request: SignerProbeRequest,
	signal: AbortSignal,
): Promise<ProbeAnswer> {
	const why = await awaitAnswer(tools, request, signal, async (connection, signal) => {
		if (request.kind === "rspamd") return pingRspamd(connection, signal);
		await shakeHands(connection, signal);
		await quit(connection);
	});
	if (why !== null) return { isUp: false, reason: why, verdicts: [] };
	const verdicts = await inParallel(request.expectations, (expectation) =>
		probeUntilSettled(tools, request, expectation, signal),
	);
	return { isUp: true, reason: null, verdicts };
}

/** Waits for the greeting of a mail server (RFC 5321 section 3.1). */
export async function awaitBanner(
	tools: ProbeTools,
	request: SmtpProbeRequest,
	signal: AbortSignal,
): Promise<ProbeAnswer> {
	const why = await awaitAnswer(tools, request, signal, async (connection, signal) => {
		const banner = await connection.readLine(1024, signal);
		const { greetings = ["220"] } = request;
		if (!greetings.some((code) => banner.startsWith(code)))
			throw new KeyturnError(
				"signer.probe",
				`expected a banner with ${greetings.join(" or ")}, got ${excerpt(banner.trim(), 200)}`,
			);
		await connection.write(Buffer.from("QUIT\r\n"));
	});
	return { isUp: why === null, reason: why, verdicts: [] };
}

const PARALLEL = 8;
const AGAIN_AFTER_MS = 100;
const ATTEMPT_MS = 5_000;
const MESSAGE_MS = 15_000;

async function awaitAnswer(
	tools: ProbeTools,
	request: { readonly socket: SocketTarget; readonly timeoutMs: number },
	signal: AbortSignal,
	ask: (connection: Connection, signal: AbortSignal) => Promise<void>,
): Promise<string | null> {
	const { clock } = tools;
	const endsAt = clock.uptimeMs() + request.timeoutMs;
	for (;;) {
		const left = Math.max(1, endsAt - clock.uptimeMs());
		const attempt = clock.deadline(Math.min(left, ATTEMPT_MS), signal);
		try {
			await connected(tools.sockets, request.socket, attempt, (connection) => ask(connection, attempt));
			return null;
		} catch (thrown) {
			signal.throwIfAborted();
			if (clock.uptimeMs() + AGAIN_AFTER_MS >= endsAt) return asKeyturnError(thrown).message;
			await clock.sleep(AGAIN_AFTER_MS, signal);
		}
	}
}

async function probeUntilSettled(
	tools: ProbeTools,
	request: SignerProbeRequest,
	expectation: ProbeExpectation,
	signal: AbortSignal,
): Promise<ProbeVerdict> {
	const endsAt = tools.clock.uptimeMs() + request.settleMs;
	for (;;) {
		const verdict = await probeOnce(tools, request, expectation, signal);
		if (verdict.outcome !== "failed" || tools.clock.uptimeMs() >= endsAt) return verdict;
		await tools.clock.sleep(AGAIN_AFTER_MS, signal);
		signal.throwIfAborted();
	}
}

async function probeOnce(
	tools: ProbeTools,
	{ kind, socket }: SignerProbeRequest,
	expectation: ProbeExpectation,
	signal: AbortSignal,
): Promise<ProbeVerdict> {
	const deadline = tools.clock.deadline(MESSAGE_MS, signal);
	try {
		const outcome = await connected(tools.sockets, socket, deadline, async (connection) => {
			const { sender } = expectation;
			if (kind === "rspamd") return scanMessage(connection, { message: probeText(sender), sender }, deadline);
			const session = await shakeHands(connection, deadline);
			const outcome = await passMessage(session, messageFor(expectation), deadline);
			await quit(connection);
			return outcome;
		});
		return await judge(tools.verifier, expectation, outcome);
	} catch (thrown) {
		signal.throwIfAborted();
		return verdict(expectation, "failed", asKeyturnError(thrown).message);
	}
}

function messageFor(expectation: ProbeExpectation): Parameters<typeof passMessage>[1] {
	return {
		sender: expectation.sender,
		recipient: PROBE_RECIPIENT,
		headers: probeHeaders(expectation.sender),
		body: PROBE_BODY,
	};
}

async function judge(
	verifier: MailVerifier,
	expectation: ProbeExpectation,
	outcome: MilterOutcome,
): Promise<ProbeVerdict> {
	if (outcome.kind === "delivered") return judgeSignatures(verifier, expectation, outcome);
	return outcome.kind === "refused"
		? verdict(expectation, "failed", `the signer answered with ${outcome.reply}`)
		: verdict(
				expectation,
				"unproven",
				`the signer let the message through at ${outcome.at} without looking at it`,
			);
}

async function judgeSignatures(
	verifier: MailVerifier,
	expectation: ProbeExpectation,
	outcome: Extract<MilterOutcome, { kind: "delivered" }>,
): Promise<ProbeVerdict> {
	const signatures = outcome.added.filter((header) => header.name.toLowerCase() === "dkim-signature");
	if (signatures.length === 0) return judgeUnsigned(expectation);
	const fields = signatures.map(({ name, value }) => `${name}: ${value}\r\n`.replace(/\r?\n/g, "\r\n"));
	return judgeSigned(verifier, expectation, `${fields.join("")}${probeText(expectation.sender)}`);
}

async function judgeSigned(
	verifier: MailVerifier,
	expectation: ProbeExpectation,
	message: string,
): Promise<ProbeVerdict> {
	const { record } = expectation;
	const name = keyRecordName(expectation.selector, expectation.domain).toLowerCase();
	const verdicts = await verifier.verify(message, async (asked) =>
		asked === name && record !== null ? [record] : [],
	);
	const mine = verdicts.find(
		(found) => found.domain === expectation.domain && found.selector === expectation.selector,
	);
	if (record === null)
		return mine === undefined
			? verdict(expectation, "unsigned", null)
			: verdict(expectation, "failed", `still signed with ${expectation.selector}`);
	if (mine === undefined) {
		const others = verdicts.map((found) => `${found.selector} of ${found.domain}`).join(", ");
		const got = `signed with ${excerpt(others, 300)}`;
		return verdict(expectation, "failed", `${got}, expected ${expectation.selector}`);
	}
	if (mine.outcome === "pass") return verdict(expectation, "signed", null);
	return verdict(
		expectation,
		mine.outcome === "fail" ? "failed" : "unproven",
		`its signature does not verify against the record: ${mine.reason ?? "no reason given"}`,
	);
}

function judgeUnsigned(expectation: ProbeExpectation): ProbeVerdict {
	const { unsigned } = expectation;
	if (unsigned.means === "unsigned") return verdict(expectation, "unsigned", null);
	return unsigned.means === "failed"
		? verdict(expectation, "failed", "the message came back unsigned")
		: verdict(expectation, "unproven", `the message came back unsigned: ${unsigned.why}`);
}

function verdict(
	{ domain, selector }: ProbeExpectation,
	outcome: ProbeVerdict["outcome"],
	reason: string | null,
): ProbeVerdict {
	return { domain, selector, outcome, reason };
}

async function connected<T>(
	sockets: Sockets,
	target: SocketTarget,
	signal: AbortSignal,
	use: (connection: Connection) => Promise<T>,
): Promise<T> {
	const connection = await sockets.connect(target, signal);
	try {
		return await use(connection);
	} finally {
		connection.close();
	}
}

/** Results in the order of `items`, with a few under way at a time. */
async function inParallel<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
	const results: R[] = [];
	const queue = items.entries();
	const work = async (): Promise<void> => {
		for (const [index, item] of queue) results[index] = await act(item);
	};
	await Promise.all(Array.from({ length: PARALLEL }, work));
	return results;
}
