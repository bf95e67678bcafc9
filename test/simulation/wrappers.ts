/** Where a planted fault gets between the shipped code and the world: each replaces one port by a faulty one of its kind. */

import type { AlertSink } from "../../src/ports/alert-sink.ts";
import type { Disk } from "../../src/ports/disk.ts";
import type { Door } from "../../src/ports/door.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import type { PreHook } from "../../src/ports/hook.ts";
import type { Propagation } from "../../src/ports/propagation.ts";
import type { Resolver } from "../../src/ports/resolver.ts";
import type { Services } from "../../src/ports/services.ts";
import type { Signer } from "../../src/ports/signer.ts";
import type { Policy } from "../../src/rotation/policy.ts";

export interface Wrappers {
	readonly propagation: (honest: Propagation) => Propagation;
	readonly resolver: (honest: Resolver) => Resolver;
	/** What the agent gets instead of `publishing/` around the provider. */
	readonly publishing: ((bare: DnsProvider) => DnsProvider) | null;
	readonly disk: (honest: Disk) => Disk;
	readonly door: (honest: Door) => Door;
	readonly signer: (honest: Signer) => Signer;
	readonly services: (honest: Services) => Services;
	/** Alerts, and the hooks that run after a switch. */
	readonly sink: (honest: AlertSink) => AlertSink;
	readonly pre: (honest: PreHook) => PreHook;
	/** What the agent is told to do, other than what the checker expects. */
	readonly policy: (honest: Policy) => Policy;
}

const same = <Port>(honest: Port): Port => honest;

export const HONEST: Wrappers = {
	propagation: same,
	resolver: same,
	publishing: null,
	disk: same,
	door: same,
	signer: same,
	services: same,
	sink: same,
	pre: same,
	policy: same,
};
