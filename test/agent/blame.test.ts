import { expect, it } from "vitest";
import { blameOf } from "../../src/agent/blame.ts";
import type { ServerOutcome, ServerReport } from "../../src/ports/propagation.ts";

/** "ns1@192.0.2.1 right, ns2@ timeout" */
function reports(text: string): readonly ServerReport[] {
	return text.split(", ").flatMap((words) => {
		const [who = "", outcome] = words.split(" ");
		const [server = "", address = `at-${server}`] = who.split("@");
		const rest = { address, sentence: words, at: "", serial: null, ttlSeconds: null };
		const report = { server, ...rest, txtRecords: 0, chunks: [], signed: null };
		return outcome === undefined ? [] : [{ ...report, outcome: outcome as ServerOutcome }];
	});
}

it.each([
	["ns1 right, ns2 timeout", ["at-ns2"], false],
	["ns1 right, ns2@192.0.2.9 timeout, ns2@192.0.2.8 timeout", ["192.0.2.8 192.0.2.9"], false],
	["ns1 right, ns2@ unreachable", ["ns2"], false],
	["ns1 right, ns2@192.0.2.9 timeout, ns2@192.0.2.8 right", [], true],
	["ns1 right, ns2@192.0.2.9 absent_name, ns2@192.0.2.8 right", ["192.0.2.9"], false],
	["ns1 right, ns2 refused, ns3 absent_record", ["at-ns3", "at-ns2"], false],
	["ns1 unreachable, ns2 lame", ["at-ns1", "at-ns2"], false],
	["ns1 absent_name", [], true],
	["ns1 absent_name, ns2 servfail", ["at-ns2"], true],
	["ns1 right, ns2 several_records", [], true],
	["ns1 right, ns2 wildcard, ns3 timeout", ["at-ns3"], true],
	["", [], true],
] as const)("of %s: servers %j", (servers, blamed, isRecord) => {
	const blame = blameOf({ servers: reports(servers), resolvers: [] });
	expect(blame.servers.map(({ machine }) => machine)).toEqual(blamed);
	expect(blame.isRecord).toBe(isRecord);
});

it.each(["absent_name", "timeout"])("falls on a resolver beside right servers (%s)", (outcome) => {
	const blame = blameOf({
		servers: reports("ns1 right"),
		resolvers: reports(`google@192.0.2.53 ${outcome}`),
	});
	expect(blame).toMatchObject({ servers: [{ machine: "192.0.2.53" }], isRecord: false });
});
