/** All that the checks judge: gathered once, by reading and asking alone, and passed to each of them whole. */

import type { Examined, InspectAnswer, InspectedLine } from "../ports/door.ts";
import type { DmarcVerdict, SpfVerdict } from "../ports/mail-policies.ts";
import type { LookReport } from "../ports/propagation.ts";
import type { DomainState } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import type { Settings } from "../settings/settings.ts";
import type { Severity } from "./finding.ts";

export interface Facts {
	readonly now: Date;
	readonly settings: Settings;
	readonly agent: AgentFacts;
	readonly door: DoorFacts;
	/** Why no zone can be written, as configured; null where all providers could be made. */
	readonly unmade: Unmade | null;
	/** Why nobody can be told of trouble, as configured; null where all ways of telling could be made. */
	readonly unheard: Unmade | null;
	/** Files that keyturn.yaml names as secrets, of those that are there. */
	readonly secrets: readonly SecretFile[];
	/**
	 * Whether `keyturn-recover.service` is run at boot; absent where the units are not installed, or it is not systemd that
	 * starts this host.
	 */
	readonly recovery: "enabled" | "off" | "absent";
	/** Directories that have to have something in them for it to be run; null where that cannot be told. */
	readonly recoveryConditions: readonly string[] | null;
	/** Where the unit of the door may write; null where the door is no unit, or that cannot be told. */
	readonly doorWrites: readonly string[] | null;
	/** Whether a time source sets the clock; unknown where nothing says so. */
	readonly clock: "synchronised" | "unsynchronised" | "unknown";
	readonly domains: readonly DomainFacts[];
}

/** Why what keyturn.yaml names could not be made of it. */
export interface Unmade {
	readonly code: string;
	readonly why: string;
	readonly hint: string | null;
}

/** What the agent remembers and does. */
export interface AgentFacts {
	readonly isDaemonAlive: boolean;
	/** When a tick last saw the clock; null if none ever did. */
	readonly lastTickAt: Date | null;
	readonly troubles: readonly {
		readonly event: string;
		readonly severity: Severity;
		readonly summary: string;
		readonly hint: string | null;
		readonly domains: readonly string[];
	}[];
	/** Alerts that could not be delivered yet. */
	readonly undelivered: number;
	readonly forgotten: readonly ForgottenDomain[];
}

/** One whose keys the agent remembers, and that keyturn.yaml names no more: no tick looks at it again. */
export interface ForgottenDomain {
	readonly domain: string;
	/** Of keys that it made, which do not sign any more, or not yet, and whose records it would have taken away. */
	readonly selectors: readonly string[];
}

export type DoorFacts =
	| { readonly kind: "told"; readonly answer: InspectAnswer & { readonly examined: Examined } }
	/** It did not answer, or refused; busy where it has a switch under way. */
	| { readonly kind: "silent"; readonly why: string; readonly hint: string | null; readonly isBusy?: true };

export interface SecretFile {
	readonly path: string;
	readonly mode: number;
}

export interface DomainFacts {
	readonly policy: Policy;
	/** Null if there is none yet, or it cannot be read. */
	readonly state: DomainState | null;
	/** Why its state cannot be read. */
	readonly damaged: string | null;
	/** Such a state stays as it is, and nothing is done with the domain; absent where the next tick begins anew. */
	readonly isLeft?: true;
	/** What to do about one that is left and that no other keyturn wrote; null where trying again is all. */
	readonly remedy?: string | null;
	/** One for each line that signs for the domain. */
	readonly keys: readonly KeyFacts[];
	/** How long an absence in its zone may be remembered; null if that is not known. */
	readonly negativeTtlSeconds: number | null;
	/** The same of what a wildcard answers; null where none does. */
	readonly wildcardTtlSeconds: number | null;
	readonly providers: readonly ProviderFacts[];
	/** Why its next record would not be published, a sentence each. */
	readonly obstacles: readonly string[];
	/** Key records that stand although nobody uses them. */
	readonly leftRecords: readonly LeftRecord[];
	readonly mail: MailFacts;
}

export interface KeyFacts {
	/** Whose line it is. */
	readonly signer: string;
	readonly line: InspectedLine;
	readonly algorithm: "rsa" | "ed25519" | null;
	/** Of an RSA key. */
	readonly bits: number | null;
	/** Null where the key file cannot be read, so that there is nothing to compare with. */
	readonly look: LookReport | null;
	/** The text of its record as a resolver gave it; null if there is none, or several. */
	readonly record: string | null;
	/** Why the running signer does not sign with it; null if it does, or that cannot be told. */
	readonly unsigned: string | null;
}

export type ProviderFacts = { readonly name: string } & (
	| {
			readonly kind: "zone";
			readonly zone: string;
			/** What it holds at the name of the first of the keys in use; null where none is, or it was not asked. */
			readonly values: readonly string[] | null;
	  }
	| { readonly kind: "none"; readonly why: string; readonly hint?: string }
	| { readonly kind: "ambiguous"; readonly zones: readonly string[] }
	| {
			readonly kind: "failed";
			readonly code: string;
			readonly why: string;
			readonly hint: string | null;
	  }
);

export interface LeftRecord {
	readonly selector: string;
	readonly name: string;
	readonly value: string;
	/** Whether keyturn retired it. */
	readonly isOurs: boolean;
	/** Whether keyturn found it in use once, so that it can retire it. */
	readonly isAdopted: boolean;
}

/** The texts at a name; unknown if no resolver said. */
export type Texts =
	| { readonly kind: "texts"; readonly values: readonly string[] }
	| { readonly kind: "unknown"; readonly why: string };

export interface MailFacts {
	/** TXT at the domain. */
	readonly texts: Texts;
	/** As a receiver judges mail from each public address of this host; from a foreign one where it has none. */
	readonly spf: readonly SpfFacts[];
	/** Records of SPF's own type, which is gone (RFC 7208 section 3.1). */
	readonly spfType: Texts;
	/** TXT at `_dmarc`, of the domain itself. */
	readonly dmarcTexts: Texts;
	readonly dmarc: DmarcVerdict;
	/** TXT at `_adsp._domainkey`. */
	readonly adsp: Texts;
}

export interface SpfFacts {
	readonly address: string;
	/** Whether this host has the address; else it stands for any stranger's. */
	readonly isOwn: boolean;
	readonly verdict: SpfVerdict;
}
