/** Whose mail may leave unsigned: domains without a first key yet, and those that an operator wanted so; nobody else's. */

import { isCandidate } from "../../src/rotation/life.ts";
import type { SimDisk } from "../fakes/sim-disk.ts";
import { type MailHost, readTables, type Tables } from "./mail-host.ts";
import type { WishFor } from "./operator.ts";
import { allWants, storedDomain, waitingWishes } from "./stored-domain.ts";

export interface UnsignedDomains {
	/** Whether mail of this domain may leave unsigned now. */
	may(domain: string): boolean;
	/** From the asking on, whatever becomes of the wish. */
	asked(wish: WishFor, nowMs: number): void;
	/** Once a domain is signed and nothing is under way that takes its lines out, it has to stay so. */
	look(host: MailHost, nowMs: number): void;
	all(): readonly string[];
}

/** A wish is written within this time, or whoever left it has died. */
const WRITING_MS = 5 * 60_000;

export function createUnsignedDomains(bare: ReadonlySet<string>): UnsignedDomains {
	const unsigned = new Set(bare);
	const askedMs = new Map<string, number>();
	return {
		may: (domain) => unsigned.has(domain),
		asked: (wish, nowMs) => {
			if (!takesOut(wish)) return;
			for (const domain of wish.domains) {
				unsigned.add(domain);
				askedMs.set(domain, nowMs);
			}
		},
		look: (host, nowMs) => {
			if (unsigned.size === 0) return;
			const waiting = waitingWishes(host.disk).filter(takesOut);
			for (const domain of unsigned) {
				const isWriting = nowMs < (askedMs.get(domain) ?? -Infinity) + WRITING_MS;
				const isAsked = isWriting || waiting.some(({ domains }) => domains.includes(domain));
				if (!isAsked && isSettled(host.disk, domain) && signsEverywhere(host, domain))
					unsigned.delete(domain);
			}
		},
		all: () => [...unsigned],
	};
}

function takesOut(wish: { readonly kind: string; readonly unsigned?: boolean }): boolean {
	return wish.kind === "remove" || (wish.kind === "revoke" && wish.unsigned === true);
}

/** Also over connections that were open before a reload. */
function signsEverywhere({ disk, signer, mailServer }: MailHost, domain: string): boolean {
	if (!signer.running || !mailServer.running || signer.reloadAsked) return false;
	const all: readonly (Tables | null)[] = [
		readTables(disk),
		signer.loaded,
		...signer.old.map((old) => old.loaded),
	];
	return all.every((tables) => tables?.has(domain) === true);
}

/** A key signs, and nothing is under way with it nor wanted of it. */
function isSettled(disk: SimDisk, domain: string): boolean {
	const stored = storedDomain(disk, domain);
	if (stored === null) return false;
	const active = stored.keys.filter((key) => key.state === "active");
	// One that is being switched to may have been meant.
	const meant = stored.keys.filter(
		({ state, owes }) => state === "active" || (isCandidate(state) && owes !== null),
	);
	const isWanted = allWants(stored).some(
		({ remove, add, revoke }) =>
			remove !== null ||
			add !== null ||
			revoke.some((wish) => wish.unsigned && meant.some(({ selector }) => selector === wish.selector)),
	);
	return !isWanted && active.length > 0 && active.every(({ owes }) => owes === null);
}
