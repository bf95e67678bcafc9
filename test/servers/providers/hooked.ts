/** What a provider that is a program needs of this machine, with one real name server behind it. */

import { createAuthorities } from "../../../src/dns/authorities.ts";
import { createWireResolver } from "../../../src/dns/wire-resolver.ts";
import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import type { ProgramHookTools } from "../../../src/publishing/hook/program-hook.ts";
import { createPublisher } from "../../../src/publishing/publisher.ts";
import { createTurns } from "../../../src/publishing/turns.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createSystemDisk } from "../../../src/system/disk.ts";
import { createProgramTrust } from "../../../src/system/program-trust.ts";
import { createSystemPrograms } from "../../../src/system/programs.ts";
import { createSystemRandom } from "../../../src/system/random.ts";
import { createWire } from "../../../src/system/wire.ts";
import { policyOf } from "../../fakes/policies.ts";
import type { Place } from "../dns-question.ts";

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const clock = createSystemClock();
const random = createSystemRandom();

/** Every reference to a secret reads `secret`. */
export function hookTools({ address, port }: Place, secret: string): ProgramHookTools {
	const verify = { ...policyOf().verify, nameservers: [{ address, port }], resolvers: [] };
	const resolver = createWireResolver({ wire: createWire(), clock, random, systemServers: async () => [] });
	return {
		secrets: { read: async () => secret },
		programs: createSystemPrograms(),
		programTrust: createProgramTrust(createSystemDisk(), process.getuid?.() ?? 0),
		authorities: createAuthorities({ resolver, clock, verifyFor: () => verify }),
		clock,
	};
}

export function published(provider: DnsProvider): DnsProvider {
	return createPublisher({ provider, turns: createTurns(), clock, random, log: SILENT });
}
