/** Whose mail may leave unsigned: domains without a first key yet, and those that an operator had removed; nobody else's. */

import type { WishFor } from "./operator.ts";
import { type MailHost, readTables, type Tables } from "./mail-host.ts";

export interface UnsignedDomains {
	/** Whether mail of this domain may leave unsigned now. */
	may(domain: string): boolean;
	/** From the asking on, whatever becomes of the wish. */
	asked(wish: WishFor, nowMs: number): void;
	/** Once a domain is signed and nothing is under way that takes its lines out, it has to stay so. */
	look(host: MailHost, nowMs: number, stateOf: (domain: string) => string | null): void;
	all(): readonly string[];
}

const HOUR_MS = 3_600_000;

export function createUnsignedDomains(bare: ReadonlySet<string>): UnsignedDomains {
	const unsigned = new Set(bare);
	/** Until when a wish to remove them may be on its way to the agent. */
	const underWay = new Map<string, number>();
	return {
		may: (domain) => unsigned.has(domain),
		asked: ({ kind, domains }, nowMs) => {
			for (const domain of domains) {
				if (kind === "remove") unsigned.add(domain);
				if (kind === "remove") underWay.set(domain, Infinity);
				if (kind === "add" && underWay.has(domain)) underWay.set(domain, nowMs + HOUR_MS);
			}
		},
		look: (host, nowMs, stateOf) => {
			for (const domain of unsigned) {
				const wants = wantsOf(stateOf(domain));
				if (wants === "out") underWay.delete(domain);
				const isAsked = nowMs < (underWay.get(domain) ?? 0);
				if (wants === "nothing" && !isAsked && signsEverywhere(host, domain)) unsigned.delete(domain);
			}
		},
		all: () => [...unsigned],
	};
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

/** "in" while its first key is on the way, "out" while it is leaving; "nothing": a key signs and nothing is under way with it. */
function wantsOf(state: string | null): "in" | "out" | "nothing" {
	if (state === null) return "in";
	const { wants, keys } = JSON.parse(state) as {
		wants: { add?: unknown; remove?: unknown };
		keys: { state: string; owes: unknown }[];
	};
	if (wants.remove != null) return "out";
	const active = keys.find((key) => key.state === "active");
	return wants.add == null && active?.owes === null ? "nothing" : "in";
}
