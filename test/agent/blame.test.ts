import { expect, it } from "vitest";
import { blameOf } from "../../src/agent/blame.ts";
import type { ServerOutcome, ServerReport } from "../../src/ports/propagation.ts";

/** "ns1 right, ns2 timeout": an address each. */
function reports(text: string): readonly ServerReport[] {
	return text.split(", ").flatMap((words) => {
		const [server = "", outcome] = words.split(" ");
		const rest = { address: "192.0.2.1", sentence: words, at: "", serial: null, ttlSeconds: null };
		const report = { server, ...rest, txtRecords: 0, chunks: [], signed: null };
		return outcome === undefined ? [] : [{ ...report, outcome: outcome as ServerOutcome }];
	});
}

it.each([
	["ns1 right, ns2 timeout", "ns2", false],
	["ns1 right, ns2 timeout, ns2 right", "", true],
	["ns1 right, ns2 absent_name, ns2 right", "ns2", false],
	["ns1 right, ns2 refused, ns3 absent_record, ns3 absent_name", "ns3 ns2", false],
	["ns1 unreachable, ns2 lame", "ns1 ns2", false],
	["ns1 absent_name", "", true],
	["ns1 absent_name, ns2 servfail", "ns2", true],
	["ns1 right, ns2 several_records", "", true],
	["ns1 right, ns2 wildcard, ns3 timeout", "ns3", true],
	["", "", true],
])("of %s: servers %s", (servers, blamed, isRecord) => {
	const blame = blameOf({ servers: reports(servers), resolvers: [] });
	expect(blame).toEqual({ servers: blamed.split(" ").filter((name) => name !== ""), isRecord });
});

it.each(["absent_name", "timeout"])("falls on a resolver beside right servers (%s)", (outcome) => {
	const blame = blameOf({ servers: reports("ns1 right"), resolvers: reports(`192.0.2.53 ${outcome}`) });
	expect(blame).toEqual({ servers: ["192.0.2.53"], isRecord: false });
});
