import { expect, test } from "vitest";
import type { SignatureVerdict } from "../../src/ports/mail-verifier.ts";
import type { SignerProbeRequest } from "../../src/signers/probe-protocol.ts";
import { answerProbe } from "../../src/signers/socket-probe.ts";
import { createFilterSockets, type FilterScript, insertHeader, packet } from "../fakes/milter-filter.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";

const expectation = {
	domain: "example.com",
	selector: "202611",
	record: "v=DKIM1;k=rsa;p=AA==",
	sender: "a@example.com",
	unsigned: { means: "failed" },
} as const;
const request: SignerProbeRequest = {
	kind: "milter",
	socket: { kind: "unix", path: "/s" },
	expectations: [expectation],
	timeoutMs: 1000,
	settleMs: 0,
};
const signing: FilterScript = {
	answers: { E: [insertHeader(0, "DKIM-Signature", "v=1;\n\tb=x"), packet("c")] },
};
const pass: SignatureVerdict = { domain: "example.com", selector: "202611", outcome: "pass", reason: null };

/** `verdicts` is what the verifier says to whatever it is given. */
async function probe(
	script: (connection: number) => FilterScript,
	verdicts: readonly SignatureVerdict[],
	asked: Partial<SignerProbeRequest> = {},
) {
	const sockets = createFilterSockets(script);
	const clock = createSleepingClock();
	const given: string[] = [];
	const verifier = {
		verify: async (message: string) => {
			given.push(message);
			return verdicts;
		},
	};
	const { signal } = new AbortController();
	const answer = await answerProbe({ sockets, verifier, clock }, { ...request, ...asked }, signal);
	return { answer, given, passedMs: clock.uptimeMs(), open: sockets.open() };
}

