/** The administrator's programs around a switch, as `hooks` names them: one that may say no, and those told afterwards. */

import type { AlertSink } from "../../src/ports/alert-sink.ts";
import type { PreHook } from "../../src/ports/hook.ts";
import { KeyturnError } from "../../src/errors.ts";

export interface SimHooks {
	/** What the program of `pre` says to whoever asks now. */
	answer: "done" | "failed" | "deferred";
	/** Whether those of `deploy` and `post` fail. */
	isFailing: boolean;
	/** What it last said about each domain. */
	readonly said: Map<string, SimHooks["answer"]>;
	/** When the program of `post` was last told of each domain. */
	readonly toldMs: Map<string, number>;
}

export function createSimHooks(): SimHooks {
	return { answer: "done", isFailing: false, said: new Map(), toldMs: new Map() };
}

export function createSimPreHook(hooks: SimHooks): PreHook {
	return {
		name: "pre 1",
		run: async ({ domains }) => {
			for (const domain of domains) hooks.said.set(domain, hooks.answer);
			return hooks.answer === "done"
				? { kind: "done" }
				: { kind: hooks.answer, reason: `pre 1 ended with ${hooks.answer === "failed" ? 1 : 75}` };
		},
	};
}

export function createSimHookSink(hooks: SimHooks, hook: "deploy" | "post", nowMs: () => number): AlertSink {
	return {
		name: `${hook} 1`,
		hook,
		on: hook === "deploy" ? ["switched"] : [],
		repeatMs: 6 * 3_600_000,
		deliver: async ({ domains }) => {
			if (hooks.isFailing) throw new KeyturnError("hook.failed", `${hook} 1 ended with 1`);
			if (hook === "post") for (const domain of domains) hooks.toldMs.set(domain, nowMs());
		},
	};
}
