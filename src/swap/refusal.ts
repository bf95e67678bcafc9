/** How the door says no: without having done anything, but for a switch whose end is not settled. */

import { asKeyturnError } from "../errors.ts";
import type { DoorAnswer, RefusedAnswer } from "../ports/door.ts";

export function refuse(
	why: RefusedAnswer["why"],
	message: string,
	{ domains = [], hint = null }: { readonly domains?: readonly string[]; readonly hint?: string | null } = {},
): RefusedAnswer {
	return { act: "refused", why, domains: [...new Set(domains)], message, hint };
}

/** A refusal that concerns one of several signers: what is asked of the others can go on without it. */
export function ofSigner(
	signer: string,
	all: readonly { readonly signer: string }[],
	answer: RefusedAnswer,
): RefusedAnswer {
	return all.every((one) => one.signer === signer) ? answer : { ...answer, signer };
}

/** Any failure as a refusal: an answer always comes. */
export function refuseFailure(thrown: unknown, domains: readonly string[] = []): RefusedAnswer {
	const error = asKeyturnError(thrown);
	return refuse(whyOf(error.code), error.message, { domains, hint: error.hint });
}

export function isRefused(answer: object): answer is RefusedAnswer {
	return "act" in answer && answer.act === "refused";
}

/** Whether another switch or recovery has the lock. */
export function isBusy(answer: DoorAnswer): boolean {
	return answer.act === "refused" && answer.why === "busy";
}

/** Whether a recovery has to be made again: it failed, or something is still owed. Who has the lock is at work himself. */
export function leavesWork(answer: DoorAnswer): boolean {
	if (answer.act === "refused") return !isBusy(answer);
	return answer.act === "recover" && answer.pending !== undefined;
}

function whyOf(code: string): RefusedAnswer["why"] {
	if (code === "signer.unsafe") return "unsafe";
	return code === "door.protocol" ? "invalid" : "failed";
}
