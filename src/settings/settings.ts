/** What keyturn.yaml says, typed: durations in milliseconds, defaults filled in, one policy a domain. */

import type { EventName, TroubleName } from "../ports/alert-sink.ts";
import type { Policy, VerifyPolicy } from "../rotation/policy.ts";

export interface ServicesSettings {
	readonly manager: "systemd" | "command";
	/** In this order; the last is the signer's own service, all others count as mail server. */
	readonly stop: readonly string[];
	readonly start: readonly string[];
	/** How long the mail server stays down when the signer does not come up even with the old table, in milliseconds. */
	readonly holdMs: number;
	/** With `manager: command`: argv lists by service and action. */
	readonly commands: Readonly<
		Record<
			string,
			{
				readonly stop: readonly string[];
				readonly start: readonly string[];
				readonly reload: readonly string[];
				readonly status: readonly string[];
			}
		>
	>;
}

export interface SignerSettings {
	readonly name: string;
	readonly type: string;
	readonly swap: "restart" | "reload";
	readonly probe: boolean;
	readonly services: ServicesSettings;
	/** As the schema of its type made it. */
	readonly settings: unknown;
}

export interface ProviderSettings {
	readonly name: string;
	readonly type: string;
	/** Whether the adapter was tried on the real thing; one that was not has to be checked on the account first. */
	readonly isProven: boolean;
	/** As the schema of its type made it. */
	readonly settings: unknown;
}

export interface AlertSettings {
	readonly type: string;
	readonly on: readonly (EventName | TroubleName)[] | null;
	readonly repeatMs: number;
	/** As the schema of its type made it. */
	readonly settings: unknown;
}

export interface HooksSettings {
	/** Argv lists, in the order in which they are run. */
	readonly pre: readonly (readonly string[])[];
	readonly deploy: readonly (readonly string[])[];
	readonly post: readonly (readonly string[])[];
	/** Of each program, in milliseconds. */
	readonly timeoutMs: number;
}

export interface MetricsSettings {
	/** The file for the node exporter; null for none. */
	readonly textfile: string | null;
	/** Where they are served, on this host only; null for nowhere. */
	readonly listen: { readonly address: string; readonly port: number } | null;
}

export interface Settings {
	/** The file that it was read from. */
	readonly path: string;
	/** The state directory. */
	readonly state: string;
	/** What events call this host: as configured, or its full name as far as it is known; lower case. */
	readonly host: string;
	readonly timezone: string;
	/** Cron expression and zone in which the agent is woken, one for each that differs. */
	readonly wake: readonly { readonly expression: string; readonly timezone: string }[];
	readonly policies: readonly Policy[];
	/** What the file says for all domains. */
	readonly verify: VerifyPolicy;
	readonly signers: readonly SignerSettings[];
	readonly providers: readonly ProviderSettings[];
	readonly alerts: readonly AlertSettings[];
	readonly hooks: HooksSettings;
	readonly metrics: MetricsSettings;
	/** The file of the status page; null for none. */
	readonly pagePath: string | null;
}

/** What the door reads: `providers`, `alerts` and whatever the agent alone needs are passed over unread. */
export interface DoorSettings {
	readonly path: string;
	/** The state directory of the agent; the door's own is beside it, `<state>-door`. */
	readonly state: string;
	readonly signers: readonly SignerSettings[];
	/** The domains whose lines may change, with the signers of each: several where each of its keys has one of its own. */
	readonly domains: readonly { readonly domain: string; readonly signers: readonly string[] }[];
	/** Whether private halves of old keys may be given to the agent: `retire.publish_private`, of any domain. */
	readonly mayReveal: boolean;
	/** Domains that one signer is to sign for with keys of several algorithms. */
	readonly several: readonly string[];
}
