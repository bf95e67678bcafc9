import { expect, test } from "vitest";
import { parseProbeAnswer, parseProbeRequest, type ProbeRequest } from "../../src/signers/probe-protocol.ts";

const request: ProbeRequest = {
	kind: "milter",
	socket: { kind: "inet", host: "127.0.0.1", port: 8891 },
	expectations: [
		{
			domain: "example.com",
			selector: "202611",
			record: "v=DKIM1;k=rsa;p=AA==",
			sender: "a@example.com",
			unsigned: { means: "unproven", why: "because" },
		},
	],
	timeoutMs: 1000,
	settleMs: 0,
};

test("a request comes through as it was", () => {
	expect(parseProbeRequest(JSON.stringify(request))).toEqual(request);
	const banner: ProbeRequest = { kind: "smtp", socket: { kind: "unix", path: "/s" }, timeoutMs: 5 };
	expect(parseProbeRequest(JSON.stringify(banner))).toEqual(banner);
	const everywhere = { kind: "inet", host: "127.0.0.1", port: 8891, isOnEveryAddress: true } as const;
	const probe: ProbeRequest = { ...request, socket: everywhere };
	expect(parseProbeRequest(JSON.stringify(probe))).toEqual(probe);
	const socket = { kind: "inet", host: "mx", port: 25, addresses: ["10.99.0.1"] } as const;
	expect(parseProbeRequest(JSON.stringify({ ...banner, socket }))).toEqual({ ...banner, socket });
});

test.each([
	["no JSON", "{", "expected JSON"],
	["another kind", '{"kind":"http"}', "kind"],
	["a key too many", JSON.stringify({ ...request, extra: 1 }), "extra"],
	[
		"a port that is none",
		JSON.stringify({ ...request, socket: { kind: "inet", host: "x", port: 0 } }),
		"port",
	],
	["no time", JSON.stringify({ ...request, timeoutMs: 0 }), "timeoutMs"],
])("refuses a request with %s", (_, text, why) => {
	expect(() => parseProbeRequest(text)).toThrow(why);
});

test("an answer is read as strictly", () => {
	const answer = { isUp: false, reason: "refused", verdicts: [] };
	expect(parseProbeAnswer(JSON.stringify(answer))).toEqual(answer);
	expect(() => parseProbeAnswer(JSON.stringify({ ...answer, verdicts: [{ domain: "x" }] }))).toThrow(
		"verdicts.0",
	);
	expect(() => parseProbeAnswer("")).toThrow("probe answer");
});
