/** What a command works with, over the agent's world: a clock that passes while it is slept, and a terminal that keeps all. */

import type { CommandContext, Workbench } from "../../src/cli/workbench.ts";
import type { AnswerFor } from "../../src/ports/local-server.ts";
import { createMeters } from "../../src/report/meters.ts";
import type { AgentWorld } from "./agent-world.ts";
import { FakeTerminal } from "./fake-terminal.ts";
import { policyOf } from "./policies.ts";

export interface CommandBench {
	readonly context: CommandContext;
	readonly terminal: FakeTerminal;
	readonly workbench: Workbench;
	/** The files that others read, by path. */
	readonly shared: Map<string, string>;
	/** What is served on this host; null while nothing is. */
	readonly served: { answerFor: AnswerFor | null };
}

export function commandBench(
	world: AgentWorld,
	given: {
		readonly isLive?: boolean;
		readonly isShown?: boolean;
		readonly rows?: number;
		readonly changes?: Partial<Workbench>;
	} = {},
): CommandBench {
	const shared = new Map<string, string>();
	const served: CommandBench["served"] = { answerFor: null };
	const { isLive = false, isShown = isLive, rows = 24 } = given;
	const terminal = new FakeTerminal({ isLive, isShown, rows });
	const { store, door, propagation, random, log } = world.ports;
	const [first] = world.policies;
	const services = { manager: "command" as const, stop: ["mail", "signer"], start: ["signer", "mail"] };
	const clock = {
		...world.clock,
		sleep: async (ms: number) => Promise.resolve(world.pass(ms)),
	};
	const workbench: Workbench = {
		settings: {
			path: "/etc/keyturn/keyturn.yaml",
			state: "/state",
			host: "mx1",
			timezone: "UTC",
			wake: [],
			policies: world.policies,
			verify: policyOf().verify,
			signers: [
				{
					name: first?.signer ?? "main",
					type: "opendkim",
					swap: first?.swap ?? "restart",
					probe: true,
					services: { ...services, holdMs: 0, commands: {} },
					settings: { keys: "/keys" },
				},
			],
			providers: [],
			alerts: [],
			hooks: { pre: [], deploy: [], post: [], timeoutMs: 60_000 },
			metrics: { textfile: null, listen: null },
			pagePath: null,
		},
		agent: async () => Promise.resolve(world.agent),
		sinks: async () => Promise.resolve(world.ports.sinks),
		store,
		door,
		propagation,
		clock,
		random,
		log: async () => Promise.resolve(log),
		examiner: async () => Promise.reject(new Error("nothing is examined here")),
		daemonAlive: async () => Promise.resolve(false),
		daemonStart: async () => Promise.resolve("systemctl start keyturn"),
		becomeDaemon: async () => Promise.resolve("ours"),
		wakeOnSchedule: () => undefined,
		reload: async () => Promise.resolve({ fault: "nothing to read" }),
		notify: async () => Promise.resolve(),
		watchdog: {
			patienceMs: null,
			silentMs: () => 0,
			endedAt: async () => Promise.resolve(null),
			forget: async () => Promise.resolve(),
		},
		replaceShared: async (path, text) => Promise.resolve(void shared.set(path, text)),
		serveLocally: (answerFor) => ({
			listen: async (endpoint) => {
				served.answerFor = endpoint === null ? null : answerFor;
				return Promise.resolve();
			},
		}),
		meters: async () => Promise.resolve(createMeters(clock)),
		versions: { keyturn: "0.1.0", node: "20.19.0" },
		...given.changes,
	};
	const context: CommandContext = {
		terminal,
		signal: new AbortController().signal,
		addDomain: async () => Promise.resolve({ settings: workbench.settings, line: null }),
		open: async () => Promise.resolve(workbench),
		surroundings: async () => Promise.reject(new Error("nothing is looked at here")),
		onReload: () => undefined,
	};
	return { context, terminal, workbench, shared, served };
}
