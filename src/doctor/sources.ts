/** What is asked for the facts, and what is known before anything is asked. */

import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { DnsProvider } from "../ports/dns-provider.ts";
import type { Door } from "../ports/door.ts";
import type { MailPolicies } from "../ports/mail-policies.ts";
import type { Propagation } from "../ports/propagation.ts";
import type { Random } from "../ports/random.ts";
import type { Resolver } from "../ports/resolver.ts";
import type { TimeSource } from "../ports/time-source.ts";
import type { DomainState } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import type { Settings } from "../settings/settings.ts";
import type { AgentFacts, Unmade } from "./facts.ts";

export type Writer = Pick<DnsProvider, "name" | "findZone" | "list">;

export interface DoctorPorts {
	readonly door: Door;
	readonly propagation: Propagation;
	readonly resolver: Resolver;
	/**
	 * Who writes a domain's record, at the owner to which its name leads. Fails with `provider.zone` or `provider.ambiguous`
	 * where an alias leads to nobody, or to several; not asked where none could be made (`unmade`).
	 */
	readonly writersOf: (
		policy: Policy,
		record: { readonly name: string; readonly owner: string },
		signal: AbortSignal,
	) => Promise<readonly Writer[]>;
	readonly policies: MailPolicies;
	readonly timeSource: TimeSource;
	readonly disk: Pick<Disk, "stat" | "lstat" | "read" | "list">;
	readonly clock: Clock;
	readonly random: Random;
}

export interface Known {
	readonly settings: Settings;
	readonly agent: AgentFacts;
	/** The public addresses of this host. */
	readonly addresses: readonly string[];
	readonly domains: readonly {
		readonly policy: Policy;
		readonly state: DomainState | null;
		readonly damaged: string | null;
		/** Such a state stays as it is, and nothing is done with the domain; absent where the next tick begins anew. */
		readonly isLeft?: true;
		/** What to do about one that is left and that no other keyturn wrote; null where trying again is all. */
		readonly remedy?: string | null;
		readonly obstacles: readonly string[];
	}[];
	/** Why no provider could be made; null if they were. */
	readonly unmade: Unmade | null;
	/** Why the ways of telling could not be made; null if they were. */
	readonly unheard: Unmade | null;
}

export interface Asking {
	readonly ports: DoctorPorts;
	readonly signal: AbortSignal;
}
