/** The door's work: one request at a time, and before each what an interrupted switch left is settled. */

import { asKeyturnError } from "../errors.ts";
import type { DoorAnswer, DoorRequest } from "../ports/door.ts";
import type { TakeLock } from "../ports/lock.ts";
import { noSignal, type SwapContext } from "./context.ts";
import { drop } from "./dropping.ts";
import { inspect } from "./inspection.ts";
import { type Settled, settle } from "./recovery.ts";
import { refuse, refuseFailure } from "./refusal.ts";
import { readResult } from "./results.ts";
import { stage } from "./staging.ts";
import { commit } from "./transaction.ts";

const LOCK_WAIT_MS = 30_000;

export interface SwapOptions extends SwapContext {
	/** One door at a time acts on this host. */
	readonly takeLock: TakeLock;
}

export interface Swap {
	/** Never fails: whatever goes wrong is a refusal. */
	handle(request: DoorRequest): Promise<DoorAnswer>;
}

export function createSwap(options: SwapOptions): Swap {
	return {
		async handle(request) {
			try {
				return await answerAlone(options, request);
			} catch (error) {
				options.log.error("the door could not answer", { error: asKeyturnError(error).message });
				return refuseFailure(error);
			}
		},
	};
}

async function answerAlone(options: SwapOptions, request: DoorRequest): Promise<DoorAnswer> {
	await options.disk.makeDirectory(options.directory, 0o700);
	const lock = await options.takeLock(`${options.directory}/lock`, LOCK_WAIT_MS, noSignal());
	if (lock === "held")
		return refuse("busy", "another switch or recovery is under way", { hint: "ask again in a minute" });
	try {
		return await answer(options, request);
	} finally {
		await lock.release();
	}
}

async function answer(context: SwapContext, request: DoorRequest): Promise<DoorAnswer> {
	const filesOnly = request.act === "recover" && request.filesOnly;
	const settled = await settle(context, { filesOnly });
	const pending = settled.pending === null ? {} : { pending: settled.pending };
	if (request.act === "recover")
		return { act: "recover", results: settled.results, did: settled.did, ...pending };
	if (request.act === "inspect") return { ...(await inspect(context, request)), ...pending };
	return act(context, request, settled);
}

async function act(
	context: SwapContext,
	request: Extract<DoorRequest, { readonly act: "stage" | "commit" | "drop" }>,
	{ pending }: Settled,
): Promise<DoorAnswer> {
	if (request.act !== "drop") {
		const result = await readResult(context, request.id);
		if (result !== null) return { act: "commit", result };
	}
	if (pending !== null) return refuse("not_now", pending.reason, { hint: pending.hint });
	if (request.act === "stage") return stage(context, request.id, request.changes);
	if (request.act === "commit") return commit(context, request);
	return drop(context, request);
}
