import { describe, expect, it } from "vitest";
import { createMailAnswers } from "../../src/signers/mail-answers.ts";
import { answerProbe } from "../../src/signers/socket-probe.ts";
import { createFilterSockets } from "../fakes/milter-filter.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";

const AT = { host: "::1", port: 25 };

/** Of a mail server that greets so on loopback, and what was asked there. */
function answering(greeting: string, at: typeof AT | null = AT) {
	const asked: unknown[] = [];
	const sockets = createFilterSockets(() => ({ greeting: Buffer.from(greeting) }));
	const tools = { sockets, verifier: { verify: async () => [] }, clock: createSleepingClock() };
	const answers = createMailAnswers({
		greetsAt: async () => Promise.resolve(at),
		probe: async (request) => {
			asked.push("socket" in request ? request.socket : null);
			return answerProbe(tools, request, new AbortController().signal);
		},
	});
	return { answers, asked };
}

describe("a mail server", () => {
	it.each([
		"220 mail.example.com ESMTP",
		"220-mail.example.com ESMTP",
		"554 mail.example.com ESMTP not accepting connections",
		"421 mail.example.com Service unavailable - try again later",
	])("that greets with %s runs", async (greeting) => {
		const { answers, asked } = answering(`${greeting}\r\n`);
		expect(await answers("postfix")).toBe(true);
		expect(asked).toEqual([{ kind: "inet", ...AT }]);
	});

	it("is asked by the name of its instance, too", async () => {
		const { answers, asked } = answering("");
		expect(await answers("postfix@-")).toBe(false);
		expect(asked).toHaveLength(1);
		expect(await answers("postfix@second")).toBe(true);
		expect(asked).toHaveLength(1);
	});

	it.each(["", "SSH-2.0-OpenSSH_9.2\r\n"])("that greets with %j does not answer", async (greeting) => {
		expect(await answering(greeting).answers("postfix")).toBe(false);
	});

	it("that greets nowhere here, and any other service, is not asked", async () => {
		const nowhere = answering("", null);
		expect(await nowhere.answers("postfix")).toBe(true);
		const other = answering("");
		expect(await other.answers("exim4")).toBe(true);
		expect([...nowhere.asked, ...other.asked]).toEqual([]);
	});
});