test("signed: the fields on top of the very message that was given, with CRLF", async () => {
	const { answer, given, open } = await probe(() => signing, [pass]);
	expect(answer).toEqual({
		isUp: true,
		reason: null,
		verdicts: [{ domain: "example.com", selector: "202611", outcome: "signed", reason: null }],
	});
	expect(given[0]?.startsWith("DKIM-Signature: v=1;\r\n\tb=x\r\nFrom: <a@example.com>\r\n")).toBe(true);
	expect(given[0]?.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
	expect(open).toBe(0);
});

test.each<readonly [string, readonly SignatureVerdict[], string, string]>([
	["another selector", [{ ...pass, selector: "202610" }], "failed", "signed with 202610 of example.com"],
	["another domain", [{ ...pass, domain: "example.org" }], "failed", "signed with 202611 of example.org"],
	["a bad signature", [{ ...pass, outcome: "fail", reason: "bad" }], "failed", "bad"],
	["what cannot be told", [{ ...pass, outcome: "unknown", reason: "why" }], "unproven", "why"],
])("%s", async (_, verdicts, outcome, reason) => {
	const { answer } = await probe(() => signing, verdicts);
	expect(answer.verdicts).toMatchObject([{ outcome }]);
	expect(answer.verdicts[0]?.reason).toContain(reason);
});

test("a selector in capitals has its record at the name in lower case", async () => {
	const verifier = {
		verify: async (_: string, lookup: (name: string) => Promise<readonly string[] | null>) => {
			const values = await lookup("mail._domainkey.example.com");
			return [
				{ ...pass, selector: "Mail", outcome: values?.length === 1 ? ("pass" as const) : ("fail" as const) },
			];
		},
	};
	const tools = { sockets: createFilterSockets(() => signing), verifier, clock: createSleepingClock() };
	const asked = { ...request, expectations: [{ ...expectation, selector: "Mail" }] };
	const answer = await answerProbe(tools, asked, new AbortController().signal);
	expect(answer.verdicts).toMatchObject([{ outcome: "signed" }]);
});

test("a signature by another name is held against no record of ours", async () => {
	const found = new Map<string, readonly string[] | null>();
	const verifier = {
		verify: async (_: string, lookup: (name: string) => Promise<readonly string[] | null>) => {
			for (const name of ["202611._domainkey.example.com", "202610._domainkey.example.com"])
				found.set(name, await lookup(name));
			return [pass];
		},
	};
	const tools = { sockets: createFilterSockets(() => signing), verifier, clock: createSleepingClock() };
	await answerProbe(tools, request, new AbortController().signal);
	expect([...found]).toEqual([
		["202611._domainkey.example.com", [expectation.record]],
		["202610._domainkey.example.com", []],
	]);
});

test("messages that are there are judged each by itself, and by what stands in its head", async () => {
	const domains = ["a.example", "b.example", "c.example", "d.example"];
	const signed = (domain: string) => `DKIM-Signature: d=${domain}\r\nFrom: <a@${domain}>\r\n\r\nhi\r\n`;
	const answer = await answerProbe(
		{
			sockets: createFilterSockets(() => ({})),
			verifier: {
				verify: async (message) => [{ ...pass, domain: /d=(\S+)/.exec(message)?.[1] ?? "" }],
			},
			clock: createSleepingClock(),
		},
		{
			kind: "messages",
			expectations: domains.map((domain) => ({ ...expectation, domain })),
			messages: [
				signed("a.example"),
				signed("other.example"),
				"From: <a@c.example>\r\n\r\nDKIM-Signature: d=c.example\r\n",
			],
			timeoutMs: 1000,
		},
		new AbortController().signal,
	);
	const unsigned = "the message came back unsigned";
	expect(answer.verdicts.map(({ domain, outcome, reason }) => [domain, outcome, reason])).toEqual([
		["a.example", "signed", null],
		["b.example", "failed", "signed with 202611 of other.example, expected 202611"],
		["c.example", "failed", unsigned],
		["d.example", "failed", unsigned],
	]);
});

test("a second signature by another key does no harm", async () => {
	const { answer } = await probe(() => signing, [{ ...pass, selector: "news", outcome: "fail" }, pass]);
	expect(answer.verdicts).toMatchObject([{ outcome: "signed" }]);
});

test("unsigned means what the request says", async () => {
	expect((await probe(() => ({}), [])).answer.verdicts).toMatchObject([
		{ outcome: "failed", reason: "the message came back unsigned" },
	]);
	const unsigned = { means: "unproven", why: "of the hosts" } as const;
	const { answer } = await probe(() => ({}), [], { expectations: [{ ...expectation, unsigned }] });
	expect(answer.verdicts).toMatchObject([
		{ outcome: "unproven", reason: "the message came back unsigned: of the hosts" },
	]);
});

test("a key that was taken out may not sign, another one may", async () => {
	const gone = { ...expectation, record: null, unsigned: { means: "unsigned" } } as const;
	const verdictOf = async (script: FilterScript, verdicts: readonly SignatureVerdict[]) =>
		(await probe(() => script, verdicts, { expectations: [gone] })).answer.verdicts[0];
	expect(await verdictOf({}, [])).toMatchObject({ outcome: "unsigned", reason: null });
	expect(await verdictOf(signing, [{ ...pass, selector: "news" }])).toMatchObject({ outcome: "unsigned" });
	expect(await verdictOf(signing, [{ ...pass, domain: "example.org" }])).toMatchObject({
		outcome: "unsigned",
	});
	expect(await verdictOf(signing, [{ ...pass, outcome: "fail", reason: "no record" }])).toMatchObject({
		outcome: "failed",
		reason: "still signed with 202611",
	});
	const deferring = { answers: { C: [packet("t")] } };
	expect(await verdictOf(deferring, [])).toMatchObject({ outcome: "failed" });
});

test("what fails is asked again until it settles, and no longer", async () => {
	const late = (connection: number) => (connection < 4 ? {} : signing);
	expect((await probe(late, [pass], { settleMs: 1000 })).answer.verdicts).toMatchObject([
		{ outcome: "signed" },
	]);
	const never = await probe(() => ({}), [pass], { settleMs: 1000 });
	expect(never.answer.verdicts).toMatchObject([{ outcome: "failed" }]);
	expect(never.passedMs).toBe(1000);
	const passedOver: FilterScript = { answers: { C: [packet("a")] } };
	const unproven = await probe((connection) => (connection === 0 ? {} : passedOver), [], { settleMs: 1000 });
	expect(unproven).toMatchObject({ answer: { verdicts: [{ outcome: "unproven" }] }, passedMs: 0 });
});

test("waits for the handshake, and says why there was none", async () => {
	const dead: FilterScript = { answers: { O: [] } };
	const slow = await probe((connection) => (connection < 5 ? dead : signing), [pass]);
	expect(slow.answer).toMatchObject({ isUp: true, verdicts: [{ outcome: "signed" }] });
	const { answer, passedMs, open } = await probe(() => dead, [pass]);
	expect(answer.isUp).toBe(false);
	expect(answer.reason).toContain("nothing more to say");
	expect(answer.verdicts).toEqual([]);
	expect(passedMs).toBe(900);
	expect(open).toBe(0);
});

test("a filter that dies amid one message fails that one", async () => {
	const { answer } = await probe(
		(connection) => (connection === 1 ? { answers: { N: [] } } : signing),
		[pass],
	);
	expect(answer).toMatchObject({ isUp: true, verdicts: [{ outcome: "failed" }] });
});

test("verdicts come in the order asked, however many", async () => {
	const selectors = Array.from({ length: 40 }, (_, index) => `s${index}`);
	const { answer } = await probe(
		() => signing,
		selectors.map((selector) => ({ ...pass, selector })),
		{ expectations: selectors.map((selector) => ({ ...expectation, selector })) },
	);
	expect(answer.verdicts.map((verdict) => verdict.selector)).toEqual(selectors);
	expect(answer.verdicts.every((verdict) => verdict.outcome === "signed")).toBe(true);
});

test("a mail server answers once its banner says 220", async () => {
	const clock = createSleepingClock();
	const verifier = { verify: async () => [] };
	const { signal } = new AbortController();
	const ask = (banner: string) => {
		const sockets = createFilterSockets(() => ({ greeting: Buffer.from(banner) }));
		const smtp = { kind: "smtp", socket: request.socket, timeoutMs: 500 } as const;
		return answerProbe({ sockets, verifier, clock }, smtp, signal);
	};
	expect(await ask("220 mail.example.com ESMTP\r\n")).toEqual({ isUp: true, reason: null, verdicts: [] });
	expect(await ask("421 too busy\r\n")).toMatchObject({
		isUp: false,
		reason: "expected a banner with 220, got 421 too busy",
	});
});
