/** Takes over how a switch ended: the new key signs, or the next attempt has its moment. */

import { KeyturnError } from "../errors.ts";
import type { SwitchResult } from "../ports/door.ts";
import { type DomainState, editKey, type KeyEntry, type KeyUse, keyOf } from "../rotation/domain-state.ts";
import { usedUntilNow } from "../rotation/signing.ts";
import type { Step } from "../rotation/step.ts";
import { withoutRollback } from "../rotation/wishes.ts";
import { signsSince } from "./adopt.ts";
import { CAUSES } from "./causes.ts";
import { meanwhile } from "./meanwhile.ts";
import type { Doc, Run } from "./run.ts";
import { swapFailed } from "./swap-failed.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** What the door's result means for one key. */
export async function takeResult(
	run: Run,
	doc: Doc,
	step: Step,
	selector: string,
	result: SwitchResult,
): Promise<void> {
	const { domain, signer } = doc.policy;
	const own = result.keys.find((key) => key.domain === domain && key.selector === selector);
	const at = doneAt(result, keyOf(doc.state, selector), run.now());
	// One signer's conflict does not undo what another's switch did.
	if (own?.outcome === "done") {
		await run.tell("switched", {
			severity: "info",
			domains: [domain],
			selector,
			summary: `${domain}: mail is signed with ${selector} since ${at.toISOString()}`,
			detail: switchedDetail(result, own.reason),
			hint: null,
		});
		// Before it is saved, as with `tell`: until the next switch, a month later, nothing else would end it.
		await run.end(CAUSES.swap(signer), domain);
		await run.save(doc, signsSince(doc.state, selector, at, result.oldProcessGone, doc.policy));
		await run.ports.keys.remove(domain, selector);
		run.done(doc, step);
		return;
	}
	const reason = own?.reason ?? result.reason;
	await putOff(run, doc, step, selector, { ...result, at: at.toISOString(), reason });
}

/** When the door did it: not before it was asked, whatever a clock said that went back meanwhile and is right again. */
export function doneAt({ at }: SwitchResult, key: KeyEntry | null, now: Date): Date {
	const done = new Date(at);
	const asked = new Date(key?.owes?.askedAt ?? at);
	return done < asked && asked <= now ? asked : done;
}

/** A key may be in use and yet not proven, where the signer does not sign for loopback. */
function switchedDetail({ pauseMs }: SwitchResult, reason: string | null): string | null {
	const pause = pauseMs === null ? [] : [`services were stopped for ${pauseMs} ms`];
	return [...pause, ...(reason === null ? [] : [reason])].join("\n") || null;
}

/** After an automatic rollback the next attempt waits a day, doubling: the next tick must not stop the mail server again. */
async function putOff(run: Run, doc: Doc, step: Step, selector: string, result: SwitchResult): Promise<void> {
	const { domain } = doc.policy;
	const tries = (keyOf(doc.state, selector)?.owes?.tries ?? 0) + 1;
	const rolledBack = result.outcome === "rolled_back" || result.outcome === "done";
	const waitMs = rolledBack
		? DAY_MS * 2 ** Math.min(tries - 1, 5)
		: 10 * MINUTE_MS * 2 ** Math.min(tries - 1, 6);
	const notBefore = new Date(run.now().getTime() + waitMs).toISOString();
	const wasLive = rolledBack || result.outcome === "conflict";
	const outcome = rolledBack
		? "was rolled back"
		: result.outcome === "undone"
			? "was undone"
			: "met a changed table";
	const error = new KeyturnError(
		"door.refused",
		`${domain}: the switch to ${selector} ${outcome}: ${result.reason ?? "no reason given"}`,
		{
			hint: `${meanwhile(doc.state)}; the next attempt is not before ${notBefore}, or at once with: keyturn rotate --now ${domain}`,
		},
	);
	if (rolledBack)
		await run.tell("rolled_back", {
			severity: "warning",
			domains: [domain],
			selector,
			summary: error.message,
			detail: result.reason,
			hint: error.hint,
		});
	await swapFailed(run, doc, selector, error);
	const isInUse = keyOf(doc.state, selector)?.state === "active";
	const put = editKey(doc.state, selector, (one) => ({
		...one,
		owes: { act: "switch", id: null, askedAt: run.now().toISOString(), tries, notBefore },
		uses: wasLive && !isInUse ? [...one.uses, shortUse(doc, result)] : one.uses,
		reason: error.message,
	}));
	await run.save(
		doc,
		result.outcome === "undone" || isInUse ? put : wishGivenUp(put, selector, run.now(), error.message),
	);
	doc.error = error;
	run.delay(doc, step, new Date(run.now().getTime() + MINUTE_MS), error.message);
}

/** What was asked for once is not tried again without being asked, but for a compromised key: that has to go. */
function wishGivenUp(state: DomainState, selector: string, now: Date, reason: string): DomainState {
	if (state.wants.rollback?.selector === selector) return withoutRollback(state, now, reason);
	const isCompromised = state.wants.revoke.some((wish) => keyOf(state, wish.selector)?.state === "active");
	return isCompromised ? state : { ...state, wants: { ...state.wants, rotate: null } };
}

/** A key that stood in a live table may have signed: its record is kept for as long as that of a key in use. */
function shortUse({ policy }: Doc, { at, oldProcessGone }: SwitchResult): KeyUse {
	const use = { host: policy.host, signer: policy.signer, firstAt: at };
	return oldProcessGone
		? { ...use, lastAt: at, lastAtLatest: null }
		: { ...use, ...usedUntilNow(new Date(at)) };
}
