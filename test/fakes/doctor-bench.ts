/** `keyturn doctor` over the agent's world: a resolver that knows the records given, and a door that tells all is wired. */

import type { Examiner } from "../../src/cli/workbench.ts";
import type { Examined } from "../../src/ports/door.ts";
import type { Answer, Question, Resolver, ResourceRecord } from "../../src/ports/resolver.ts";
import { createMailPolicies } from "../../src/system/mail-policies.ts";
import type { AgentWorld } from "./agent-world.ts";
import { type CommandBench, commandBench } from "./command-bench.ts";
import { doorTold } from "./doctor-facts.ts";

/** By `TYPE name`. */
export type Records = Readonly<Record<string, readonly string[]>>;

export const GOOD_MAIL: Records = {
	"TXT example.com": ["v=spf1 ip4:198.51.100.7 -all"],
	"TXT _dmarc.example.com": ["v=DMARC1; p=reject"],
};

export function doctorBench(
	world: AgentWorld,
	given: {
		readonly records?: Records;
		readonly examined?: Examined;
		readonly examiner?: Partial<Examiner>;
		readonly isLive?: boolean;
	} = {},
): CommandBench {
	const told = doorTold();
	const examined = given.examined ?? (told.kind === "told" ? told.answer.examined : null);
	const bench = commandBench(world, {
		isLive: given.isLive ?? false,
		changes: {
			daemonAlive: async () => Promise.resolve(true),
			door: {
				request: async (request, signal) => {
					const answer = await world.ports.door.request(request, signal);
					return answer.act === "inspect" && examined !== null ? { ...answer, examined } : answer;
				},
			},
			examiner: async () =>
				Promise.resolve({
					resolver: resolverOf(given.records ?? GOOD_MAIL),
					providers: world.ports.providers,
					policies: createMailPolicies(),
					timeSource: async () => Promise.resolve("synchronised" as const),
					disk: {
						stat: nothing,
						lstat: nothing,
						read: nothing,
						list: nothing,
					},
					addresses: ["198.51.100.7"],
					unmade: null,
					unheard: null,
					...given.examiner,
				}),
		},
	});
	const settings = { ...bench.workbench.settings, alerts: [ALERT] };
	Object.assign(bench.workbench, { settings });
	return bench;
}

const nothing = async (): Promise<null> => Promise.resolve(null);
const ALERT = { type: "command", on: null, repeatMs: 0, settings: {} };

export function resolverOf(records: Records): Resolver {
	return {
		systemResolvers: async () => Promise.resolve([{ address: "127.0.0.1", port: 53 }]),
		ask: async (_, question) => Promise.resolve(answerTo(question, records)),
	};
}

function answerTo({ name, type }: Question, records: Records): Answer {
	const values = records[`${type} ${name}`] ?? [];
	return {
		kind: "message",
		rcode: values.length === 0 ? "NXDOMAIN" : "NOERROR",
		authoritative: false,
		authenticated: false,
		answers: values.map(
			(value): ResourceRecord => ({ name, type, ttlSeconds: 60, data: dataOf(type, value) }),
		),
		authority: [],
		additional: [],
		transport: "udp",
	};
}

function dataOf(type: string, value: string): ResourceRecord["data"] {
	if (type === "A" || type === "AAAA") return { kind: "address", address: value };
	if (type === "MX") return { kind: "mail_exchange", target: value, preference: 10 };
	return { kind: "txt", strings: [Buffer.from(value)] };
}
